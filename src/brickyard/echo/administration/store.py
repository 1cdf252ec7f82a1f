"""What the database and the disk tell administrators of the platform as it is now."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from brickyard.echo.administration.schemas import ClassView, PeopleView, QueueState, StorageView, WorkerState
from brickyard.jobs.states import JobState, Priority

STATES = sa.text("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")

CLASSES = sa.text("""
    SELECT priority, count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE state = 'running') AS running,
           count(*) FILTER (WHERE state = 'paused') AS paused,
           extract(epoch FROM :now - min(greatest(created_at, run_after))
               FILTER (WHERE state = 'waiting' AND run_after <= :now))::float8 AS oldest_wait_s
    FROM jobs WHERE state IN ('waiting', 'running', 'paused') GROUP BY priority""")
"""Being delayed is not waiting."""

WORKERS = sa.text("""
    SELECT host, slots, started_at, extract(epoch FROM clock_timestamp() - beat_at)::float8 AS silent_s,
           (SELECT count(*) FROM jobs WHERE jobs.worker = workers.id AND state = 'running') AS running
    FROM workers ORDER BY host, started_at""")

STORAGE = sa.text("""
    SELECT count(*) AS recordings, coalesce(sum(duration_s), 0) / 3600 AS audio_hours,
           coalesce(sum(size_bytes), 0)::bigint AS recordings_bytes,
           (SELECT count(*) FROM uploads WHERE ended_at IS NULL) AS uploads,
           (SELECT coalesce(sum(offset_bytes), 0)::bigint FROM uploads WHERE ended_at IS NULL) AS uploads_bytes,
           pg_database_size(current_database()) AS database_bytes
    FROM recordings""")

PEOPLE = sa.text("""
    SELECT (SELECT count(*) FROM users WHERE disabled_at IS NULL) AS accounts,
           count(DISTINCT user_id) FILTER (WHERE seen_at >= :today) AS active_today,
           count(DISTINCT user_id) FILTER (WHERE seen_at >= :week) AS active_7_days,
           count(*) FILTER (WHERE revoked_at IS NULL AND expires_at > :now) AS sessions
    FROM sessions WHERE seen_at >= :week OR expires_at > :now""")


@dataclass(frozen=True, slots=True)
class Kept:
    postgresql: str
    queue: QueueState
    workers: list[WorkerState]
    storage: StorageView
    people: PeopleView


def read(engine: sa.Engine, files_dir: Path, now: datetime) -> Kept:
    """`files_dir`: where recordings lie."""
    disk = shutil.disk_usage(files_dir)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = {"now": now, "today": today, "week": now - timedelta(days=7)}
    with engine.connect() as connection:
        storage = connection.execute(STORAGE).one()._mapping
        return Kept(
            postgresql=connection.execute(sa.text("SHOW server_version")).scalar_one(),
            queue=_queue(connection, now),
            workers=[WorkerState(**row._mapping) for row in connection.execute(WORKERS)],
            storage=StorageView(**storage, disk_total_bytes=disk.total, disk_free_bytes=disk.free),
            people=PeopleView(**connection.execute(PEOPLE, moments).one()._mapping),
        )


def _queue(connection: sa.Connection, now: datetime) -> QueueState:
    states = {JobState(row.state): row.jobs for row in connection.execute(STATES)}
    found = {row.priority: row._mapping for row in connection.execute(CLASSES, {"now": now})}
    nothing = {"waiting": 0, "running": 0, "paused": 0, "oldest_wait_s": None}
    classes = []
    for priority in Priority:
        told = {**nothing, **found.get(int(priority), {})}
        classes.append(ClassView.model_validate({**told, "class": priority.name.lower()}))
    paused = connection.execute(sa.text("SELECT name FROM queues WHERE paused ORDER BY name")).scalars()
    return QueueState(
        states={state: states.get(state, 0) for state in JobState}, classes=classes, paused_queues=list(paused)
    )
