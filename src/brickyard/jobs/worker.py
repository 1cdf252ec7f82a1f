"""The worker's loop: beat, look after the dead, admit what may start, and now and then tidy up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from brickyard.jobs import hooks as standard_hooks
from brickyard.jobs import runs, situation
from brickyard.jobs.groups import GroupRule, Groups
from brickyard.jobs.hooks import Hook
from brickyard.jobs.pipeline import Pipelines
from brickyard.jobs.policy import choose, to_yield, with_started
from brickyard.jobs.runs import Runs
from brickyard.jobs.schedules import Schedules
from brickyard.jobs.store import JobStore
from brickyard.jobs.workers import Workers
from brickyard.kit import db
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.logs import get

ADMISSION_LOCK = 8_400_001
TICK_S = 0.1
TIDY_S = 15.0
NOT_TAKEN_AFTER_S = 10.0
MAX_CRASHES = 5
"""A job whose worker died so often is given up: it may be what kills them."""
DECLARED_DEAD = 75

log = get(__name__)


@dataclass(frozen=True)
class WorkerOptions:
    slots: int = 4
    running_jobs: int = 4
    heartbeat_s: float = 1.0
    lost_after_s: float = 6.0
    hooks: Sequence[Hook] = standard_hooks.DEFAULT
    groups: dict[str, GroupRule] = field(default_factory=dict)


class JobWorker:
    def __init__(self, engine: sa.Engine, pipelines: Pipelines, options: WorkerOptions, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._options = options
        self._clock = clock
        self._store = JobStore(engine)
        self._workers = Workers(engine)
        self._schedules = Schedules(engine)
        self._groups = Groups(engine, options.groups)
        self.id = db.patiently(lambda: self._workers.register(options.slots)).id
        self._runs = Runs(engine, self.id, options.slots, pipelines, options.hooks)
        self._client = runs.client(engine)
        self._beat_due = self._tidy_due = 0.0
        self._last_beat = time.monotonic()
        self._may_bury_from = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then leave: unfinished jobs go on in another worker at once."""
        self._runs.launch()
        log.info("worker is ready", worker=self.id, slots=self._options.slots)
        while not stop.wait(TICK_S):
            db.patiently(self._tick, patience_s=3600.0)
        self._runs.shut_down()
        self._store.hand_over(self.id)
        self._workers.leave(self.id)

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._beat_due:
            self._beat_due = now + self._options.heartbeat_s
            self._beat()
            self._recover()
            self._schedules.submit_due()
            self._groups.submit_due()
        if now >= self._tidy_due:
            self._tidy_due = now + TIDY_S
            self._tidy()
        self._admit()

    def _beat(self) -> None:
        if not self._workers.beat(self.id):
            log.error("this worker was taken for dead; its jobs are others' now, so it ends", worker=self.id)
            os._exit(DECLARED_DEAD)
        now = time.monotonic()
        if now - self._last_beat > self._options.lost_after_s:
            # PostgreSQL was away: nobody could beat, so silence proves nothing yet.
            self._may_bury_from = now + self._options.lost_after_s
        self._last_beat = now

    def _recover(self) -> None:
        """Jobs whose worker died, or that were admitted and never taken, go back into the queue."""
        patience_s = self._options.lost_after_s if time.monotonic() >= self._may_bury_from else 3600.0
        for dead in self._workers.bury(patience_s):
            log.warning("worker is dead", worker=dead)
        lost_before = self._clock() - timedelta(seconds=NOT_TAKEN_AFTER_S)
        for job, worker in self._store.orphans(lost_before):
            crashes = self._store.lost(job, worker)
            if crashes is None:
                continue
            if crashes > MAX_CRASHES:
                message = f"The worker died {crashes} times while it ran this job, so it is not tried again."
                self._store.fail(job, None, "crashed", message)
                continue
            log.warning("job goes on in another worker", job=str(job), lost_worker=worker, crashes=crashes)
            self._resume(job)

    def _admit(self) -> None:
        begun: list[UUID] = []
        with self._engine.begin() as connection:
            if not connection.execute(sa.text("SELECT EXISTS (SELECT FROM jobs WHERE state = 'waiting')")).scalar():
                return
            lock = sa.text("SELECT pg_try_advisory_xact_lock(:key)")
            if not connection.execute(lock, {"key": ADMISSION_LOCK}).scalar():
                return
            slots = connection.execute(sa.text("SELECT coalesce(sum(slots), 0) FROM workers")).scalar_one()
            seen = situation.read(connection, min(self._options.running_jobs, slots), self._clock())
            while (job := choose(seen)) is not None:
                has_workflow = self._store.get(job.id).has_workflow
                if self._store.admit(connection, job.id):
                    if has_workflow:
                        begun.append(job.id)
                    else:
                        runs.enqueue(self._client, connection, job.id)
                seen = with_started(seen, job)
            urgent = to_yield(seen)
        for identity in begun:
            self._resume(identity)
        if urgent and self._store.ask_to_yield(urgent.id):
            log.info("job is asked to yield to a more urgent one", job=str(urgent.id))

    def _resume(self, job: UUID) -> None:
        runs.resume(self._client, job)

    def _tidy(self) -> None:
        now = self._clock()
        self._store.overdue(now)
        self._store.purge(now)
