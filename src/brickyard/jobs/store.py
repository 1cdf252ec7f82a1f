"""What the queue remembers: jobs and their moves. Every statement about the `jobs` table stands here.

A move says from which state it starts; it returns False, or raises Conflict, where the job is in another one. So two
processes that try the same move do it once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from brickyard.jobs import delays, webhooks, workflows
from brickyard.jobs.job import Job, NewJob
from brickyard.jobs.states import JobState, Priority, Wanted
from brickyard.kit.errors import Conflict, NotFound

COLUMNS = ", ".join(field.name for field in fields(Job))

SUBMIT = sa.text("""
    INSERT INTO jobs (id, pipeline, queue, owner, priority, params, work_s, unique_key, run_after, deadline,
                      timeout_s, max_attempts, keep_for_s)
    VALUES (:id, :pipeline, :queue, :owner, :priority, :params, :work_s, :unique_key, coalesce(:run_after, now()),
            :deadline, :timeout_s, :max_attempts, :keep_for_s)
""")


def submit(connection: sa.Connection, new: NewJob) -> UUID:
    """Add a job in the caller's own transaction. Raises Conflict where a living job has the same unique key."""
    identity = uuid4()
    values = {field.name: getattr(new, field.name) for field in fields(NewJob)}
    values |= {"id": identity, "priority": int(new.priority), "params": json.dumps(new.params)}
    connection.execute(
        sa.text("INSERT INTO queues (name) VALUES (:queue) ON CONFLICT DO NOTHING"), {"queue": new.queue}
    )
    try:
        with connection.begin_nested():
            connection.execute(SUBMIT, values)
    except IntegrityError as error:
        if "jobs_unique" not in str(error):
            raise
        raise Conflict(
            f"A job with the unique key '{new.unique_key}' is already waiting, running or paused. "
            "Wait until it has ended, or cancel it first."
        ) from error
    return identity


def of_recording(connection: sa.Connection, recording: UUID) -> dict[UUID, JobState]:
    """The jobs over a recording, which stay as they are until the caller's transaction ends."""
    query = sa.text("SELECT id, state FROM jobs WHERE params ->> 'recording' = :recording ORDER BY id FOR UPDATE")
    return {row.id: JobState(row.state) for row in connection.execute(query, {"recording": str(recording)})}


def forget(connection: sa.Connection, jobs: Sequence[UUID]) -> None:
    """Delete ended jobs and all that is kept of them: steps, chunks, webhooks, and what the queue's engine keeps."""
    connection.execute(sa.text("DELETE FROM jobs WHERE id = ANY(:jobs)"), {"jobs": list(jobs)})
    workflows.forget(connection, jobs)


