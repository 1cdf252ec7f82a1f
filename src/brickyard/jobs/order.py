"""The order that owners give their own waiting jobs. `rearranged` is pure.

Jobs trade places with others of the same owner, class and queue that are equal to them in all that decides before the
place does. So whoever looks at the line from outside sees the same: there a job of that owner, here one of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa

from brickyard.jobs.policy import Waiting
from brickyard.jobs.situation import waiting_of
from brickyard.jobs.states import JobState
from brickyard.kit.errors import Conflict, NotFound

APART_S = 1e-6
"""Between places that would be the same: what PostgreSQL can tell apart."""

OWN = sa.text("""
    SELECT mine.id, mine.owner, mine.queue, mine.priority, mine.work_s, mine.started_at IS NOT NULL AS begun,
           extract(epoch FROM mine.created_at)::float8 AS created_at,
           extract(epoch FROM mine.run_after)::float8 AS run_after,
           extract(epoch FROM mine.deadline)::float8 AS deadline,
           extract(epoch FROM mine.placed_at)::float8 AS placed_at
    FROM jobs AS mine JOIN jobs AS moved USING (owner, queue, priority)
    WHERE moved.id = :job AND mine.state = 'waiting' ORDER BY mine.id FOR UPDATE OF mine""")


def rearranged(moved: Waiting, before: Waiting | None, own: Sequence[Waiting]) -> dict[UUID, float]:
    """New places for jobs, by id, so that `moved` goes just before the other, or last of its equals where that is None.

    `own`: the waiting jobs of its group, in any order. The places are those that its equals have already, in the order
    asked for; where two had the same, one gets a later one.
    """
    equals = sorted((job for job in own if _rank(job) == _rank(moved)), key=lambda job: (job.place, job.id))
    order = [job for job in equals if job.id != moved.id]
    at = len(order) if before is None else [job.id for job in order].index(before.id)
    order.insert(at, moved)
    places: dict[UUID, float] = {}
    last = -1.0
    for job, place in zip(order, [job.place for job in equals], strict=True):
        last = max(place, last + APART_S)
        places[job.id] = last
    return places


def move(engine: sa.Engine, job: UUID, before: UUID | None, now: datetime) -> None:
    """Raises NotFound; Conflict where one of the two does not wait, or they do not stand in one line."""
    with engine.begin() as connection:
        own = {row.id: waiting_of(row) for row in connection.execute(OWN, {"job": job})}
        moved = own.get(job)
        if moved is None:
            raise _not_waiting(connection, job)
        other = None if before is None or before == job else _other(connection, own, before)
        if before == job:
            return
        for one in (moved, other):
            if one is not None and one.run_after > now.timestamp():
                raise Conflict(
                    "The job is to start later than now; it takes a place in the line when its time has come."
                )
        if other is not None and _rank(other) != _rank(moved):
            raise Conflict(
                "One of the two jobs was begun already or has an earlier deadline, which goes before any order. "
                "Choose another job of yours to go before."
            )
        ready = [one for one in own.values() if one.run_after <= now.timestamp()]
        places = rearranged(moved, other, ready)
        query = sa.text("UPDATE jobs SET placed_at = :placed_at WHERE id = :id")
        moments = [{"id": id_, "placed_at": datetime.fromtimestamp(at, UTC)} for id_, at in places.items()]
        connection.execute(query, moments)


def _rank(job: Waiting) -> tuple[bool, float | None]:
    """What decides before the place does."""
    return job.begun, job.deadline


def _other(connection: sa.Connection, own: dict[UUID, Waiting], before: UUID) -> Waiting:
    if before in own:
        return own[before]
    query = sa.text("SELECT state FROM jobs WHERE id = :id")
    state = connection.execute(query, {"id": before}).scalar_one_or_none()
    if state is not None and state != JobState.WAITING:
        raise Conflict(f"The job that this one should go before is {state}; only jobs that wait have an order.")
    raise Conflict(
        f"The job {before} does not stand in the same line. A job can go before another of the same person, class and "
        "queue that waits too."
    )


def _not_waiting(connection: sa.Connection, job: UUID) -> Exception:
    state = connection.execute(sa.text("SELECT state FROM jobs WHERE id = :id"), {"id": job}).scalar_one_or_none()
    if state is None:
        return NotFound(f"There is no job {job}. It may have been deleted after its time of keeping.")
    return Conflict(f"The job is {state} and can't be moved in the line; only a job that is waiting can.")
