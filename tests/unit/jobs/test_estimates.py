from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.context import StepContext
from brickyard.jobs.estimates import ENOUGH_CHUNKS, LEAST_DELAY, MOST_DELAY, Speed, demand, later
from brickyard.jobs.job import StepProgress
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.jobs.policy import Demand

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SPEEDS = {
    "decode": Speed(100.0),
    "speech": Speed(50.0),
    "asr": Speed(7.0, 0.1),
    "diarize": Speed(3.0, 0.2),
    "join": Speed(1000.0),
}
"""By the clock the two that use the device are slower than it is: they waited for others."""


async def nothing(_: StepContext) -> None: ...


def nobody_asked(params: Mapping[str, Any]) -> bool:
    return not params.get("diarize", True)


DIAMOND = Pipeline(
    "diamond",
    (
        Step("decode", nothing),
        Step("speech", nothing, needs=("decode",)),
        Step("asr", nothing, needs=("speech",), at_once=3),
        Step("diarize", nothing, needs=("decode",), at_once=3, skipped=nobody_asked),
        Step("join", nothing, needs=("asr", "diarize")),
    ),
)


def progress(
    name: str,
    done_s: float = 0.0,
    total_s: float | None = 600.0,
    *,
    busy_s: float = 0.0,
    device_s: float = 0.0,
    chunks: int = 0,
    end: bool = False,
) -> StepProgress:
    return StepProgress(name, THEN, THEN if end else None, chunks, None, done_s, total_s, busy_s, device_s)


def ended(*names: str) -> list[StepProgress]:
    return [progress(name, 600.0, 600.0, busy_s=1.0, end=True) for name in names]


def test_seconds_of_the_device_add_up_and_no_waiting_is_counted() -> None:
    found = demand(DIAMOND, 600.0, [], SPEEDS, 1.0)
    assert found is not None
    assert found.device_s == pytest.approx(60 + 120)
    assert found.alone_s == pytest.approx(600 / 100 + 60 + 120 + 600 / 1000), "speech is found meanwhile"


def test_on_a_wide_device_the_longest_way_counts() -> None:
    found = demand(DIAMOND, 600.0, [], SPEEDS, 3.0)
    assert found is not None
    assert found.device_s == pytest.approx(180)
    in_turn_s = 600 / 100 + max(180 / 3, 600 / 50 + 60 / 3) + 600 / 1000
    assert found.alone_s == pytest.approx(in_turn_s)
    wider = demand(DIAMOND, 600.0, [], SPEEDS, 16.0)
    assert wider is not None
    assert wider.alone_s == pytest.approx(600 / 100 + 120 / 3 + 600 / 1000), "three chunks at once, however wide it is"


def test_steps_that_use_no_device_take_their_time_beside_each_other() -> None:
    speeds = {name: Speed(speed.x_realtime) for name, speed in SPEEDS.items()}
    found = demand(DIAMOND, 600.0, [], speeds, 1.0)
    assert found is not None
    assert found.device_s == 0.0
    assert found.alone_s == pytest.approx(600 / 100 + max(600 / 50 + 600 / 7, 600 / 3) + 600 / 1000)


def test_what_is_done_is_not_counted_again() -> None:
    begun = [*ended("decode", "speech"), progress("asr", 540.0), progress("diarize", 300.0)]
    found = demand(DIAMOND, 600.0, begun, SPEEDS, 1.0)
    assert found is not None
    assert found.device_s == pytest.approx(6 + 60)
    assert found.alone_s == pytest.approx(6 + 60 + 0.6)


def test_what_this_job_will_not_do_is_not_counted_nor_need_it_be_measured() -> None:
    speeds = {name: speed for name, speed in SPEEDS.items() if name != "diarize"}
    found = demand(DIAMOND, 600.0, [], speeds, 1.0, params={"diarize": False})
    assert found is not None
    assert found.device_s == pytest.approx(60)
    assert found.alone_s == pytest.approx(6 + 12 + 60 + 0.6)
    assert demand(DIAMOND, 600.0, [], speeds, 1.0, params={"diarize": True}) is None


def test_nothing_remains_when_all_steps_have_ended() -> None:
    assert demand(DIAMOND, 600.0, ended(*SPEEDS), {}, 1.0) == Demand(0.0, 0.0)


@pytest.mark.parametrize("missing", SPEEDS)
def test_without_a_measured_speed_of_a_step_that_remains_nothing_is_said(missing: str) -> None:
    speeds = {name: speed for name, speed in SPEEDS.items() if name != missing}
    assert demand(DIAMOND, 600.0, [], speeds, 1.0) is None
    assert demand(DIAMOND, 600.0, ended(missing), speeds, 1.0) is not None


