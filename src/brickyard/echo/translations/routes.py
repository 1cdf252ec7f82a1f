"""`/api/v1/recordings/{recording}/translations`"""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response

from brickyard.access.policy import Action
from brickyard.echo import derived
from brickyard.echo.identity import needs
from brickyard.echo.translations.schemas import Translation, TranslationEntry
from brickyard.echo.translations.steps import KIND
from brickyard.text.subtitles import TextFormat, render


def router(engine: sa.Engine) -> APIRouter:
    api = APIRouter(
        prefix="/recordings/{recording}", tags=["translations"], dependencies=[needs(Action.RECORDING_CONTENT)]
    )

    @api.get("/translations")
    def languages(recording: UUID) -> list[TranslationEntry]:
        """The languages in which there is a translation."""
        codes = derived.variants(engine, recording, KIND)
        return [derived.get(engine, recording, KIND, code, TranslationEntry) for code in codes]

    @api.get(
        "/translations/{language}.{form}",
        response_class=Response,
        responses={200: {"content": {form.media_type: {} for form in TextFormat}}},
    )
    def as_text(recording: UUID, language: str, form: TextFormat) -> Response:
        """The translation as SRT or WebVTT subtitles, or as plain text."""
        found = derived.get(engine, recording, KIND, language, Translation)
        return Response(render(found.segments, form), media_type=f"{form.media_type}; charset=utf-8")

    @api.get("/translations/{language}")
    def translation(recording: UUID, language: str) -> Translation:
        """What was said in another language, segment by segment, with times in seconds and speakers."""
        return derived.get(engine, recording, KIND, language, Translation)

    return api
