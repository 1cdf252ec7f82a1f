from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.batches import (
    DAY_S,
    FIRST_S,
    GROWS_AFTER,
    Learned,
    Limit,
    after_failure,
    after_success,
    best,
    size,
)
from brickyard.bricks.ladder import halved

sizes = st.sets(st.integers(1, 64), min_size=1, max_size=8).map(sorted)
SIZES = (1, 2, 4, 8)


class Clock:
    def __init__(self, now: float = 1e9) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def chunk(learned: Learned, batches: list[int], wanted: int, room: int) -> int:
    """One chunk on a device with room for `room`, as a brick computes it; the size it was done at."""
    batch = learned.size("m", "d", batches, wanted)
    while batch > room:
        smaller = halved(batch, batches)
        assert smaller is not None, "there is room for the smallest"
        learned.failed("m", "d", batches, batch)
        batch = smaller
    learned.worked("m", "d", batches, batch)
    return batch


# ---- the pure part


@given(sizes, st.data())
def test_a_size_that_failed_is_not_used_again_while_that_is_fresh(batches: list[int], data: st.DataObject) -> None:
    now, limit = 0.0, None
    failed: dict[int, float] = {}
    for _ in range(data.draw(st.integers(1, 40))):
        now += data.draw(st.sampled_from([1.0, FIRST_S / 2, FIRST_S, DAY_S]))
        used = size(limit, batches, data.draw(st.sampled_from(batches)))
        fresh = [each for each, at in failed.items() if now - at < FIRST_S]
        assert used in batches
        assert used == batches[0] or all(used < each for each in fresh)
        if data.draw(st.booleans()):
            failed[used] = now
            limit = after_failure(limit, batches, used, now)
        else:
            limit = after_success(limit, batches, used, now)


@given(sizes, st.data())
def test_it_finds_the_largest_size_there_is_room_for_and_stays_there(batches: list[int], data: st.DataObject) -> None:
    room = data.draw(st.integers(batches[0], batches[-1]))
    learned = Learned(clock=Clock())
    done = [chunk(learned, batches, batches[-1], room) for _ in range(len(batches) + 1)]
    assert done[-1] == max(each for each in batches if each <= room)
    assert done[-1] == done[-2]


@given(sizes, st.data())
def test_once_there_is_more_room_it_grows_back(batches: list[int], data: st.DataObject) -> None:
    room, later = sorted(data.draw(st.lists(st.integers(batches[0], batches[-1]), min_size=2, max_size=2)))
    clock = Clock()
    learned = Learned(clock=clock)
    for _ in range(len(batches) + 1):
        chunk(learned, batches, batches[-1], room)
    clock.now += DAY_S
    done = [chunk(learned, batches, batches[-1], later) for _ in range(len(batches) * (GROWS_AFTER + 1))]
    assert done[-1] == max(each for each in batches if each <= later)


def test_it_grows_by_one_step_after_so_many_chunks() -> None:
    limit: Limit | None = after_failure(None, SIZES, 4, 0.0)
    assert size(limit, SIZES, 8) == 2
    for _ in range(2 * GROWS_AFTER):
        limit = after_success(limit, SIZES, 2, FIRST_S - 1)
    assert size(limit, SIZES, 8) == 2, "the failure is fresh"
    for _ in range(GROWS_AFTER):
        assert size(limit, SIZES, 8) == 2
        limit = after_success(limit, SIZES, 2, FIRST_S)
    assert size(limit, SIZES, 8) == 4
    for _ in range(GROWS_AFTER):
        limit = after_success(limit, SIZES, 4, FIRST_S)
    assert limit is None


def test_what_keeps_failing_is_tried_ever_more_seldom() -> None:
    now, pauses, limit = 0.0, [], None
    for _ in range(10):
        limit = after_failure(limit, SIZES, 8, now)
        pauses.append(limit.until - now)
        now = limit.until
    assert pauses[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert pauses[-1] == DAY_S


def test_chunks_below_the_limit_prove_nothing() -> None:
    limit = after_failure(None, SIZES, 8, 0.0)
    for _ in range(2 * GROWS_AFTER):
        limit = after_success(limit, SIZES, 2, 2 * DAY_S)
    assert size(limit, SIZES, 8) == 4


def test_the_smallest_size_is_always_left() -> None:
    assert size(after_failure(None, SIZES, 1, 0.0), SIZES, 8) == 1
    assert size(after_failure(None, SIZES, 2, 0.0), SIZES, 8) == 1
    assert size(None, (4, 8), 2) == 4


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ({}, 8),
        ({2: 77, 4: 95, 8: 109, 16: 112, 32: 115}, 8),
        ({1: 30, 8: 71, 16: 77, 64: 79}, 16),
        ({1: 10, 2: 10}, 1),
        ({128: 10}, 8),
    ],
)
def test_the_best_size_is_the_last_that_brings_speed(speeds: dict[int, float], chosen: int) -> None:
    assert best((1, 2, 4, 8, 16, 32, 64), speeds) == chosen


# ---- the file


def test_what_was_learned_is_known_to_the_next_process(tmp_path: Path) -> None:
    file, clock = tmp_path / "learned" / "asr.json", Clock()
    Learned(file, clock).failed("turbo", "cuda:0", SIZES, 8)
    again = Learned(file, clock)
    assert again.size("turbo", "cuda:0", SIZES, 8) == 4
    assert again.size("turbo", "cuda:1", SIZES, 8) == 8
    assert again.size("small", "cuda:0", SIZES, 8) == 8
    clock.now += DAY_S
    for _ in range(GROWS_AFTER):
        again.worked("turbo", "cuda:0", SIZES, 4)
    assert Learned(file, clock).size("turbo", "cuda:0", SIZES, 8) == 8
    assert [path.name for path in file.parent.iterdir()] == ["asr.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"limits": []}',
        '{"limits": {"m on d": 4}}',
        '{"limits": {"m on d": {"most": 0, "until": 1, "went_well": 0}}}',
        '{"limits": {"m on d": {"most": "4", "until": 1, "went_well": 0}}}',
        '{"limits": {"m on d": {"most": 4, "until": null, "went_well": 0}}}',
    ],
)
def test_a_file_that_something_else_wrote_counts_as_empty(tmp_path: Path, content: str) -> None:
    file = tmp_path / "asr.json"
    file.write_text(content)
    learned = Learned(file)
    assert learned.size("m", "d", SIZES, 8) == 8
    learned.failed("m", "d", SIZES, 8)
    assert json.loads(file.read_text())["limits"]["m on d"]["most"] == 4


def test_a_clock_that_was_wrong_forbids_nothing_for_years(tmp_path: Path) -> None:
    file, clock = tmp_path / "asr.json", Clock(9e9)
    Learned(file, clock).failed("m", "d", SIZES, 8)
    clock.now = 1e9
    learned = Learned(file, clock)
    clock.now += DAY_S
    for _ in range(GROWS_AFTER):
        learned.worked("m", "d", SIZES, 4)
    assert learned.size("m", "d", SIZES, 8) == 8


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    learned = Learned(tmp_path / "file" / "asr.json")
    learned.failed("m", "d", SIZES, 8)
    assert learned.size("m", "d", SIZES, 8) == 4
