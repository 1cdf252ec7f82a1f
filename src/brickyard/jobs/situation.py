"""Reads from the database what the policy decides on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from brickyard.jobs import queues
from brickyard.jobs.policy import LONGEST_WAIT_S, Running, Situation, Waiting
from brickyard.jobs.states import Priority, Wanted

SHARE_WINDOW_S = 3600.0
"""Fair share looks back this far: who had much within the last hour waits for those who had little."""

WAITING = sa.text("""
    SELECT id, owner, queue, priority, work_s, begun, created_at, run_after, deadline, placed_at FROM (
        SELECT jobs.id, owner, queue, priority, work_s, started_at IS NOT NULL AS begun,
               extract(epoch FROM created_at)::float8 AS created_at,
               extract(epoch FROM placed_at)::float8 AS placed_at,
               extract(epoch FROM run_after)::float8 AS run_after,
               extract(epoch FROM deadline)::float8 AS deadline,
               queues.paused OR run_after > :now AS held,
               row_number() OVER (PARTITION BY queue, owner, priority ORDER BY run_after > :now, placed_at) AS place
        FROM jobs JOIN queues ON queues.name = queue WHERE state = 'waiting'
    ) AS waiting ORDER BY held, place, created_at LIMIT 2000""")
"""However long the line, the first of each queue, owner and class are among those that are looked at."""

RUNNING = sa.text("""
    SELECT id, owner, queue, priority, wanted, work_s,
           extract(epoch FROM created_at)::float8 AS created_at,
           extract(epoch FROM placed_at)::float8 AS placed_at,
           extract(epoch FROM run_after)::float8 AS run_after,
           extract(epoch FROM deadline)::float8 AS deadline
    FROM jobs WHERE state = 'running' ORDER BY id""")

PER_OWNER = "running_jobs_per_person"
"""The limit, among those that administrators set, of jobs that one owner has running at once."""
LIMIT = sa.text("SELECT value FROM limits WHERE name = :name")

SERVED = """
    SELECT {column}, sum(work_s) AS served_s FROM jobs
    WHERE admitted_at > :since GROUP BY {column}"""

STARTED = sa.text("""
    SELECT owner, priority, extract(epoch FROM max(admitted_at))::float8 AS at FROM jobs
    WHERE admitted_at > :since GROUP BY owner, priority""")
"""`admitted_at` stays when a job ends, fails, yields or is replayed; what waits again and is started counts anew."""


def read(connection: sa.Connection, cap: int, now: datetime) -> Situation:
    """The whole situation at `now`; what running jobs still need is not in it."""
    since = {"since": now - timedelta(seconds=SHARE_WINDOW_S)}
    per_owner = connection.execute(LIMIT, {"name": PER_OWNER}).scalar_one_or_none()
    return Situation(
        now=now.timestamp(),
        cap=cap,
        waiting=[waiting_of(row) for row in connection.execute(WAITING, {"now": now})],
        running=[
            Running(
                row.id,
                row.owner,
                Priority(row.priority),
                row.queue,
                asked_to_stop=row.wanted is not None,
                stays_away=row.wanted in (Wanted.PAUSE, Wanted.CANCEL),
                created_at=row.created_at,
                run_after=row.run_after,
                deadline=row.deadline,
                work_s=row.work_s,
                placed_at=row.placed_at,
            )
            for row in connection.execute(RUNNING)
        ],
        queues=queues.rules(connection, now),
        served_by_owner=_served(connection, "owner", since),
        served_by_queue=_served(connection, "queue", since),
        last_start={
            (row.owner, Priority(row.priority)): row.at
            for row in connection.execute(STARTED, {"since": now - timedelta(seconds=LONGEST_WAIT_S)})
        },
        per_owner=None if per_owner is None else int(per_owner),
    )


def waiting_of(row: sa.Row[Any]) -> Waiting:
    """Out of the columns of `jobs`, moments as seconds since 1970, and `begun`."""
    return Waiting(
        row.id,
        row.owner,
        Priority(row.priority),
        row.created_at,
        row.queue,
        row.run_after,
        row.deadline,
        row.work_s,
        row.begun,
        row.placed_at,
    )


def _served(connection: sa.Connection, column: str, since: Mapping[str, datetime]) -> dict[str, float]:
    rows = connection.execute(sa.text(SERVED.format(column=column)), since)
    return {row[0]: float(row.served_s) for row in rows}