class JobStore:
    """Jobs, read and moved; each method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    # ---- reading

    def get(self, job: UUID) -> Job:
        """Raises NotFound."""
        rows = self.find("id = :id", {"id": job}, limit=1)
        if not rows:
            raise NotFound(f"There is no job {job}. It may have been deleted after its time of keeping.")
        return rows[0]

    def find(self, condition: str, values: dict[str, Any], limit: int = 1000, newest: bool = False) -> list[Job]:
        """Jobs that meet a condition written in SQL by our own code, oldest first unless `newest`."""
        order = "DESC" if newest else "ASC"
        query = f"SELECT {COLUMNS} FROM jobs WHERE {condition} ORDER BY created_at {order}, id LIMIT {int(limit)}"
        with self.engine.connect() as connection:
            return [_job(row) for row in connection.execute(sa.text(query), values)]

    def recent(self, owner: str | None, states: Sequence[JobState] = (), limit: int = 100) -> list[Job]:
        wanted = [state.value for state in states or JobState]
        return self.find(
            "state = ANY(:states) AND (CAST(:owner AS text) IS NULL OR owner = :owner)",
            {"states": wanted, "owner": owner},
            limit=limit,
            newest=True,
        )

    def count_by_state(self) -> dict[tuple[str, JobState], int]:
        """How many jobs each queue holds in each state."""
        query = sa.text("SELECT queue, state, count(*) FROM jobs GROUP BY queue, state")
        with self.engine.connect() as connection:
            return {(queue, JobState(state)): n for queue, state, n in connection.execute(query)}

    # ---- moves that people ask for

    def submit(self, new: NewJob) -> UUID:
        with self.engine.begin() as connection:
            return submit(connection, new)

    def pause(self, job: UUID) -> JobState:
        """waiting → paused at once; a running job pauses at its next chunk."""
        return self._ask(job, Wanted.PAUSE, JobState.PAUSED, from_states=[JobState.WAITING])

    def cancel(self, job: UUID) -> JobState:
        """waiting, paused → cancelled at once; a running job stops at its next chunk."""
        return self._ask(job, Wanted.CANCEL, JobState.CANCELLED, from_states=[JobState.WAITING, JobState.PAUSED])

    def resume(self, job: UUID) -> None:
        """paused → waiting; a pause that was asked for but not yet done is taken back."""
        moved = self._execute(
            "UPDATE jobs SET state = 'waiting', wanted = NULL, run_after = now() WHERE id = :id AND state = 'paused'",
            {"id": job},
        ) or self._execute(
            "UPDATE jobs SET wanted = NULL WHERE id = :id AND state = 'running' AND wanted = 'pause'",
            {"id": job},
        )
        if not moved:
            self._refuse(job, "resumed", "paused")

    def replay(self, job: UUID) -> None:
        """failed → waiting: a dead letter gets all its attempts again; finished chunks stay done."""
        moved = self._execute(
            """UPDATE jobs SET state = 'waiting', attempts = 0, crashes = 0, run_after = now(), ended_at = NULL,
                      deadline = NULL, error_code = NULL, error_message = NULL
               WHERE id = :id AND state = 'failed'""",
            {"id": job},
        )
        if not moved:
            self._refuse(job, "replayed", "failed")

    # ---- moves of the worker

    def admit(self, connection: sa.Connection, job: UUID) -> bool:
        """waiting → running, before any worker has taken it."""
        done = connection.execute(
            sa.text("""
                UPDATE jobs SET state = 'running', worker = NULL, admitted_at = clock_timestamp(), wanted = NULL,
                       has_workflow = true, error_code = NULL, error_message = NULL
                WHERE id = :id AND state = 'waiting'"""),
            {"id": job},
        )
        return done.rowcount == 1

    def take(self, job: UUID, worker: str) -> bool:
        """The worker takes an admitted job. From now on only it may write for this job."""
        return self._execute(
            """UPDATE jobs SET worker = :worker, started_at = coalesce(started_at, clock_timestamp()),
                      attempts = attempts + 1
               WHERE id = :id AND state = 'running' AND worker IS DISTINCT FROM :worker""",
            {"id": job, "worker": worker},
        )

    def succeed(self, job: UUID, worker: str, result: Any, warnings: list[str]) -> bool:
        """running → succeeded."""
        done = sa.text("""
            UPDATE jobs SET state = 'succeeded', ended_at = clock_timestamp(), result = :result,
                   warnings = :warnings, wanted = NULL
            WHERE id = :id AND state = 'running' AND worker = :worker""")
        values = {"id": job, "worker": worker, "result": json.dumps(result), "warnings": json.dumps(warnings)}
        with self.engine.begin() as connection:
            if connection.execute(done, values).rowcount != 1:
                return False
            delays.learn(connection, job)
            webhooks.enqueue_ended(connection, [job])
        return True

    def fail(self, job: UUID, worker: str | None, code: str, message: str) -> bool:
        """running → failed, for good: the job is a dead letter until somebody replays or deletes it."""
        ended = self._end(
            """UPDATE jobs SET state = 'failed', ended_at = clock_timestamp(), error_code = :code,
                      error_message = :message, wanted = NULL
               WHERE id = :id AND state = 'running' AND worker IS NOT DISTINCT FROM :worker RETURNING id""",
            {"id": job, "worker": worker, "code": code, "message": message},
        )
        return ended == 1

    def retry(self, job: UUID, worker: str, code: str, message: str, after_s: float) -> bool:
        """running → waiting, with the reason, until the pause is over."""
        return self._execute(
            """UPDATE jobs SET state = 'waiting', worker = NULL, error_code = :code, error_message = :message,
                      run_after = clock_timestamp() + make_interval(secs => :after_s)
               WHERE id = :id AND state = 'running' AND worker = :worker""",
            {"id": job, "worker": worker, "code": code, "message": message, "after_s": after_s},
        )

    def stop(self, job: UUID, worker: str, wanted: Wanted) -> bool:
        """running → what was asked: paused, cancelled, or (yield) waiting. The attempt does not count."""
        target = {
            Wanted.PAUSE: JobState.PAUSED,
            Wanted.CANCEL: JobState.CANCELLED,
            Wanted.YIELD: JobState.WAITING,
        }[wanted]
        moved = self._end(
            """UPDATE jobs SET state = :target, wanted = NULL, worker = NULL, attempts = greatest(attempts - 1, 0),
                      ended_at = CASE WHEN :target = 'cancelled' THEN clock_timestamp() END
               WHERE id = :id AND state = 'running' AND worker = :worker RETURNING id""",
            {"id": job, "worker": worker, "target": target.value},
        )
        return moved == 1

    def hand_over(self, worker: str) -> int:
        """running → waiting: a worker that stops in good order leaves its jobs to others; that is no crash.

        Those that somebody asked to pause or cancel stay, and do so in the worker that takes them over.
        """
        return self._count(
            """UPDATE jobs SET state = 'waiting', worker = NULL, attempts = greatest(attempts - 1, 0)
               WHERE state = 'running' AND worker = :worker AND (wanted IS NULL OR wanted = 'yield')""",
            {"worker": worker},
        )

    def lost(self, job: UUID, worker: str | None) -> int | None:
        """The job's worker is gone: nobody holds it now. Returns how often that has happened, None if not so."""
        query = sa.text("""
            UPDATE jobs SET worker = NULL, crashes = crashes + 1, attempts = greatest(attempts - 1, 0),
                   admitted_at = clock_timestamp()
            WHERE id = :id AND state = 'running' AND worker IS NOT DISTINCT FROM :worker
            RETURNING crashes""")
        with self.engine.begin() as connection:
            crashes: int | None = connection.execute(query, {"id": job, "worker": worker}).scalar()
            return crashes

    def ask_to_yield(self, job: UUID) -> bool:
        return self._execute(
            "UPDATE jobs SET wanted = 'yield' WHERE id = :id AND state = 'running' AND wanted IS NULL",
            {"id": job},
        )

    def overdue(self, now: datetime) -> int:
        """waiting, paused → failed where the deadline has passed. Running jobs see to that themselves."""
        return self._end(
            """UPDATE jobs SET state = 'failed', ended_at = :now, error_code = 'deadline',
                      error_message = 'The deadline passed before the job could run.'
               WHERE state IN ('waiting', 'paused') AND deadline < :now RETURNING id""",
            {"now": now},
        )

    def purge(self, now: datetime) -> list[UUID]:
        """Delete ended jobs whose time of keeping is over, with all that is kept of them. Returns their ids."""
        query = sa.text("""
            SELECT id FROM jobs WHERE ended_at IS NOT NULL AND ended_at + make_interval(secs => keep_for_s) < :now
            FOR UPDATE SKIP LOCKED""")
        with self.engine.begin() as connection:
            over = list(connection.execute(query, {"now": now}).scalars())
            if over:
                forget(connection, over)
            return over

    def orphans(self, lost_before: datetime) -> list[tuple[UUID, str | None]]:
        """Running jobs that nobody runs: their worker is gone, or none took them for a while after admission."""
        query = sa.text("""
            SELECT jobs.id, jobs.worker FROM jobs LEFT JOIN workers ON workers.id = jobs.worker
            WHERE state = 'running' AND workers.id IS NULL
              AND (jobs.worker IS NOT NULL OR admitted_at < :lost_before)""")
        with self.engine.connect() as connection:
            return [(row.id, row.worker) for row in connection.execute(query, {"lost_before": lost_before})]

    # ---- how

    def _ask(self, job: UUID, wanted: Wanted, target: JobState, from_states: list[JobState]) -> JobState:
        moved = self._end(
            """UPDATE jobs SET state = :target, wanted = NULL, worker = NULL,
                      ended_at = CASE WHEN :target = 'cancelled' THEN clock_timestamp() END
               WHERE id = :id AND state = ANY(:states) RETURNING id""",
            {"id": job, "target": target.value, "states": [state.value for state in from_states]},
        )
        if moved:
            return target
        asked = self._execute(
            "UPDATE jobs SET wanted = :wanted WHERE id = :id AND state = 'running'",
            {"id": job, "wanted": wanted.value},
        )
        if not asked:
            self._refuse(job, f"{target.value}", " or ".join([*from_states, JobState.RUNNING]))
        return JobState.RUNNING

    def _refuse(self, job: UUID, participle: str, allowed: str) -> None:
        state = self.get(job).state
        raise Conflict(f"The job is {state.value} and can't be {participle}; only a job that is {allowed} can.")

    def _end(self, statement: str, values: dict[str, Any]) -> int:
        """A move that may end jobs, whose ids the statement returns: who asked to be told of that will be."""
        with self.engine.begin() as connection:
            moved = list(connection.execute(sa.text(statement), values).scalars())
            webhooks.enqueue_ended(connection, moved)
            return len(moved)

    def _execute(self, statement: str, values: dict[str, Any]) -> bool:
        return self._count(statement, values) == 1

    def _count(self, statement: str, values: dict[str, Any]) -> int:
        with self.engine.begin() as connection:
            return connection.execute(sa.text(statement), values).rowcount


def _job(row: sa.Row[Any]) -> Job:
    values = dict(row._mapping)
    values["priority"] = Priority(values["priority"])
    values["state"] = JobState(values["state"])
    values["wanted"] = Wanted(values["wanted"]) if values["wanted"] else None
    return Job(**values)
