from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from brickyard.jobs.context import StepFailed, Stopped
from brickyard.jobs.hooks import DeadlinePassed, TimedOut, chain, deadline, measure, trace
from brickyard.jobs.job import Job
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import BadMedia, by_code
from brickyard.kit.metrics import registry
from tests.unit.jobs.jobs import job

Call = Callable[[], Awaitable[None]]


async def nothing() -> None: ...


async def for_ever() -> None:
    await asyncio.Event().wait()


def in_s(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


# ---- chain


def test_hooks_stand_around_the_call_the_first_outermost() -> None:
    seen: list[str] = []

    def hook(name: str) -> Callable[[Job, Call], Awaitable[None]]:
        async def around(of: Job, call: Call) -> None:
            seen.append(f"before {name} of {of.owner}")
            await call()
            seen.append(f"after {name}")

        return around

    async def call() -> None:
        seen.append("call")

    asyncio.run(_awaited(chain([hook("a"), hook("b")], job(), call)))
    assert seen == ["before a of ada", "before b of ada", "call", "after b", "after a"]


# ---- deadline


def test_a_call_within_its_limits_is_left_alone() -> None:
    asyncio.run(deadline(job(), nothing))
    asyncio.run(deadline(job(timeout_s=60.0, deadline=in_s(60)), nothing))


def test_an_attempt_that_takes_too_long_may_be_tried_again() -> None:
    with pytest.raises(TimedOut, match=r"limit of 0\.01 s") as error:
        asyncio.run(deadline(job(timeout_s=0.01), for_ever))
    assert error.value.transient
    with pytest.raises(TimedOut):
        asyncio.run(deadline(job(timeout_s=0.01, deadline=in_s(3600)), for_ever))


@pytest.mark.parametrize("left_s", [-5.0, 0.01])
def test_a_deadline_ends_the_job_for_good(left_s: float) -> None:
    with pytest.raises(DeadlinePassed, match="by its deadline") as error:
        asyncio.run(deadline(job(timeout_s=60.0, deadline=in_s(left_s)), for_ever))
    assert not error.value.transient
    with pytest.raises(DeadlinePassed):
        asyncio.run(deadline(job(deadline=in_s(left_s)), for_ever))


def test_a_clock_that_was_set_back_does_not_make_a_deadline_into_something_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    due = in_s(0.01)

    class SetBack(datetime):
        readings = iter([due - timedelta(seconds=0.01)])

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return next(cls.readings, due - timedelta(seconds=1))

    monkeypatch.setattr("brickyard.jobs.hooks.datetime", SetBack)
    with pytest.raises(DeadlinePassed):
        asyncio.run(deadline(job(deadline=due), for_ever))


def test_a_time_out_inside_the_call_is_not_taken_for_the_jobs() -> None:
    async def inner() -> None:
        raise TimeoutError("a socket's")

    with pytest.raises(TimeoutError, match="a socket's"):
        asyncio.run(deadline(job(timeout_s=60.0), inner))


# ---- measure


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "succeeded"),
        (BadMedia("cut off"), "bad_media"),
        (StepFailed(BadMedia("cut off")), "bad_media"),
        (StepFailed(ZeroDivisionError()), "internal"),
        (Stopped(Wanted.PAUSE), "stopped"),
    ],
)
def test_attempts_are_counted_by_outcome(error: BaseException | None, outcome: str) -> None:
    async def call() -> None:
        if error:
            raise error

    def count(name: str, **labels: str) -> float:
        return registry.get_sample_value(name, {"pipeline": "measured", **labels}) or 0.0

    names = [("attempts_total", {}), ("attempts_ended_total", {"outcome": outcome}), ("attempt_seconds_count", {})]
    before = [count(f"brickyard_job_{name}", **labels) for name, labels in names]
    if error is None:
        asyncio.run(measure(job(pipeline="measured"), call))
    else:
        with pytest.raises(type(error)):
            asyncio.run(measure(job(pipeline="measured"), call))
    assert [count(f"brickyard_job_{name}", **labels) for name, labels in names] == [n + 1 for n in before]


def test_a_failed_attempts_error_has_a_code_that_programs_know() -> None:
    assert isinstance(by_code("deadline", "late"), DeadlinePassed)
    assert isinstance(by_code("timeout", "slow"), TimedOut)


# ---- trace


def test_every_line_that_is_logged_meanwhile_names_the_job() -> None:
    seen: dict[str, object] = {}

    async def call() -> None:
        seen.update(structlog.contextvars.get_contextvars())

    asyncio.run(trace(job(), call))
    assert seen == {"job": str(job().id), "pipeline": "toy"}
    assert "job" not in structlog.contextvars.get_contextvars()


async def _awaited(call: Call) -> None:
    await call()
