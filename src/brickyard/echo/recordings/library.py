"""`/api/v1/library`: the recordings that one may see, filtered, sorted and page by page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from brickyard.access.actor import Actor
from brickyard.access.policy import Action, Level
from brickyard.echo.derived import HEARD
from brickyard.echo.identity import needs
from brickyard.echo.recordings.paging import Order, begins_after, cursor
from brickyard.echo.recordings.schemas import AccessName, Recording
from brickyard.jobs.states import JobState

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Sort(StrEnum):
    newest = "newest"
    oldest = "oldest"
    name = "name"
    longest = "longest"
    shortest = "shortest"

    @property
    def order(self) -> Order:
        return ORDERS[self]


ORDERS = {
    Sort.newest: Order("found.created_at", "timestamptz", True),
    Sort.oldest: Order("found.created_at", "timestamptz", False),
    Sort.name: Order("lower(found.name)", "text", False),
    Sort.longest: Order("found.duration_s", "float8", True),
    Sort.shortest: Order("found.duration_s", "float8", False),
}


class Wanted(BaseModel):
    """Recordings that are like all that is said."""

    model_config = {"extra": "forbid"}

    text: Annotated[Text | None, Field(description="part of the name")] = None
    tag: Annotated[list[Text], Field(max_length=10, description="all of them")] = []
    folder: Annotated[UUID | None, Field(description="one of your folders")] = None
    team: UUID | None = None
    owner: Annotated[Text | None, Field(description="a user's id, `me`, or `others`")] = None
    state: Annotated[list[JobState], Field(max_length=10, description="of the latest job, one of them")] = []
    language: Annotated[Text | None, Field(description="of its transcript, ISO 639-1")] = None
    has_video: bool | None = None
    since: Annotated[AwareDatetime | None, Field(description="uploaded then or later")] = None
    until: Annotated[AwareDatetime | None, Field(description="uploaded before")] = None
    sort: Sort = Sort.newest
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[Text | None, Field(description="`next` of the page before, with the same filters")] = None


class Entry(Recording):
    """A recording on its shelf. `folder`: of yours; `state`: of the latest job; of one that only added to a transcript,
    while it is not over: a recording has not failed because a summary did.

    `language` and `speakers`, how many there are: of its transcript; null before, or where nobody told them apart.
    """

    owner_id: str
    tags: list[str]
    folder: UUID | None = None
    state: JobState | None = None
    language: str | None = None
    speakers: int | None = None


class Page(BaseModel):
    """`next`: ask for what follows with `after`; null on the last page."""

    items: list[Entry]
    next: str | None


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(tags=["recordings"])

    @api.get("/library")
    def library(wanted: Annotated[Wanted, Query()], actor: Annotated[Actor, needs(Action.RECORDING_LIST)]) -> Page:
        """The recordings that you may see, filtered and sorted, page by page."""
        return page(engine, wanted, actor.id)

    return api


FOUND = f"""
    SELECT recordings.id, recordings.name, container, size_bytes, duration_s, has_video, recordings.created_at,
           recordings.owner AS owner_id, recordings.team AS team_id, held_at IS NOT NULL AS is_held, reached.level,
           recordings.language, recordings.speakers, latest.id AS latest_job, latest.state, filed.folder
    FROM recordings
    JOIN (SELECT recording, max(level) AS level FROM reach WHERE user_id = :user GROUP BY recording) AS reached
         ON reached.recording = recordings.id
    LEFT JOIN filed ON filed.recording = recordings.id AND filed.user_id = :user
    LEFT JOIN LATERAL (SELECT jobs.id, jobs.state FROM jobs WHERE jobs.params ->> 'recording' = recordings.id::text
                       ORDER BY ({HEARD} OR jobs.state IN ('waiting', 'running', 'paused')) DESC,
                                jobs.created_at DESC LIMIT 1) AS latest ON true
    WHERE (CAST(:text AS text) IS NULL OR strpos(lower(recordings.name), lower(:text)) > 0)
      AND (CAST(:folder AS uuid) IS NULL OR filed.folder = :folder)
      AND (CAST(:team AS uuid) IS NULL OR recordings.team = :team)
      AND (CAST(:owner AS text) IS NULL OR recordings.owner = :owner)
      AND (NOT :by_others OR recordings.owner <> :user)
      AND (CAST(:language AS text) IS NULL OR recordings.language = :language)
      AND (CAST(:has_video AS boolean) IS NULL OR has_video = :has_video)
      AND (CAST(:since AS timestamptz) IS NULL OR recordings.created_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR recordings.created_at < :until)
      AND (cardinality(CAST(:states AS text[])) = 0 OR latest.state = ANY(:states))
      AND (SELECT count(DISTINCT lower(tag)) FROM tags WHERE tags.recording = recordings.id
           AND lower(tag) = ANY(CAST(:tags AS text[]))) = cardinality(CAST(:tags AS text[]))"""


def page(engine: sa.Engine, wanted: Wanted, user: str) -> Page:
    """Raises BadInput where `after` is no `next` of such a page."""
    order = wanted.sort.order
    at, identity = begins_after(wanted.after, wanted.sort, order.kind) if wanted.after else (None, None)
    query = sa.text(f"""
        SELECT found.*, ({order.by})::text AS place, teams.name AS team,
               coalesce(nullif(users.display_name, ''), users.name, owner_id) AS owner,
               ARRAY(SELECT tag FROM tags WHERE recording = found.id ORDER BY lower(tag)) AS tags
        FROM ({FOUND}) AS found LEFT JOIN users ON users.id = owner_id LEFT JOIN teams ON teams.id = team_id
        WHERE CAST(:identity AS uuid) IS NULL
           OR ({order.by}, found.id) {order.beyond} (CAST(:at AS {order.kind}), :identity)
        ORDER BY {order.by} {order.way}, found.id {order.way} LIMIT :limit""")
    with engine.connect() as connection:
        rows = connection.execute(query, {**_values(wanted, user), "at": at, "identity": identity}).all()
    shown = rows[: wanted.limit]
    following = cursor(wanted.sort, shown[-1].place, shown[-1].id) if len(rows) > wanted.limit else None
    return Page(items=[_entry(row) for row in shown], next=following)


def _values(wanted: Wanted, user: str) -> dict[str, Any]:
    plain = wanted.model_dump(include={"text", "folder", "team", "language", "has_video", "since", "until"})
    return {
        **plain,
        "user": user,
        "owner": {"me": user, "others": None}.get(wanted.owner or "", wanted.owner),
        "by_others": wanted.owner == "others",
        "states": [str(state) for state in wanted.state],
        "tags": sorted({tag.lower() for tag in wanted.tag}),
        "limit": wanted.limit + 1,
    }


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)
    return Entry(**values, access=AccessName.of(Level(values.pop("level"))))
