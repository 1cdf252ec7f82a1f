"""`/api/v1/recordings/{recording}/coverage`"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter

from brickyard.access.policy import Action
from brickyard.echo import derived
from brickyard.echo.coverage.schemas import Coverage
from brickyard.echo.identity import needs


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(
        prefix="/recordings/{recording}", tags=["transcripts"], dependencies=[needs(Action.RECORDING_CONTENT)]
    )

    @api.get("/coverage")
    def coverage(recording: UUID) -> Coverage:
        """What the transcript may lack: speech without words, loops, other languages, doubtful words; and repairs."""
        return derived.get(engine, recording, "coverage", "", Coverage)

    return api
