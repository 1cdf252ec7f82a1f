"""`/api/v1/recordings/{recording}/transcript`"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import Response

from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.transcripts import store
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.text.subtitles import TextFormat, render


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(
        prefix="/recordings/{recording}", tags=["transcripts"], dependencies=[needs(Action.RECORDING_CONTENT)]
    )

    @api.get("/transcript")
    def transcript(
        recording: UUID,
        words: bool = Query(default=True, description="whether to include words"),
    ) -> Transcript:
        """Who said what, when. Times are in seconds."""
        found = store.get(engine, recording)
        if not words:
            for segment in found.segments:
                segment.words = []
        return found

    @api.get(
        "/transcript.{form}",
        response_class=Response,
        responses={200: {"content": {form.media_type: {} for form in TextFormat}}},
    )
    def as_text(recording: UUID, form: TextFormat) -> Response:
        """The transcript as SRT or WebVTT subtitles, or as plain text."""
        text = render(store.get(engine, recording).segments, form)
        return Response(text, media_type=f"{form.media_type}; charset=utf-8")

    return api
