"""`/api/v1/recordings/{recording}/retention` and `/hold`, `/api/v1/deletions`: how long recordings are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.retention.schemas import Deletion, Kept, NewHold, NewRetention
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

    @api.get("/deletions", dependencies=[needs(Action.DELETIONS_READ)])
    def deletions(
        before: Annotated[AwareDatetime | None, Query(description="deleted before this moment")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[Deletion]:
        """Recordings that were deleted, the latest first: what went, when, by whom and why."""
        moment: datetime | None = before
        return retention.deletions(moment, limit)

    return api
