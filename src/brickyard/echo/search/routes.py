"""`/api/v1/search`"""

from __future__ import annotations

from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.search import store
from brickyard.echo.search.schemas import Hit

Kind = Literal["transcript", "screen", "translation", "summary"]


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(tags=["search"])

    @api.get("/search")
    def search(
        actor: Annotated[Actor, needs(Action.SEARCH)],
        q: Annotated[str, Query(min_length=1, max_length=500, description='words, "a phrase", or, -not')],
        kind: Annotated[Kind | None, Query(description="where to look; everywhere without it")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[Hit]:
        """What was said, shown, translated or summarized in what you may see, each with its moment."""
        return store.search(engine, q, actor.id, kind=kind, limit=limit)

    return api
