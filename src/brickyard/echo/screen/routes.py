"""`/api/v1/recordings/{recording}/screen-text`"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter

from brickyard.access.policy import Action
from brickyard.echo import derived
from brickyard.echo.identity import needs
from brickyard.echo.screen.schemas import OnScreen
from brickyard.echo.screen.steps import KIND


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(
        prefix="/recordings/{recording}", tags=["screen text"], dependencies=[needs(Action.RECORDING_CONTENT)]
    )

    @api.get("/screen-text")
    def screen_text(recording: UUID) -> OnScreen:
        """What was to be read in the video, when, and whose name it may be."""
        return derived.get(engine, recording, KIND, "", OnScreen)

    return api
