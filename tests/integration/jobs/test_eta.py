"""What is foretold of jobs that share a device, against what becomes of them."""

from __future__ import annotations

import asyncio
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from brickyard.bricks.runner import AHEAD, Computed, each_chunk
from brickyard.echo.queue.schemas import JobView
from brickyard.echo.queue.service import Queue
from brickyard.jobs.context import StepContext
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.jobs.states import JobState
from brickyard.kit.logs import get
from tests.integration.jobs.conftest import Bench
from tests.integration.jobs.toys import PIPELINES

pytestmark = pytest.mark.slow

log = get(__name__)

CHUNK_S = 0.05
AUDIO_S = 10.0
"""Of a chunk."""
RUNNING_JOBS = 3
LENGTHS = (12, 30, 20, 8, 40, 16, 24, 10, 32, 18)
"""Of the jobs, in chunks."""


class PretendDevice:
    """Computes one chunk at a time, each in the same time, in order of arrival."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1)
        self._never = threading.Event()

    async def compute(self, _: int) -> Computed:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._never.wait, CHUNK_S)
        return Computed({}, CHUNK_S)

    def close(self) -> None:
        self._threads.shutdown()


@pytest.fixture
def queue(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Jobs of a step that uses no device, and one that does."""
    device = PretendDevice()

    async def read(context: StepContext) -> Any:
        await context.begin(work_total_s=context.job.work_s)
        await asyncio.sleep(0.1)

    async def compute(context: StepContext) -> Any:
        chunks = range(round(context.job.work_s / AUDIO_S))
        await each_chunk(context, chunks, lambda _: AUDIO_S, device.compute)

    steps = (Step("read", read), Step("compute", compute, needs=("read",), at_once=AHEAD))
    pipeline = Pipeline("device", steps)
    monkeypatch.setitem(PIPELINES, "device", pipeline)
    yield Queue(bench.engine, {"device": pipeline}, cap=RUNNING_JOBS, device_slots=1.0)
    bench.rest()
    device.close()


def submitted(bench: Bench, queue: Queue, owner: str, chunks: int) -> JobView:
    return queue.view(bench.submit("device", owner=owner, work_s=chunks * AUDIO_S))


def test_the_time_left_that_is_told_holds_while_jobs_share_a_device(bench: Bench, queue: Queue) -> None:
    first = submitted(bench, queue, "somebody", 10)
    assert first.eta_s is None, "nothing has been measured yet"
    bench.work(running_jobs=RUNNING_JOBS)
    bench.ended(first.id)

    jobs = {n: submitted(bench, queue, f"user {n}", chunks) for n, chunks in enumerate(LENGTHS)}
    for n in range(RUNNING_JOBS):
        bench.in_state(jobs[n].id, JobState.RUNNING)
    now = datetime.now(UTC)
    later = {n: queue.view(job.id) for n, job in jobs.items()}
    ended = {n: bench.ended(job.id, within_s=120) for n, job in jobs.items()}
    assert {job.state for job in ended.values()} == {JobState.SUCCEEDED}

    waited = sorted((view for view in later.values() if view.position), key=lambda view: view.position or 0)
    assert len(waited) == len(LENGTHS) - RUNNING_JOBS
    by_admission = sorted(ended.values(), key=lambda job: job.admitted_at or now)
    assert [view.id for view in waited] == [job.id for job in by_admission][-len(waited) :]

    at_submission, with_all_known = [], []
    for n, job in ended.items():
        assert job.ended_at is not None
        took_s = (job.ended_at - job.created_at).total_seconds()
        at_submission.append(abs((jobs[n].eta_s or 0.0) - took_s) / took_s)
        left_s = (job.ended_at - now).total_seconds()
        with_all_known.append(abs((later[n].eta_s or 0.0) - left_s) / left_s)
    medians = statistics.median(at_submission), statistics.median(with_all_known)
    log.info("median error of the time left", at_submission=round(medians[0], 3), all_submitted=round(medians[1], 3))
    assert max(medians) < 0.5
