"""What a search finds."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

BEGIN, END = "\x02", "\x03"


class Mark(BaseModel):
    """A part of a snippet; `hit` where it is what was searched for."""

    text: str
    hit: bool


class Hit(BaseModel):
    """A passage: `kind` is transcript, screen, translation or summary; `variant` its language or template.

    `start`, `end`: the moment in the recording, in seconds.
    """

    recording: UUID
    name: str
    kind: str
    variant: str
    start: float
    end: float
    speaker: str | None
    text: str
    snippet: list[Mark]

    @classmethod
    def of(cls, snippet: str, **values: Any) -> Self:
        """`snippet` with control characters around hits, as the database marks them: text may hold any other sign."""
        return cls(snippet=_marks(snippet), **values)


def _marks(snippet: str) -> list[Mark]:
    marks: list[Mark] = []
    for part in snippet.split(BEGIN):
        hit, end, rest = part.partition(END)
        pieces = [Mark(text=hit, hit=True), Mark(text=rest, hit=False)] if end else [Mark(text=part, hit=False)]
        marks += [piece for piece in pieces if piece.text]
    return marks
