"""Who said what, when: the values that transcripts, subtitles, summaries and translations are made of."""

from __future__ import annotations

from pydantic import BaseModel


class Word(BaseModel):
    """`approximate`: the engine gives no word times, so this one is interpolated inside its segment."""

    start: float
    end: float
    text: str
    confidence: float | None = None
    approximate: bool = False


class Segment(BaseModel):
    """`speaker` is None where speakers were not told apart. `confidence`: mean token probability, 0…1."""

    start: float
    end: float
    speaker: str | None
    text: str
    confidence: float | None = None
    words: list[Word] = []


class Turn(BaseModel):
    """Who speaks when, whatever was understood; turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str
