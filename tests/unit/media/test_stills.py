from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.media.stills import looks


@dataclass
class Stamped:
    time: float | None


def times(stamps: list[float | None], start_s: float = 0.0, every_s: float = 1.0) -> list[float]:
    return [time_s for time_s, _ in looks(iter(map(Stamped, stamps)), start_s, every_s)]


def test_one_frame_of_each_second_is_looked_at() -> None:
    assert times([n / 25 for n in range(100)]) == [0.0, 1.0, 2.0, 3.0]


def test_time_counts_from_the_start_of_the_recording() -> None:
    assert times([100.0, 100.5, 101.0], start_s=100.0) == [0.0, 1.0]


def test_frames_without_a_time_are_passed_over() -> None:
    assert times([None, 0.2, None, 1.1]) == [0.2, 1.1]


@given(st.lists(st.floats(0, 1000), max_size=200), st.floats(0.1, 10))
def test_looks_go_forward_and_never_come_twice_in_a_stretch(stamps: list[float], every_s: float) -> None:
    found = times(list(stamps), every_s=every_s)
    assert found == sorted(found)
    assert len({int(time_s // every_s) for time_s in found}) == len(found)
    if stamps:
        assert found[0] == pytest.approx(stamps[0])
