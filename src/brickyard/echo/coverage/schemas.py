"""What a transcript may lack, and what was done about it."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel


class FaultView(BaseModel):
    """`kind`: gap (speech without words), loop, language (a flip) or doubt. Times are in seconds."""

    kind: str
    start: float
    end: float
    channel: int = 0
    note: str


class RepairView(BaseModel):
    """A stretch that was decoded again. `before`, `after`: quality, 0…1; the better one was kept."""

    start: float
    end: float
    channel: int = 0
    kinds: list[str]
    before: float
    after: float
    kept: bool


class Coverage(BaseModel):
    """`speech_s`: where voice was heard; `covered_s`: what of that has words. `faults`: what is left after repair."""

    recording: UUID
    speech_s: float
    covered_s: float
    faults: list[FaultView]
    repairs: list[RepairView]
