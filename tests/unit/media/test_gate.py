from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.media.gate import COLUMNS, HEIGHT, ROWS, WIDTH, Gate, Gray, tiles


def plain(level: int = 120) -> Gray:
    return np.full((HEIGHT, WIDTH), level, dtype=np.uint8)


def with_text(picture: Gray, top: int = 20, left: int = 20, letters: int = 8) -> Gray:
    """Strokes as high as small letters of a 720 lines picture."""
    written = picture.copy()
    for letter in range(letters):
        written[top : top + 6, left + 5 * letter : left + 5 * letter + 2] = 20
    return written


def noise(seed: int, rows: slice = slice(0, HEIGHT)) -> Gray:
    """A picture whose rows are different each time."""
    picture = plain()
    chance = np.random.default_rng(seed)
    picture[rows] = chance.integers(0, 256, (len(range(*rows.indices(HEIGHT))), WIDTH), dtype=np.uint8)
    return picture


def kept(pictures: list[Gray]) -> list[int]:
    gate = Gate()
    return [second for second, picture in enumerate(pictures) if gate.keeps(picture, float(second))]


def test_a_picture_that_stays_is_kept_once() -> None:
    assert kept([plain()] * 30) == [0]


def test_a_codecs_noise_is_no_change() -> None:
    chance = np.random.default_rng(1)
    noisy = [(plain() + chance.integers(-2, 3, (HEIGHT, WIDTH))).astype(np.uint8) for _ in range(20)]
    assert kept(noisy) == [0]


def test_a_line_that_comes_and_goes_is_seen_both_times() -> None:
    assert kept([plain()] * 3 + [with_text(plain())] * 4 + [plain()] * 3) == [0, 3, 7]


def test_one_letter_more_is_a_change() -> None:
    assert kept([with_text(plain(), letters=8)] * 3 + [with_text(plain(), letters=9)] * 3) == [0, 3]


def test_one_letter_that_is_another_is_a_change() -> None:
    other = with_text(plain())
    other[20:23, 42:44] = 20
    assert kept([with_text(plain())] * 3 + [other] * 3) == [0, 3]


def test_what_moves_all_the_time_is_read_only_now_and_then() -> None:
    assert len(kept([noise(second) for second in range(60)])) <= 60 / 3 + 3


def test_each_slide_of_a_fast_show_is_seen() -> None:
    slides = [with_text(plain(), left=20 + 60 * (number % 4)) for number in range(12) for _ in range(2)]
    assert {second // 2 for second in kept(slides)} == set(range(12))


def test_text_beside_something_that_moves_is_seen_at_once() -> None:
    moving = [noise(second, slice(120, HEIGHT)) for second in range(40)]
    before = set(kept(moving))
    written = [with_text(picture) if second >= 24 else picture for second, picture in enumerate(moving)]
    assert 24 in set(kept(written))
    assert 24 not in before


def test_text_on_a_bar_over_something_that_moves_is_seen_within_seconds() -> None:
    def lower_third(second: int) -> Gray:
        picture = noise(second)
        if second >= 20:
            picture[130:165] = with_text(plain(), top=10)[:35]
        return picture

    assert any(20 <= second <= 22 for second in kept([lower_third(second) for second in range(30)]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=20))
def test_the_first_picture_and_every_cut_is_kept(levels: list[int]) -> None:
    """However the scenes follow each other, what is seen at last is never far from what was kept last."""
    pictures = [plain(level) for level in levels for _ in range(8)]
    found = kept(pictures)
    assert found[0] == 0
    assert tiles(pictures[-1], pictures[found[-1]]).max() <= 3.5


def test_differences_are_told_by_tile() -> None:
    changed = plain()
    changed[: HEIGHT // ROWS, : WIDTH // COLUMNS] += 30
    found = tiles(changed, plain())
    assert found.shape == (ROWS, COLUMNS)
    assert found[0, 0] == pytest.approx(30)
    assert found.sum() == pytest.approx(30)
