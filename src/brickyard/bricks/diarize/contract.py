"""What is said between the `diarize` brick and its callers; `audio` is the path of a decoded recording, and `key`
what it is sealed with, in hex digits; None where it is plain."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from brickyard.engines.base import Turn
from brickyard.kit.sealed import Stored


class ObserveRequest(BaseModel):
    """Who speaks between `start` and `end`? The reply is for LinkRequest."""

    audio: str
    key: str | None = Field(default=None, repr=False)
    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float
    priority: str = "standard"
    tenant: str = "local"

    @property
    def sound(self) -> Stored:
        return Stored.of(self.audio, self.key)


class ObserveReply(BaseModel):
    observations: list[dict[str, Any]]
    computed_s: float = 0.0


class LinkRequest(BaseModel):
    """Give the speakers of all windows labels that hold over the whole recording."""

    observations: list[dict[str, Any]]
    speakers: int | None = Field(default=None, ge=1, le=50)


class TurnModel(BaseModel):
    start: float
    end: float
    speaker: int

    def value(self) -> Turn:
        return Turn(self.start, self.end, self.speaker)


class LinkReply(BaseModel):
    turns: list[TurnModel]
    computed_s: float = 0.0
