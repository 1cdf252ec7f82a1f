"""`/api/v1/recordings/{recording}/retention`, `/hold`, `/admin/retention`, `/deletions`: how long they are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.retention.rules import LONGEST_DAYS
from brickyard.echo.retention.schemas import (
    Deletion,
    Kept,
    NewHold,
    NewPlatformRetention,
    NewRetention,
    Overdue,
    PlatformRetention,
)
from brickyard.echo.retention.service import Retention

Holder = Annotated[Actor, needs(Action.RECORDING_HOLD)]


def router(retention: Retention) -> APIRouter:
    api = APIRouter(tags=["retention"])

    @api.get("/recordings/{recording}/retention", dependencies=[needs(Action.RECORDING_SEE)])
    def kept(recording: UUID) -> Kept:
        """Until when a recording stays, and what decides that."""
        return retention.kept(recording)

    @api.put("/recordings/{recording}/retention")
    def keep_for(
        recording: UUID, new: NewRetention, actor: Annotated[Actor, needs(Action.RECORDING_RETENTION)]
    ) -> Kept:
        """Keep it so many days from its arrival; it is deleted after them. null: as its team or the platform says."""
        retention.keep_for(recording, new.days, actor)
        return retention.kept(recording)

    @api.put("/recordings/{recording}/hold")
    def hold(recording: UUID, new: NewHold, actor: Holder) -> Kept:
        """Legal hold: until it is released, nothing and nobody deletes the recording."""
        retention.hold(recording, new.reason, actor)
        return retention.kept(recording)

    @api.delete("/recordings/{recording}/hold", status_code=204)
    def release(recording: UUID, actor: Holder) -> None:
        """Release it from legal hold; what its days say then holds again, at once."""
        retention.release(recording, actor)

    @api.get("/admin/retention", dependencies=[needs(Action.PLATFORM_SEE)], tags=["administration"])
    def of_platform() -> PlatformRetention:
        """How long recordings stay where nothing else is said."""
        return retention.of_platform()

    @api.put("/admin/retention", tags=["administration"])
    def keep_all_for(
        new: NewPlatformRetention, actor: Annotated[Actor, needs(Action.RETENTION_CHANGE)]
    ) -> PlatformRetention:
        """Change that. What is over by then is deleted soon, and does not come back."""
        return retention.set_platform(new.days, actor)

    @api.get("/admin/retention/overdue", dependencies=[needs(Action.PLATFORM_SEE)], tags=["administration"])
    def overdue(
        days: Annotated[int | None, Query(ge=1, le=LONGEST_DAYS, description="without: as the settings say")] = None,
    ) -> Overdue:
        """How many recordings would be deleted at once if all were kept so many days."""
        return Overdue(recordings=retention.overdue(days))

    @api.get("/deletions", dependencies=[needs(Action.DELETIONS_READ)])
    def deletions(
        before: Annotated[AwareDatetime | None, Query(description="deleted before this moment")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[Deletion]:
        """Recordings that were deleted, the latest first: what went, when, by whom and why."""
        moment: datetime | None = before
        return retention.deletions(moment, limit)

    return api
