"""What the API says of recordings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from brickyard.jobs.states import Priority
from brickyard.text.prompts import Template


class PriorityName(StrEnum):
    interactive = "interactive"
    standard = "standard"
    batch = "batch"

    @property
    def value_for_jobs(self) -> Priority:
        return Priority[self.name.upper()]


LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class TranscribeOptions(BaseModel):
    """What is to be made of a recording. Languages are ISO 639-1 codes.

    `speakers`: their number, where it is known. `summary`: a template; `free` needs `summary_instruction`; it is
    written in `summary_language`, else in the recording's. `ocr`: whether to read what is on screen; `ocr_languages`
    are expected there.
    """

    language: str | None = None
    speakers: int | None = Field(default=None, ge=1, le=50)
    diarize: bool = True
    translate_into: list[LanguageCode] = Field(default=[], max_length=10)
    summary: Template | None = None
    summary_instruction: str | None = Field(default=None, max_length=2000)
    summary_language: LanguageCode | None = None
    ocr: bool = False
    ocr_languages: list[LanguageCode] = Field(default=[], max_length=10)
    priority: PriorityName = PriorityName.standard

    @model_validator(mode="after")
    def _free_needs_words(self) -> Self:
        if self.summary is Template.free and not (self.summary_instruction or "").strip():
            raise ValueError("the summary template 'free' needs summary_instruction, which says what to write")
        return self


class Webhook(BaseModel):
    """Who is to be told when the job ends. `secret` signs the message; without one, one is made and returned."""

    url: str = Field(max_length=2000)
    secret: str | None = Field(default=None, max_length=200)


class Recording(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f55",
                "name": "interview.m4a",
                "container": "m4a",
                "size_bytes": 1873201,
                "duration_s": 114.3,
                "has_video": False,
                "created_at": "2026-11-23T09:12:44Z",
                "latest_job": "5d0a1f1e-57a4-4d0b-8e55-2f1f4f0b6f11",
            }
        }
    )

    id: UUID
    name: str
    container: str
    size_bytes: int
    duration_s: float
    has_video: bool
    created_at: datetime
    latest_job: UUID | None = None


class Submitted(BaseModel):
    """A recording was accepted; the job makes its transcript. `webhook_secret`: what its webhook is signed with."""

    recording: Recording
    job: UUID
    webhook_secret: str | None = None
