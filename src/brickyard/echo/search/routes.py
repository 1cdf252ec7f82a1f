"""`/api/v1/search`"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.search import store
from brickyard.echo.search.schemas import Hit

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Kind = Literal["transcript", "screen", "translation", "summary"]


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(tags=["search"])

    @api.get("/search")
    def search(
        actor: Annotated[Actor, needs(Action.SEARCH)],
        q: Annotated[str, Query(min_length=1, max_length=500, description='words, "a phrase", or, -not')],
        kind: Annotated[Kind | None, Query(description="where to look; everywhere without it")] = None,
        recording: Annotated[UUID | None, Query(description="in this one alone")] = None,
        speaker: Annotated[str | None, Query(max_length=200, pattern=PRINTABLE, description="the whole name")] = None,
        language: Annotated[str | None, Query(pattern=r"^[a-z]{2,3}$", description="of the passage, ISO 639-1")] = None,
        since: Annotated[AwareDatetime | None, Query(description="uploaded then or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="uploaded before")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[Hit]:
        """What was said, shown, translated or summarized in what you may see, each with its moment."""
        wanted = store.Filter(kind, recording, speaker, language, since, until)
        return store.search(engine, q, actor.id, wanted=wanted, limit=limit)

    return api
