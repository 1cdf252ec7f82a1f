"""A worker in this process, with toy pipelines, on a database of the test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.jobs.groups import GroupRule
from brickyard.jobs.hooks import DEFAULT, Call, Hook
from brickyard.jobs.job import Job, NewJob
from brickyard.jobs.states import JobState
from brickyard.jobs.store import JobStore
from brickyard.jobs.worker import JobWorker, WorkerOptions
from tests.integration.jobs.toys import PIPELINES


class Bench:
    """Submits toy jobs and waits for what becomes of them."""

    def __init__(self, engine: sa.Engine, trace: Path) -> None:
        self.engine = engine
        self.store = JobStore(engine)
        self.trace = trace
        self.hooked: list[str] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def job(self, pipeline: str = "count", owner: str = "ada", **values: Any) -> NewJob:
        fields = {k: values.pop(k) for k in list(values) if k in NewJob.__dataclass_fields__}
        return NewJob(pipeline, owner, {"trace": str(self.trace), **values}, **fields)

    def submit(self, pipeline: str = "count", **values: Any) -> UUID:
        return self.store.submit(self.job(pipeline, **values))

    def work(self, running_jobs: int = 4, **options: Any) -> None:
        """Start the worker; it stops with the test."""
        hooks: tuple[Hook, ...] = (self._hook, *DEFAULT)
        worker = JobWorker(
            self.engine,
            PIPELINES,
            WorkerOptions(slots=4, running_jobs=running_jobs, heartbeat_s=0.2, hooks=hooks, **options),
        )
        self._thread = threading.Thread(target=worker.run, args=(self._stop,))
        self._thread.start()

    def rest(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(20)

    def until(self, job: UUID, wanted: Callable[[Job], bool], within_s: float = 30.0) -> Job:
        give_up = time.monotonic() + within_s
        while not wanted(found := self.store.get(job)):
            assert time.monotonic() < give_up, f"still {found} after {within_s} s"
            time.sleep(0.03)
        return found

    def ended(self, job: UUID, within_s: float = 30.0) -> Job:
        return self.until(job, lambda found: found.state.has_ended, within_s)

    def in_state(self, job: UUID, state: JobState) -> Job:
        return self.until(job, lambda found: found.state is state)

    def lines(self, of: str = "") -> list[str]:
        if not self.trace.exists():
            return []
        return [line for line in self.trace.read_text().splitlines() if of in line]

    def until_lines(self, of: str, count: int) -> None:
        give_up = time.monotonic() + 30
        while len(self.lines(of)) < count:
            assert time.monotonic() < give_up, f"only {self.lines()} so far"
            time.sleep(0.02)

    async def _hook(self, job: Job, call: Call) -> None:
        self.hooked.append(f"before {job.params.get('name', '')}")
        await call()
        self.hooked.append(f"after {job.params.get('name', '')}")


@pytest.fixture
def bench(engine: sa.Engine, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(engine, tmp_path / "trace")
    yield bench
    bench.rest()


__all__ = ["Bench", "GroupRule", "bench"]
