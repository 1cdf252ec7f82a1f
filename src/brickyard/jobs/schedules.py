"""Periodic jobs: one row a schedule; whichever worker comes first submits, in one transaction, so exactly once.

Times missed while nothing ran are not made up for one by one: the job runs once, and the next time lies ahead.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.jobs.job import NewJob
from brickyard.jobs.states import Priority
from brickyard.jobs.store import submit
from brickyard.kit.errors import Conflict


class Schedules:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def set(self, name: str, every_s: float, job: NewJob) -> None:
        """Submit `job` every `every_s` seconds from now on; a second call replaces the first."""
        query = sa.text("""
            INSERT INTO schedules (name, every_s, next_at, job)
            VALUES (:name, :every_s, clock_timestamp() + make_interval(secs => :every_s), :job)
            ON CONFLICT (name) DO UPDATE SET every_s = excluded.every_s, job = excluded.job,
                next_at = least(schedules.next_at, excluded.next_at)""")
        with self._engine.begin() as connection:
            connection.execute(query, {"name": name, "every_s": every_s, "job": json.dumps(_plain(job))})

    def remove(self, name: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM schedules WHERE name = :name"), {"name": name})

    def submit_due(self) -> list[UUID]:
        """Submit what is due. A schedule whose last job is still alive skips a turn."""
        due = sa.text("""
            SELECT name, job FROM schedules WHERE next_at <= clock_timestamp() FOR UPDATE SKIP LOCKED""")
        advance = sa.text("""
            UPDATE schedules SET next_at = next_at + make_interval(secs => every_s * ceil(greatest(1,
                extract(epoch FROM clock_timestamp() - next_at) / every_s)))
            WHERE name = :name""")
        jobs = []
        with self._engine.begin() as connection:
            for row in connection.execute(due).all():
                connection.execute(advance, {"name": row.name})
                try:
                    jobs.append(submit(connection, _job(row.job, f"schedule:{row.name}")))
                except Conflict:
                    continue
        return jobs


def _plain(job: NewJob) -> dict[str, Any]:
    if job.run_after or job.deadline:
        raise ValueError("a periodic job can't have run_after or deadline: these are moments, not periods")
    return asdict(job)


def _job(values: dict[str, Any], unique_key: str) -> NewJob:
    return NewJob(**{**values, "priority": Priority(values["priority"]), "unique_key": unique_key})
