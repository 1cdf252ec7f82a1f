from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.ladder import NEARLY_NOTHING_MIB, Attempt, Rung, halved, is_alone, next_rung

LAST = {Rung.RETRY_LATER, Rung.GIVE_UP}

sizes = st.sets(st.integers(1, 64), min_size=1, max_size=8).map(sorted)


def climbed(attempt: Attempt, batches: list[int]) -> list[tuple[Rung, int]]:
    """Every rung with the batch that failed before it, where nothing ever fits."""
    found = []
    while not found or found[-1][0] not in LAST:
        rung, following = next_rung(attempt, batches)
        found.append((rung, attempt.batch))
        attempt = following
    return found


def test_the_cheapest_remedy_comes_first() -> None:
    assert climbed(Attempt(8), [1, 2, 4, 8]) == [
        (Rung.DROP_CACHES, 8),
        (Rung.HALVE_BATCH, 8),
        (Rung.HALVE_BATCH, 4),
        (Rung.HALVE_BATCH, 2),
        (Rung.MAKE_ROOM, 1),
        (Rung.RETRY_LATER, 1),
    ]


def test_weights_have_no_batch_to_halve() -> None:
    assert [rung for rung, _ in climbed(Attempt(0), [])] == [Rung.DROP_CACHES, Rung.MAKE_ROOM, Rung.RETRY_LATER]


def test_one_who_is_alone_gives_up() -> None:
    assert next_rung(Attempt(1, dropped=True, made_room=True, alone=True), [1, 2])[0] is Rung.GIVE_UP


@given(sizes, st.data())
def test_every_climb_ends_after_each_remedy_was_tried(batches: list[int], data: st.DataObject) -> None:
    batch = data.draw(st.sampled_from(batches))
    rungs = climbed(Attempt(batch), batches)
    names = [rung for rung, _ in rungs]
    assert names[0] is Rung.DROP_CACHES
    assert names[-2:] == [Rung.MAKE_ROOM, Rung.RETRY_LATER]
    assert set(names[1:-2]) <= {Rung.HALVE_BATCH}
    tried = [size for _, size in rungs[1:-1]]
    assert tried[0] == batch
    assert tried[-1] == batches[0], "others are disturbed only for the smallest"
    assert all(2 * after <= before or after == batches[0] for before, after in pairwise(tried))
    assert set(tried) <= set(batches)


@given(sizes, st.integers(1, 100))
def test_half_is_a_smaller_size_that_exists(batches: list[int], batch: int) -> None:
    found = halved(batch, batches)
    if found is None:
        assert all(size >= batch for size in batches)
    else:
        assert found in batches
        assert found < batch


@pytest.mark.parametrize(
    ("others_mib", "needed_mib", "alone"),
    [(0, 100, True), (NEARLY_NOTHING_MIB, 10, True), (NEARLY_NOTHING_MIB + 1, 10, False), (300, 4000, True)],
)
def test_what_would_not_make_the_difference_counts_as_nothing(others_mib: int, needed_mib: int, alone: bool) -> None:
    assert is_alone(others_mib, needed_mib) is alone
