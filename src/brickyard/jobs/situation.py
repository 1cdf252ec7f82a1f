"""Reads from the database what the policy decides on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from brickyard.jobs import queues
from brickyard.jobs.policy import Running, Situation, Waiting
from brickyard.jobs.states import Priority

SHARE_WINDOW_S = 3600.0
"""Fair share looks back this far: who had much within the last hour waits for those who had little."""

WAITING = sa.text("""
    SELECT id, owner, queue, priority, work_s, begun, created_at, run_after, deadline FROM (
        SELECT jobs.id, owner, queue, priority, work_s, started_at IS NOT NULL AS begun,
               extract(epoch FROM created_at)::float8 AS created_at,
               extract(epoch FROM run_after)::float8 AS run_after,
               extract(epoch FROM deadline)::float8 AS deadline,
               queues.paused OR run_after > :now AS held,
               row_number() OVER (PARTITION BY queue, owner, priority ORDER BY run_after > :now, created_at) AS place
        FROM jobs JOIN queues ON queues.name = queue WHERE state = 'waiting'
    ) AS waiting ORDER BY held, place, created_at LIMIT 2000""")
"""However long the line, the first of each queue, owner and class are among those that are looked at."""

RUNNING = sa.text("""
    SELECT jobs.id, owner, queue, priority, wanted IS NOT NULL AS asked, work_s,
           coalesce((SELECT min(work_done_s) FROM steps WHERE job = jobs.id AND work_total_s > 0), 0) AS work_done_s
    FROM jobs WHERE state = 'running' ORDER BY jobs.id""")

SERVED = """
    SELECT {column}, sum(work_s) AS served_s FROM jobs
    WHERE admitted_at > :since GROUP BY {column}"""


def read(connection: sa.Connection, cap: int, now: datetime, seconds_per_work: float = 0.0) -> Situation:
    """The whole situation at `now`. `seconds_per_work`: measured seconds a second of audio takes, for what remains."""
    since = {"since": datetime.fromtimestamp(now.timestamp() - SHARE_WINDOW_S, tz=now.tzinfo)}
    return Situation(
        now=now.timestamp(),
        cap=cap,
        waiting=[
            Waiting(
                row.id,
                row.owner,
                Priority(row.priority),
                row.created_at,
                row.queue,
                row.run_after,
                row.deadline,
                row.work_s,
                row.begun,
            )
            for row in connection.execute(WAITING, {"now": now})
        ],
        running=[
            Running(
                row.id,
                row.owner,
                Priority(row.priority),
                row.queue,
                max(0.0, row.work_s - row.work_done_s) * seconds_per_work,
                row.asked,
            )
            for row in connection.execute(RUNNING)
        ],
        queues=queues.rules(connection, now),
        served_by_owner=_served(connection, "owner", since),
        served_by_queue=_served(connection, "queue", since),
    )


def _served(connection: sa.Connection, column: str, since: Mapping[str, datetime]) -> dict[str, float]:
    rows = connection.execute(sa.text(SERVED.format(column=column)), since)
    return {row[0]: float(row.served_s) for row in rows}
