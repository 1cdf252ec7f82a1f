"""Hooks: what happens around every job, outside the steps. Each gets the job and the call, and must make the call.

A worker runs them in the given order, the first outermost. To add one, write such a function and name it in the
worker's `hooks`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import structlog
from prometheus_client import Counter, Histogram

from brickyard.jobs.context import StepFailed
from brickyard.jobs.job import Job
from brickyard.kit.errors import BrickyardError
from brickyard.kit.logs import get
from brickyard.kit.metrics import registry

Call = Callable[[], Awaitable[None]]
Hook = Callable[[Job, Call], Awaitable[None]]

log = get(__name__)

STARTED = Counter("brickyard_job_attempts", "Attempts started", ["pipeline"], registry=registry)
ENDED = Counter(
    "brickyard_job_attempts_ended", "Attempts ended, by outcome", ["pipeline", "outcome"], registry=registry
)
SECONDS = Histogram(
    "brickyard_job_attempt_seconds",
    "Wall time of an attempt",
    ["pipeline"],
    buckets=(1, 5, 15, 60, 300, 900, 3600, 10800),
    registry=registry,
)


class DeadlinePassed(BrickyardError):
    status = 504
    code = "deadline"


class TimedOut(BrickyardError):
    status = 504
    code = "timeout"
    transient = True


async def deadline(job: Job, call: Call) -> None:
    """Ends the attempt at the job's deadline, for good, or after its time-out, which counts as a failed attempt."""
    timeout_s = math.inf if job.timeout_s is None else job.timeout_s
    left_s = math.inf if job.deadline is None else (job.deadline - datetime.now(UTC)).total_seconds()
    limit_s = max(0.0, min(timeout_s, left_s))
    try:
        async with asyncio.timeout(limit_s if limit_s < math.inf else None) as limit:
            await call()
    except TimeoutError as error:
        if not limit.expired():
            raise
        if job.deadline is not None and left_s <= timeout_s:
            raise DeadlinePassed(f"The job had not ended by its deadline, {job.deadline.isoformat()}.") from error
        raise TimedOut(f"The attempt took longer than its limit of {timeout_s:g} s.") from error


async def measure(job: Job, call: Call) -> None:
    """Counts attempts and their outcomes for Prometheus."""
    STARTED.labels(job.pipeline).inc()
    begun = time.monotonic()
    outcome = "stopped"
    try:
        await call()
        outcome = "succeeded"
    except (BrickyardError, StepFailed) as failure:
        error = failure.error if isinstance(failure, StepFailed) else failure
        outcome = error.code if isinstance(error, BrickyardError) else BrickyardError.code
        raise
    finally:
        ENDED.labels(job.pipeline, outcome).inc()
        SECONDS.labels(job.pipeline).observe(time.monotonic() - begun)


async def trace(job: Job, call: Call) -> None:
    """Names the job in every line that is logged while it runs."""
    with structlog.contextvars.bound_contextvars(job=str(job.id), pipeline=job.pipeline):
        log.info("attempt begins", attempt=job.attempts, owner=job.owner)
        await call()
        log.info("attempt ended well")


DEFAULT: tuple[Hook, ...] = (trace, measure, deadline)


def chain(hooks: Sequence[Hook], job: Job, call: Call) -> Call:
    """One call that goes through all hooks."""
    for hook in reversed(hooks):
        call = partial(hook, job, call)
    return call
