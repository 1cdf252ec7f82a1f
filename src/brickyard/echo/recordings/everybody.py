"""`/api/v1/admin/recordings`: everybody's recordings, without what is in them, page by page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, Field

from brickyard.access.policy import Level
from brickyard.echo.recordings.library import Text
from brickyard.echo.recordings.paging import Order, begins_after, cursor
from brickyard.echo.recordings.schemas import AccessName, Recording


class AllSort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    largest = "largest"
    longest = "longest"
    name = "name"

    @property
    def order(self) -> Order:
        return ORDERS[self]


ORDERS = {
    AllSort.newest: Order("found.created_at", "timestamptz", True),
    AllSort.oldest: Order("found.created_at", "timestamptz", False),
    AllSort.largest: Order("found.size_bytes::float8", "float8", True),
    AllSort.longest: Order("found.duration_s", "float8", True),
    AllSort.name: Order("lower(found.name)", "text", False),
}


class Wanted(BaseModel):
    """Recordings that are like all that is said."""

    model_config = {"extra": "forbid"}

    text: Annotated[Text | None, Field(description="part of the name, or of the owner's")] = None
    owner: Annotated[Text | None, Field(description="a user's id")] = None
    team: UUID | None = None
    is_held: Annotated[bool | None, Field(description="whether they are under legal hold")] = None
    sort: AllSort = AllSort.newest
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[Text | None, Field(description="`next` of the page before, with the same filters")] = None


class EverybodysRecording(Recording):
    owner_id: str


class EverybodysPage(BaseModel):
    """`next`: ask for what follows with `after`; null on the last page."""

    items: list[EverybodysRecording]
    next: str | None


FOUND = """
    SELECT recordings.id, recordings.name, container, size_bytes, duration_s, has_video, recordings.created_at,
           recordings.owner AS owner_id, teams.name AS team, held_at IS NOT NULL AS is_held,
           coalesce(nullif(users.display_name, ''), users.name, recordings.owner) AS owner
    FROM recordings LEFT JOIN users ON users.id = recordings.owner LEFT JOIN teams ON teams.id = recordings.team
    WHERE (CAST(:owner AS text) IS NULL OR recordings.owner = :owner)
      AND (CAST(:team AS uuid) IS NULL OR recordings.team = :team)
      AND (CAST(:is_held AS boolean) IS NULL OR (held_at IS NOT NULL) = :is_held)"""

MATCHING = """
    (CAST(:text AS text) IS NULL OR strpos(lower(found.name), lower(:text)) > 0
                                 OR strpos(lower(found.owner), lower(:text)) > 0)"""


def page(engine: sa.Engine, wanted: Wanted, user: str) -> EverybodysPage:
    """`user`: who looks. Raises BadInput where `after` is no `next` of such a page."""
    order = wanted.sort.order
    at, identity = begins_after(wanted.after, wanted.sort, order.kind) if wanted.after else (None, None)
    query = sa.text(f"""
        SELECT found.*, ({order.by})::text AS place,
               (SELECT max(level) FROM reach WHERE recording = found.id AND user_id = :user) AS level,
               (SELECT jobs.id FROM jobs WHERE jobs.params ->> 'recording' = found.id::text
                ORDER BY jobs.created_at DESC LIMIT 1) AS latest_job
        FROM ({FOUND}) AS found
        WHERE {MATCHING} AND (CAST(:identity AS uuid) IS NULL
                              OR ({order.by}, found.id) {order.beyond} (CAST(:at AS {order.kind}), :identity))
        ORDER BY {order.by} {order.way}, found.id {order.way} LIMIT :limit""")
    asked = wanted.model_dump(include={"text", "owner", "team", "is_held"})
    values = {**asked, "user": user, "at": at, "identity": identity, "limit": wanted.limit + 1}
    with engine.connect() as connection:
        rows = connection.execute(query, values).all()
    shown = rows[: wanted.limit]
    following = cursor(wanted.sort, shown[-1].place, shown[-1].id) if len(rows) > wanted.limit else None
    return EverybodysPage(items=[_recording(row) for row in shown], next=following)


def _recording(row: sa.Row[Any]) -> EverybodysRecording:
    values = dict(row._mapping)
    return EverybodysRecording(**values, access=AccessName.of(Level(values.pop("level") or 0)))
