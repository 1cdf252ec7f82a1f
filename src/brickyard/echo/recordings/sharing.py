"""`/api/v1/recordings/{recording}/shares` and `/team`: who else may see a recording."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query

from brickyard.access import sharing
from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.policy import Action, Level
from brickyard.echo.identity import needs
from brickyard.echo.recordings.schemas import AccessName, NewShare, ShareView, TeamOfRecording
from brickyard.kit.errors import BadInput

Sharer = Annotated[Actor, needs(Action.RECORDING_SHARE)]
SHARED = (Level.VIEW, Level.COMMENT, Level.EDIT)


def router(engine: sa.Engine, audit: Audit) -> APIRouter:
    api = APIRouter(prefix="/recordings/{recording}", tags=["sharing"])

    def record(actor: Actor, recording: UUID, action: str, **details: str | None) -> None:
        said = {name: value for name, value in details.items() if value is not None}
        audit.append(entry_of(actor, action, object_kind="recording", object_id=str(recording), details=said))

    @api.get("/shares", dependencies=[needs(Action.RECORDING_SHARES)])
    def shares(recording: UUID) -> list[ShareView]:
        """With whom it is shared, beside its team."""
        return [
            ShareView(
                user=one.user, team=one.team, name=one.name, access=AccessName.of(one.level), created_at=one.created_at
            )
            for one in sharing.shares_of(engine, recording)
        ]

    @api.put("/shares", status_code=204)
    def share(recording: UUID, new: NewShare, actor: Sharer) -> None:
        """Share with a user or a team, or change how far they get: view, comment or edit."""
        if new.access.level not in SHARED:
            raise BadInput(f"access: {new.access} can't be shared; view, comment or edit can.")
        sharing.share(engine, recording, actor.id, new.access.level, user=new.user, team=new.team)
        team = str(new.team) if new.team else None
        record(actor, recording, "recording.shared", user=new.user, team=team, access=new.access)

    @api.delete("/shares", status_code=204)
    def unshare(
        recording: UUID,
        actor: Sharer,
        user: Annotated[str | None, Query(max_length=100)] = None,
        team: UUID | None = None,
    ) -> None:
        """Share it no longer with a user or a team."""
        if (user is None) == (team is None):
            raise BadInput("Say with whom it is to be shared no longer: ?user=… or ?team=…, one of them.")
        sharing.unshare(engine, recording, user=user, team=team)
        record(actor, recording, "recording.unshared", user=user, team=str(team) if team else None)

    @api.put("/team", status_code=204)
    def give_to_team(
        recording: UUID, body: TeamOfRecording, actor: Annotated[Actor, needs(Action.RECORDING_TEAM)]
    ) -> None:
        """Give it to a team of yours, whose members may then edit it and whose retention holds; null takes it back."""
        sharing.give_to_team(engine, recording, body.team, actor.id)
        record(actor, recording, "recording.given_to_team", team=str(body.team) if body.team else None)

    return api
