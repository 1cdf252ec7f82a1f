from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.context import StepContext
from brickyard.jobs.estimates import ENOUGH_CHUNKS, remaining_s
from brickyard.jobs.job import StepProgress
from brickyard.jobs.pipeline import Pipeline, Step

THEN = datetime(2026, 1, 1, tzinfo=UTC)
RATES = {"decode": 100.0, "speech": 50.0, "asr": 10.0, "diarize": 5.0, "join": 1000.0}


async def nothing(_: StepContext) -> None: ...


DIAMOND = Pipeline(
    "diamond",
    (
        Step("decode", nothing),
        Step("speech", nothing, needs=("decode",)),
        Step("asr", nothing, needs=("speech",)),
        Step("diarize", nothing, needs=("decode",)),
        Step("join", nothing, needs=("asr", "diarize")),
    ),
)


def progress(
    name: str,
    done_s: float = 0.0,
    total_s: float | None = 600.0,
    *,
    busy_s: float = 0.0,
    chunks: int = 0,
    end: bool = False,
) -> StepProgress:
    return StepProgress(name, THEN, THEN if end else None, chunks, None, done_s, total_s, busy_s)


def ended(*names: str) -> list[StepProgress]:
    return [progress(name, 600.0, 600.0, busy_s=1.0, end=True) for name in names]


def test_steps_beside_each_other_take_as_long_as_the_slower_way() -> None:
    speech_and_asr_s, diarize_s = 600 / 50 + 600 / 10, 600 / 5
    expected = 600 / 100 + max(speech_and_asr_s, diarize_s) + 600 / 1000
    assert remaining_s(DIAMOND, 600.0, [], RATES) == pytest.approx(expected)


def test_what_is_done_is_not_counted_again() -> None:
    begun = [*ended("decode", "speech"), progress("asr", 540.0), progress("diarize", 300.0)]
    assert remaining_s(DIAMOND, 600.0, begun, RATES) == pytest.approx(max(60 / 10, 300 / 5) + 0.6)


def test_nothing_remains_when_all_steps_have_ended() -> None:
    assert remaining_s(DIAMOND, 600.0, ended(*RATES), {}) == 0.0


@pytest.mark.parametrize("missing", RATES)
def test_without_a_measured_speed_of_a_step_that_remains_nothing_is_said(missing: str) -> None:
    rates = {name: rate for name, rate in RATES.items() if name != missing}
    assert remaining_s(DIAMOND, 600.0, [], rates) is None
    assert remaining_s(DIAMOND, 600.0, ended(missing), rates) is not None


def test_a_step_that_has_begun_tells_its_own_speed_where_no_other_is_known() -> None:
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 60.0, 600.0, busy_s=30.0, chunks=1)]
    assert remaining_s(DIAMOND, 600.0, begun, {}) == pytest.approx(540 / 2)


@pytest.mark.parametrize(("chunks", "rate"), [(ENOUGH_CHUNKS - 1, 10.0), (ENOUGH_CHUNKS, 2.0)])
def test_the_own_speed_counts_more_than_that_of_earlier_jobs_after_a_few_chunks(chunks: int, rate: float) -> None:
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 60.0, 600.0, busy_s=30.0, chunks=chunks)]
    assert remaining_s(DIAMOND, 600.0, begun, RATES) == pytest.approx(540 / rate)


def test_a_steps_own_amount_of_work_goes_before_that_of_the_job() -> None:
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 0.0, 50.0)]
    assert remaining_s(DIAMOND, 600.0, begun, RATES) == pytest.approx(5.0)


def test_a_step_with_nothing_to_do_takes_no_time_even_unmeasured() -> None:
    """A recording without speech: there is nothing to recognize."""
    begun = [*ended("decode", "speech", "diarize", "join"), progress("asr", 0.0, 0.0)]
    assert remaining_s(DIAMOND, 600.0, begun, {}) == 0.0


def test_nothing_is_said_of_a_job_that_does_not_know_how_much_there_is() -> None:
    assert remaining_s(DIAMOND, 0.0, [], RATES) is None


@given(st.lists(st.floats(0.1, 1000), min_size=5, max_size=5), st.floats(1, 10_000), st.data())
def test_the_estimate_lies_between_the_longest_step_and_all_in_a_row(
    speeds: list[float], work_s: float, data: st.DataObject
) -> None:
    rates = dict(zip(RATES, speeds, strict=True))
    done_s = [data.draw(st.floats(0, work_s)) for _ in rates]
    begun = [progress(name, done, work_s) for name, done in zip(rates, done_s, strict=True)]
    each = [(work_s - done) / rate for done, rate in zip(done_s, speeds, strict=True)]
    found = remaining_s(DIAMOND, work_s, begun, rates)
    assert found is not None
    assert max(each) - 1e-6 <= found <= sum(each) + 1e-6
