"""What the API says of recordings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from brickyard.jobs.states import Priority


class PriorityName(StrEnum):
    interactive = "interactive"
    standard = "standard"
    batch = "batch"

    @property
    def value_for_jobs(self) -> Priority:
        return Priority[self.name.upper()]


class TranscribeOptions(BaseModel):
    """How a recording is to be transcribed. `speakers`: their number, where it is known."""

    language: str | None = None
    speakers: int | None = Field(default=None, ge=1, le=50)
    diarize: bool = True
    priority: PriorityName = PriorityName.standard


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
    """A recording was accepted; the job makes its transcript."""

    recording: Recording
    job: UUID
