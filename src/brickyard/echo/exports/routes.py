"""`…/transcript.docx`, `….pdf`, and the same of translations and summaries: documents to be printed and passed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.exports.schemas import DocumentFormat, RevisionOf, SpokenOf, SummarizedOf, TranslatedOf
from brickyard.echo.exports.sheets import About, of_summary, of_transcript, of_translation
from brickyard.echo.identity import needs
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import NotFound
from brickyard.media.media_types import MEDIA_TYPES
from brickyard.text.exports.paper import pdf
from brickyard.text.exports.sheet import Sheet
from brickyard.text.exports.word import docx

Reader = Annotated[Actor, needs(Action.RECORDING_CONTENT)]


@dataclass(frozen=True)
class Exports:
    engine: sa.Engine
    transcript_of: SpokenOf
    translation_of: TranslatedOf
    summary_of: SummarizedOf
    revision_of: RevisionOf = lambda *_: ""
    clock: Clock = utc_now

    def about(self, recording: UUID, actor: Actor) -> About:
        query = sa.text("SELECT name, duration_s, created_at FROM recordings WHERE id = :id")
        with self.engine.connect() as connection:
            row = connection.execute(query, {"id": recording}).one_or_none()
        if row is None:
            raise NotFound(f"There is no recording {recording}, or it is not yours.")
        by = actor.display_name or actor.name
        return About(row.name, row.duration_s, row.created_at, by, self.clock())


def router(exports: Exports) -> APIRouter:
    """To be included before those routers whose `{form}` would take `docx` for a mistake."""
    api = APIRouter(prefix="/recordings/{recording}", tags=["exports"])
    answers: dict[int | str, dict[str, Any]] = {200: {"content": {form.media_type: {} for form in DocumentFormat}}}

    def transcript(recording: UUID, actor: Actor, form: DocumentFormat) -> Response:
        about = exports.about(recording, actor)
        spoken = exports.transcript_of(recording)
        revision = "" if spoken.revision is None else exports.revision_of(recording, spoken.revision)
        sheet = of_transcript(about, spoken, revision)
        return _document(sheet, form, "transcript")

    def translation(recording: UUID, language: str, actor: Actor, form: DocumentFormat) -> Response:
        about = exports.about(recording, actor)
        return _document(of_translation(about, exports.translation_of(recording, language)), form, language)

    def summary(recording: UUID, template: str, actor: Actor, form: DocumentFormat) -> Response:
        about = exports.about(recording, actor)
        return _document(of_summary(about, exports.summary_of(recording, template)), form, "summary")

    @api.get("/transcript.docx", response_class=Response, responses=answers)
    def transcript_docx(recording: UUID, actor: Reader) -> Response:
        """The transcript as a Word document: title, speakers, times, and who exported it when."""
        return transcript(recording, actor, DocumentFormat.docx)

    @api.get("/transcript.pdf", response_class=Response, responses=answers)
    def transcript_pdf(recording: UUID, actor: Reader) -> Response:
        """The transcript as a PDF, to be printed or archived."""
        return transcript(recording, actor, DocumentFormat.pdf)

    @api.get("/translations/{language}.docx", response_class=Response, responses=answers)
    def translation_docx(recording: UUID, language: str, actor: Reader) -> Response:
        """A translation as a Word document."""
        return translation(recording, language, actor, DocumentFormat.docx)

    @api.get("/translations/{language}.pdf", response_class=Response, responses=answers)
    def translation_pdf(recording: UUID, language: str, actor: Reader) -> Response:
        """A translation as a PDF."""
        return translation(recording, language, actor, DocumentFormat.pdf)

    @api.get("/summaries/{template}.docx", response_class=Response, responses=answers)
    def summary_docx(recording: UUID, template: str, actor: Reader) -> Response:
        """A summary as a Word document, each sentence with the times at which it was said."""
        return summary(recording, template, actor, DocumentFormat.docx)

    @api.get("/summaries/{template}.pdf", response_class=Response, responses=answers)
    def summary_pdf(recording: UUID, template: str, actor: Reader) -> Response:
        """A summary as a PDF."""
        return summary(recording, template, actor, DocumentFormat.pdf)

    return api


def _document(sheet: Sheet, form: DocumentFormat, part: str) -> Response:
    content = docx(sheet) if form is DocumentFormat.docx else pdf(sheet)
    name = quote(f"{_without_ending(sheet.title)} {part}.{form}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{name}"}
    return Response(content, media_type=form.media_type, headers=headers)


def _without_ending(title: str) -> str:
    """`talk.mp4` is "talk", but "Talk with Dr. Smith" stays whole: people name recordings as they like."""
    path = PurePath(title)
    return path.stem if path.suffix[1:].lower() in MEDIA_TYPES else title
