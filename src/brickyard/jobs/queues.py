"""Queues: pause, resume, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from brickyard.jobs.policy import QueueRule
from brickyard.kit.errors import NotFound


@dataclass(frozen=True, slots=True)
class Queue:
    """`weight`: its share against other queues. `starts` in `per_s` seconds: the rate limit."""

    name: str
    paused: bool
    weight: float
    running_jobs: int | None
    starts: int | None
    per_s: float


class Queues:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> list[Queue]:
        query = sa.text("SELECT name, paused, weight, running_jobs, starts, per_s FROM queues ORDER BY name")
        with self._engine.connect() as connection:
            return [Queue(**row._mapping) for row in connection.execute(query)]

    def set_paused(self, name: str, paused: bool) -> None:
        """Jobs that run go on; none starts while the queue is paused."""
        self._update(name, "paused = :paused", {"paused": paused})

    def set_limits(
        self,
        name: str,
        weight: float = 1.0,
        running_jobs: int | None = None,
        starts: int | None = None,
        per_s: float = 60.0,
    ) -> None:
        """Make the queue where it is not there yet, and set its share and limits; None is no limit."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO queues (name) VALUES (:name) ON CONFLICT DO NOTHING"), {"name": name}
            )
        self._update(
            name,
            "weight = :weight, running_jobs = :running_jobs, starts = :starts, per_s = :per_s",
            {"weight": weight, "running_jobs": running_jobs, "starts": starts, "per_s": per_s},
        )

    def _update(self, name: str, assignments: str, values: dict[str, object]) -> None:
        with self._engine.begin() as connection:
            done = connection.execute(
                sa.text(f"UPDATE queues SET {assignments} WHERE name = :name"), {"name": name, **values}
            )
        if done.rowcount == 0:
            names = ", ".join(queue.name for queue in self.all())
            raise NotFound(f"There is no queue '{name}'. The queues are: {names}.")


def rules(connection: sa.Connection, now: datetime) -> dict[str, QueueRule]:
    """What the policy needs to know of each queue."""
    starts = sa.text("""
        SELECT extract(epoch FROM admitted_at)::float8 AS at FROM jobs
        WHERE queue = :queue AND admitted_at > :now - make_interval(secs => :per_s) ORDER BY admitted_at""")
    found = {}
    for row in connection.execute(sa.text("SELECT * FROM queues")).all():
        recent: tuple[float, ...] = ()
        if row.starts is not None:
            values = {"queue": row.name, "now": now, "per_s": row.per_s}
            recent = tuple(connection.execute(starts, values).scalars())
        found[row.name] = QueueRule(row.paused, row.weight, row.running_jobs, row.starts, row.per_s, recent)
    return found
