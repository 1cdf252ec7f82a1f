"""`/api/v1/admin/limits`: how much people may have."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.limits import Limits, Name


class LimitView(BaseModel):
    """`value`: what holds, null: no limit. `ceiling`: what the server's settings allow at most, and what holds where
    nobody set anything. `changed_by`: the id of who set it, null where nobody did."""

    name: Name
    unit: str
    value: float | None
    ceiling: float | None
    changed_at: datetime | None
    changed_by: str | None


class LimitChanges(BaseModel):
    """Limits by name; those that are not named stay. null: back to what the settings say."""

    limits: Annotated[dict[str, float | None], Field(examples=[{"waiting_jobs_per_person": 20}])]


def router(limits: Limits) -> APIRouter:
    api = APIRouter(prefix="/admin", tags=["administration"])

    def views() -> list[LimitView]:
        return [LimitView(**asdict(limit)) for limit in limits.all()]

    @api.get("/limits", dependencies=[needs(Action.PLATFORM_SEE)])
    def every() -> list[LimitView]:
        """All limits, whether they are set or not."""
        return views()

    @api.put("/limits")
    def change(body: LimitChanges, actor: Annotated[Actor, needs(Action.LIMITS_CHANGE)]) -> list[LimitView]:
        """Change some, all of them or none; they hold for what begins from now on."""
        limits.set(body.limits, actor)
        return views()

    return api