def test_a_step_that_has_begun_tells_its_own_speed_where_no_other_is_known() -> None:
    others = ended("decode", "speech", "diarize", "join")
    by_clock = [*others, progress("asr", 60.0, busy_s=30.0, chunks=1)]
    assert demand(DIAMOND, 600.0, by_clock, {}, 1.0) == Demand(0.0, 540 / 2)
    of_device = [*others, progress("asr", 60.0, busy_s=30.0, device_s=15.0, chunks=1)]
    assert demand(DIAMOND, 600.0, of_device, {}, 1.0) == Demand(540 / 4, 540 / 4)


@pytest.mark.parametrize(("chunks", "device_s_per_s"), [(ENOUGH_CHUNKS - 1, 0.1), (ENOUGH_CHUNKS, 0.25)])
def test_the_own_speed_counts_more_than_that_of_earlier_jobs_after_a_few_chunks(
    chunks: int, device_s_per_s: float
) -> None:
    others = ended("decode", "speech", "diarize", "join")
    begun = [*others, progress("asr", 60.0, busy_s=30.0, device_s=15.0, chunks=chunks)]
    found = demand(DIAMOND, 600.0, begun, SPEEDS, 1.0)
    assert found is not None
    assert found.device_s == pytest.approx(540 * device_s_per_s)


def test_a_steps_own_amount_of_work_goes_before_that_of_the_job() -> None:
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 0.0, 50.0)]
    found = demand(DIAMOND, 600.0, begun, SPEEDS, 1.0)
    assert found is not None
    assert found.device_s == pytest.approx(5.0)


def test_a_step_with_nothing_to_do_takes_no_time_even_unmeasured() -> None:
    """A recording without speech: there is nothing to recognize."""
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 0.0, 0.0)]
    assert demand(DIAMOND, 600.0, begun, {}, 1.0) == Demand(0.0, 0.0)


def test_nothing_is_said_of_a_job_until_something_tells_how_much_there_is() -> None:
    assert demand(DIAMOND, 0.0, [], SPEEDS, 1.0) is None
    told = demand(DIAMOND, 0.0, [*ended("decode"), progress("speech", 0.0, 600.0)], SPEEDS, 1.0)
    assert told is not None
    assert told.device_s == pytest.approx(180), "a step that has begun says it for those that have not"


@given(
    st.lists(st.tuples(st.floats(0.1, 1000), st.just(0.0) | st.floats(0.001, 2)), min_size=5, max_size=5),
    st.floats(1, 10_000),
    st.sampled_from([0.5, 1.0, 2.0, 8.0]),
    st.data(),
)
def test_alone_a_job_takes_no_less_than_its_longest_step_and_no_more_than_all_in_a_row(
    speeds: list[tuple[float, float]], work_s: float, slots: float, data: st.DataObject
) -> None:
    known = {name: Speed(*speed) for name, speed in zip(SPEEDS, speeds, strict=True)}
    done_s = [data.draw(st.floats(0, work_s)) for _ in known]
    begun = [progress(name, done, work_s) for name, done in zip(known, done_s, strict=True)]
    each = []
    for step, done in zip(DIAMOND.steps, done_s, strict=True):
        speed = known[step.name]
        by_clock_s, on_device_s = 1 / speed.x_realtime, speed.device_s_per_s / min(slots, step.at_once)
        each.append((work_s - done) * (on_device_s or by_clock_s))
    found = demand(DIAMOND, work_s, begun, known, slots)
    assert found is not None
    assert max(each) - 1e-6 <= found.alone_s <= sum(each) + 1e-6
    assert found.alone_s >= found.device_s / slots - 1e-6


# ---- later


@given(st.floats(0.001, 1000), st.lists(st.floats(0.2, 10), max_size=20))
def test_what_is_learned_stays_within_what_was_measured(first: float, measured: list[float]) -> None:
    factor = later(1.0, 0, first)
    bounded = [min(max(first, LEAST_DELAY), MOST_DELAY), *measured]
    for samples, delay in enumerate(measured, start=1):
        factor = later(factor, samples, delay)
    assert min(bounded) * 0.999 <= factor <= max(bounded) * 1.001


def test_twice_as_long_and_half_as_long_cancel_out() -> None:
    assert later(later(1.0, 0, 2.0), 1, 0.5) == pytest.approx(1.0)
    assert later(2.0, 1000, 2.0) == pytest.approx(2.0)


def test_one_odd_job_hardly_moves_what_many_have_shown() -> None:
    assert later(1.5, 500, 10.0) == pytest.approx(1.5, rel=0.05)
