from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.media.timeline import LONGEST_GAP_S, Damage, on_the_clock


@dataclass
class Sound:
    time: float | None
    samples: int = 16_000
    sample_rate: int = 16_000


def gaps(times: list[float | None], start_s: float | None = None, expected_s: float | None = None) -> list[float]:
    damage = Damage()
    return [round(gap, 6) for gap, _ in on_the_clock(map(Sound, times), start_s, expected_s, damage)]


def test_sound_without_breaks_has_no_gaps() -> None:
    assert gaps([0, 1, 2]) == [0, 0, 0]
    assert gaps([None, None]) == [0, 0]


def test_the_clock_begins_with_the_sound_where_there_is_no_video() -> None:
    assert gaps([7, 8]) == [0, 0]


def test_sound_that_begins_after_the_video_is_moved_back_to_its_place() -> None:
    assert gaps([2.5, 3.5], start_s=0.0) == [2.5, 0]
    assert gaps([12.5, 13.5], start_s=10.0) == [2.5, 0]


def test_missing_sound_is_counted() -> None:
    damage = Damage()
    assert [gap for gap, _ in on_the_clock(map(Sound, [0, 1, 5, 6]), None, 7, damage)] == [0, 0, 3, 0]
    assert (damage.silences, damage.silence_s) == (1, 3)


def test_jitter_is_no_gap_but_what_adds_up_is() -> None:
    assert gaps([0, 1.05, 2.0, 2.95]) == [0, 0, 0, 0]
    assert sum(gaps([0, 1.06, 2.12, 3.18])) == pytest.approx(0.12)


def test_a_gap_beyond_what_the_file_promises_is_a_broken_clock() -> None:
    assert gaps([0, 1, 1e9, 1e9 + 1], expected_s=10) == [0, 0, 0, 0]
    assert gaps([0, 1, LONGEST_GAP_S + 2]) == [0, 0, 0]


def test_a_clock_set_anew_is_followed() -> None:
    assert gaps([0, 1, 2, 0, 1, 4]) == [0, 0, 0, 0, 0, 2]


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=30), st.floats(1, 100))
def test_no_clock_makes_the_sound_longer_than_promised(times: list[float | None], expected_s: float) -> None:
    total = sum(gaps(times, expected_s=expected_s))
    assert total <= expected_s + 1.001
