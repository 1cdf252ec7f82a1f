"""A transcript in another language: the same segments, one translation for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from pydantic import BaseModel

from brickyard.bricks.translate.contract import TranslateReply, TranslateRequest
from brickyard.jobs.context import StepContext
from brickyard.text.spoken import Segment


class Spoken(Protocol):
    """What translations need of a transcript. `duration` in seconds, `language` ISO 639-1."""

    duration: float
    language: str
    segments: list[Segment]


TranscriptOfJob = Callable[[StepContext], Spoken]
"""The transcript that a job is about. Raises NotFound."""


class Translator(Protocol):
    """What translations need of the `translate` brick's client."""

    async def translate(self, request: TranslateRequest) -> TranslateReply: ...


class Translation(BaseModel):
    """`segments` are those of the transcript, with its times and speakers and without words. `draft`: good for the gist
    alone. `route`: the languages gone through. `doubts`: indexes of segments whose numbers differ from the original's.
    """

    recording: UUID
    job: UUID
    language: str
    source_language: str
    draft: bool
    engines: list[str]
    route: list[str]
    segments: list[Segment]
    doubts: list[int] = []


class TranslationEntry(BaseModel):
    language: str
    draft: bool
    source_language: str
