"""What the API says of recordings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from brickyard.access.policy import Level
from brickyard.jobs.states import Priority
from brickyard.text.prompts import Template


class PriorityName(StrEnum):
    interactive = "interactive"
    standard = "standard"
    batch = "batch"

    @property
    def value_for_jobs(self) -> Priority:
        return Priority[self.name.upper()]


class AccessName(StrEnum):
    """How far whoever asks gets with a recording. `none`: an administrator or auditor, who sees that it is there."""

    none = "none"
    view = "view"
    comment = "comment"
    edit = "edit"
    own = "own"

    @classmethod
    def of(cls, level: Level) -> AccessName:
        return cls[level.name.lower()]

    @property
    def level(self) -> Level:
        return Level[self.name.upper()]


LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class Additions(BaseModel):
    """What can be made of a transcript that is there, without listening again. Languages are ISO 639-1 codes.

    `summary`: a template; `free` needs `summary_instruction`; it is written in `summary_language`, else in the
    recording's. `ocr`: whether to read what is on screen; `ocr_languages` are expected there.
    """

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

    @property
    def ask_for_something(self) -> bool:
        return bool(self.translate_into or self.summary or self.ocr)


class TranscribeOptions(Additions):
    """What is to be made of a recording, its transcript before all. `speakers`: their number, where it is known."""

    language: str | None = None
    speakers: int | None = Field(default=None, ge=1, le=50)
    diarize: bool = True


class Webhook(BaseModel):
    """Who is to be told when the job ends. `secret` signs the message; without one, one is made and returned."""

    url: str = Field(max_length=2000)
    secret: str | None = Field(default=None, max_length=200)


class Recording(BaseModel):
    """`owner` and `team` by name. `is_held`: under legal hold, so that it can't be deleted."""

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
                "owner": "Ada",
                "team": None,
                "access": "own",
                "is_held": False,
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
    owner: str
    team: str | None = None
    access: AccessName
    is_held: bool = False
    latest_job: UUID | None = None


class NewName(BaseModel):
    """What a recording is called from now on. Slashes become hyphens."""

    name: str = Field(min_length=1, max_length=200, examples=["Interview with the harbour master"])


class Submitted(BaseModel):
    """A recording was accepted; the job makes its transcript. `webhook_secret`: what its webhook is signed with."""

    recording: Recording
    job: UUID
    webhook_secret: str | None = None


class UploadFields(BaseModel):
    """What may come beside the file of an upload. Lists have commas between them."""

    model_config = ConfigDict(extra="forbid")

    language: Annotated[str | None, Field(description="ISO 639-1, e.g. `en`; without it, it is detected")] = None
    speakers: Annotated[int | None, Field(ge=1, le=50, description="their number, if known")] = None
    diarize: Annotated[bool, Field(description="whether to tell speakers apart")] = True
    translate_into: Annotated[str, Field(description="languages", examples=["fr"])] = ""
    summary: Annotated[Template | None, Field(description="a summary by this template")] = None
    summary_instruction: Annotated[str | None, Field(description="what to write, for the template `free`")] = None
    summary_language: Annotated[str | None, Field(description="without it, that of the recording")] = None
    ocr: Annotated[bool, Field(description="whether to read what is on screen")] = False
    ocr_languages: Annotated[str, Field(description="languages expected on screen")] = ""
    priority: PriorityName = PriorityName.standard
    team: Annotated[UUID | None, Field(description="a team of yours, whose members may edit it")] = None
    webhook_url: Annotated[str | None, Field(max_length=2000, description="told when the job ends")] = None
    webhook_secret: Annotated[str | None, Field(max_length=200, description="signs that message")] = None

    @property
    def options(self) -> TranscribeOptions:
        """Raises ValidationError."""
        lists = ("translate_into", "ocr_languages")
        values = self.model_dump(exclude={"webhook_url", "webhook_secret", "team", *lists})
        return TranscribeOptions(**values, **{name: codes(getattr(self, name)) for name in lists})

    @property
    def webhook(self) -> Webhook | None:
        return Webhook(url=self.webhook_url, secret=self.webhook_secret) if self.webhook_url else None


def codes(languages: str) -> list[str]:
    return [code.strip().lower() for code in languages.split(",") if code.strip()]


class Redo(BaseModel):
    """A stretch that is to be heard again, in seconds."""

    model_config = ConfigDict(json_schema_extra={"example": {"start": 61.2, "end": 74.9}})

    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(gt=0, allow_inf_nan=False)
    channel: int = Field(default=0, ge=0, le=1, description="as the coverage report says it")


class ShareView(BaseModel):
    """With whom a recording is shared: a user or a team, by id and name."""

    user: str | None
    team: UUID | None
    name: str
    access: AccessName
    created_at: datetime


class NewShare(BaseModel):
    """With exactly one, a user or a team."""

    user: str | None = Field(default=None, max_length=100)
    team: UUID | None = None
    access: AccessName


class TeamOfRecording(BaseModel):
    team: UUID | None
