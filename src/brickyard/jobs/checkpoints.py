"""What a job has done so far: its steps and their chunks. Only the worker that holds the job may write.

A chunk's row is its checkpoint: once there, it is never computed again and never changes. Every write names the
worker and is refused (JobLost) where the job belongs to another one by now, or has been stopped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.jobs.estimates import Speed
from brickyard.jobs.job import StepProgress
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import Conflict

STEP_COLUMNS = ", ".join(field.name for field in fields(StepProgress))

HOLDER = "SELECT wanted FROM jobs WHERE id = :job AND worker = :worker AND state = 'running' FOR SHARE"

BEGIN_STEP = sa.text("""
    INSERT INTO steps (job, name, chunks_total, work_total_s) VALUES (:job, :step, :chunks_total, :work_total_s)
    ON CONFLICT (job, name) DO UPDATE
        SET chunks_total = coalesce(excluded.chunks_total, steps.chunks_total),
            work_total_s = coalesce(excluded.work_total_s, steps.work_total_s)
""")

SAVE_CHUNK = sa.text("""
    WITH saved AS (
        INSERT INTO chunks (job, step, index, result, worker, busy_s, device_s)
        VALUES (:job, :step, :index, :result, :worker, :busy_s, :device_s)
        ON CONFLICT DO NOTHING RETURNING 1
    )
    UPDATE steps SET chunks_done = chunks_done + 1, work_done_s = work_done_s + :work_s, busy_s = busy_s + :busy_s,
           device_s = device_s + :device_s
    WHERE job = :job AND name = :step AND EXISTS (SELECT FROM saved)
""")

END_STEP = sa.text("""
    UPDATE steps SET ended_at = clock_timestamp(), busy_s = CASE WHEN busy_s > 0 THEN busy_s ELSE :busy_s END,
           work_done_s = CASE WHEN work_done_s > 0 THEN work_done_s ELSE coalesce(work_total_s, 0) END
    WHERE job = :job AND name = :step
""")

LEARN_RATE = sa.text("""
    INSERT INTO rates (step, host, x_realtime, samples, device_s_per_s)
    SELECT name, :host, work_done_s / busy_s, 1, device_s / work_done_s FROM steps
    WHERE job = :job AND name = :step AND busy_s > 0 AND work_done_s > 0
    ON CONFLICT (step, host) DO UPDATE
        SET x_realtime = 0.7 * rates.x_realtime + 0.3 * excluded.x_realtime, samples = rates.samples + 1,
            device_s_per_s = 0.3 * excluded.device_s_per_s
                + 0.7 * coalesce(nullif(rates.device_s_per_s, 0), excluded.device_s_per_s)
""")
"""The first time that the device was measured counts in full: 0 before it meant that nobody had."""


class JobLost(Conflict):
    """This worker no longer holds the job, so it may not write."""

    code = "job_lost"


class Checkpoints:
    """Reads and writes for one job, held by one worker."""

    def __init__(self, engine: sa.Engine, job: UUID, worker: str) -> None:
        self._engine = engine
        self._who = {"job": job, "worker": worker}

    def begin(self, step: str, chunks_total: int | None = None, work_total_s: float | None = None) -> None:
        values = {**self._who, "step": step, "chunks_total": chunks_total, "work_total_s": work_total_s}
        with self._engine.begin() as connection:
            self._hold(connection)
            connection.execute(BEGIN_STEP, values)

    def chunks(self, step: str, first: int = 0) -> dict[int, Any]:
        """Results of the finished chunks from number `first` on, by number."""
        query = sa.text("""
            SELECT index, result FROM chunks WHERE job = :job AND step = :step AND index >= :first ORDER BY index""")
        with self._engine.connect() as connection:
            rows = connection.execute(query, {**self._who, "step": step, "first": first})
            return {index: result for index, result in rows}  # noqa: C416  rows are not pairs to a type checker

    def has_ended(self, step: str) -> bool:
        query = sa.text("SELECT ended_at IS NOT NULL FROM steps WHERE job = :job AND name = :step")
        with self._engine.connect() as connection:
            return bool(connection.execute(query, {**self._who, "step": step}).scalar())

    def save(
        self, step: str, index: int, result: Any, work_s: float, busy_s: float, *, device_s: float = 0.0
    ) -> Wanted | None:
        """Keep one chunk's result, once; says what has been asked of the job meanwhile. Safe to repeat.

        Seconds: `work_s` of audio, `busy_s` by the clock, `device_s` of the device.
        """
        values = {
            **self._who,
            "step": step,
            "index": index,
            "result": json.dumps(result, separators=(",", ":")),
            "work_s": work_s,
            "busy_s": busy_s,
            "device_s": device_s,
        }
        with self._engine.begin() as connection:
            wanted = self._hold(connection)
            connection.execute(SAVE_CHUNK, values)
        return wanted

    def wanted(self) -> Wanted | None:
        """What has been asked of the job. Raises JobLost where it is no longer ours."""
        with self._engine.begin() as connection:
            return self._hold(connection)

    def end(self, step: str, host: str, busy_s: float) -> None:
        """The step is done; its measured speed is learned for estimates."""
        values = {**self._who, "step": step, "host": host, "busy_s": busy_s}
        with self._engine.begin() as connection:
            self._hold(connection)
            connection.execute(END_STEP, values)
            connection.execute(LEARN_RATE, values)

    def _hold(self, connection: sa.Connection) -> Wanted | None:
        row = connection.execute(sa.text(HOLDER), self._who).one_or_none()
        if row is None:
            raise JobLost(
                f"Job {self._who['job']} is no longer held by worker {self._who['worker']}: "
                "another one has taken it over, or it was stopped. This worker lets go of it."
            )
        return Wanted(row.wanted) if row.wanted else None


def progress(engine: sa.Engine, jobs: Sequence[UUID]) -> dict[UUID, list[StepProgress]]:
    """How far each begun step of these jobs is, in order of their start."""
    query = sa.text(f"SELECT job, {STEP_COLUMNS} FROM steps WHERE job = ANY(:jobs) ORDER BY started_at, name")
    found: dict[UUID, list[StepProgress]] = {job: [] for job in jobs}
    with engine.connect() as connection:
        for row in connection.execute(query, {"jobs": list(jobs)}):
            values = dict(row._mapping)
            found[values.pop("job")].append(StepProgress(**values))
    return found


def rates(engine: sa.Engine) -> dict[str, float]:
    """Measured speed of each step, × real time, over all hosts."""
    return {step: speed.x_realtime for step, speed in speeds(engine).items()}


def speeds(engine: sa.Engine) -> dict[str, Speed]:
    """What is known of each step's speed, over all hosts; the device's part over those where it was measured."""
    query = sa.text("""
        SELECT step, sum(x_realtime * samples) / sum(samples) AS x_realtime,
               coalesce(sum(device_s_per_s * samples) / nullif(sum(samples) FILTER (WHERE device_s_per_s > 0), 0), 0)
                   AS device_s_per_s
        FROM rates GROUP BY step""")
    with engine.connect() as connection:
        return {row.step: Speed(float(row.x_realtime), float(row.device_s_per_s)) for row in connection.execute(query)}
