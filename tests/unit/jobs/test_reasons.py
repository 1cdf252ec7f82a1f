from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.policy import QueueRule, Running, Situation, best
from brickyard.jobs.reasons import Code, Reason, reasons
from brickyard.jobs.states import Priority
from tests.unit.jobs.situations import NOW, job, situation, situations

JOB = job(1)
RUNS = Running(job(9).id, "ada", Priority.STANDARD)


def told(seen: Situation, slots: int = 4, position: int | None = 1, has_failed: bool = False) -> Reason:
    return reasons(seen, slots)(seen.waiting[0], position, has_failed)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (situation(JOB, queues={"default": QueueRule(paused=True)}), Reason(Code.QUEUE_PAUSED)),
        (situation(JOB, running=[RUNS], per_owner=1), Reason(Code.LIMIT_OF_YOURS, limit=1)),
        (
            situation(JOB, running=[RUNS], queues={"default": QueueRule(running_jobs=1)}),
            Reason(Code.QUEUE_FULL, limit=1),
        ),
        (
            situation(JOB, queues={"default": QueueRule(starts=1, per_s=60, recent_starts=(NOW - 20,))}),
            Reason(Code.RATE, again_in_s=40.0),
        ),
        (situation(replace(JOB, run_after=NOW + 5)), Reason(Code.NOT_BEFORE, in_s=5.0)),
        (situation(JOB), Reason(Code.BEHIND, ahead=0)),
    ],
)
def test_each_reason_has_its_number(seen: Situation, expected: Reason) -> None:
    assert told(seen) == expected


def test_what_failed_waits_for_its_next_attempt() -> None:
    assert told(situation(replace(JOB, run_after=NOW + 5)), has_failed=True) == Reason(Code.RETRY_AT, in_s=5.0)


def test_without_a_worker_nothing_else_matters_but_what_somebody_paused() -> None:
    assert told(situation(JOB), slots=0) == Reason(Code.NO_WORKER)
    assert told(situation(JOB, queues={"default": QueueRule(paused=True)}), slots=0) == Reason(Code.QUEUE_PAUSED)


def test_so_many_go_before_it_where_that_is_known() -> None:
    assert told(situation(JOB), position=4) == Reason(Code.BEHIND, ahead=3)
    assert told(situation(JOB), position=None) == Reason(Code.BEHIND, ahead=None)


@given(situations, st.integers(1, 4))
def test_a_job_is_only_behind_others_exactly_where_it_would_start_if_it_were_alone(seen: Situation, slots: int) -> None:
    for one in seen.waiting:
        alone = replace(seen, waiting=[one])
        starts = best(alone) is not None
        assert (reasons(seen, slots)(one, 1, False).code is Code.BEHIND) == starts
