"""Groups: many small things gathered into one job, when enough are there or the first has waited long enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from brickyard.jobs.job import NewJob
from brickyard.jobs.store import submit


@dataclass(frozen=True, slots=True)
class GroupRule:
    """When a group becomes a job: at `size` items, or `wait_s` after its first. The job's params get `items`."""

    job: NewJob
    size: int = 20
    wait_s: float = 30.0


class Groups:
    def __init__(self, engine: sa.Engine, rules: dict[str, GroupRule]) -> None:
        self._engine = engine
        self._rules = rules

    def add(self, group: str, item: str, owner: str) -> None:
        """Add an item, once, to a group that has a rule."""
        if group not in self._rules:
            raise KeyError(group)
        query = sa.text("INSERT INTO groups (name, item, owner) VALUES (:name, :item, :owner) ON CONFLICT DO NOTHING")
        with self._engine.begin() as connection:
            connection.execute(query, {"name": group, "item": item, "owner": owner})

    def submit_due(self) -> list[Any]:
        """Turn groups that are full or have waited long enough into jobs; returns the ids of the jobs."""
        return [job for name, rule in self._rules.items() for job in self._submit(name, rule)]

    def _submit(self, name: str, rule: GroupRule) -> list[Any]:
        due = sa.text("""
            SELECT count(*) >= :size OR min(added_at) < clock_timestamp() - make_interval(secs => :wait_s)
            FROM groups WHERE name = :name HAVING count(*) > 0""")
        take = sa.text("""
            DELETE FROM groups WHERE name = :name AND item IN (
                SELECT item FROM groups WHERE name = :name ORDER BY added_at, item LIMIT :size FOR UPDATE SKIP LOCKED)
            RETURNING item""")
        values = {"name": name, "size": rule.size, "wait_s": rule.wait_s}
        jobs = []
        with self._engine.begin() as connection:
            while connection.execute(due, values).scalar():
                items = sorted(connection.execute(take, values).scalars())
                if not items:
                    break
                new = replace(rule.job, params={**rule.job.params, "items": items})
                jobs.append(submit(connection, new))
        return jobs
