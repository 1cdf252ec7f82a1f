"""A transcript: what the machine made of a recording, and people of that."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from brickyard.text.spoken import Segment, Turn


class Transcript(BaseModel):
    """Times and `duration` are in seconds. `revision`: of the edited document; null where nobody has
    opened it to edit."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "recording": "0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f55",
                "job": "5d0a1f1e-57a4-4d0b-8e55-2f1f4f0b6f11",
                "created_at": "2026-11-23T09:13:26Z",
                "duration": 28.28,
                "language": "en",
                "engines": {"asr": "moonshine", "diarize": "onnx"},
                "speakers": ["Speaker 1", "Speaker 2"],
                "segments": [{"start": 14.43, "end": 16.1, "speaker": "Speaker 2", "text": "Oh, that's a good story."}],
                "turns": [{"start": 14.4, "end": 16.2, "speaker": "Speaker 2"}],
                "warnings": [],
                "revision": 2,
            }
        }
    )

    recording: UUID
    job: UUID
    created_at: datetime | None = None
    duration: float
    language: str
    engines: dict[str, str]
    speakers: list[str]
    segments: list[Segment]
    turns: list[Turn]
    warnings: list[str] = []
    revision: int | None = None
