"""Where a transcript is heard again: what of it may be exchanged, and what stays. Pure.

What people wrote stays. So does what lies beside the stretch; segments of the machine that the stretch cuts are taken
whole, so that none is replaced by half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from brickyard.echo.coverage.words import as_spoken
from brickyard.engines.base import Segment, Span, Turn
from brickyard.text import spoken
from brickyard.text.align import speak
from brickyard.text.coverage import Stretch, speech_inside
from brickyard.text.editing import LETTERS, Document, Piece, Put, RemoveSegment, play

LEAST_SPEECH_S = 0.3
"""What is left of speech between two segments that stay is no word if it is shorter."""

Seen = dict[str, list[float | str]]
"""Start, end and text of segments, by id."""


@dataclass(frozen=True, slots=True)
class Place:
    """`replaced`: what may go; `others`: what stays in it or reaches into it. Seconds."""

    start: float
    end: float
    replaced: tuple[Piece, ...]
    others: tuple[Piece, ...]

    def free(self, speech: Sequence[Span]) -> list[Span]:
        """Speech in it that is nobody's who stays."""
        inside = speech_inside(speech, Stretch(self.start, self.end, ()))
        for piece in self.others:
            inside = [part for span in inside for part in _without(span, piece.start, piece.end)]
        return [span for span in inside if span.duration >= LEAST_SPEECH_S]


def place_of(pieces: Iterable[Piece], machine_made: Mapping[str, Piece], start: float, end: float) -> Place:
    """`pieces`: of the channel. `machine_made`: segments as the machine wrote them, by id."""
    pieces = list(pieces)
    replaced = tuple(piece for piece in _touching(pieces, start, end) if _is_as_made(piece, machine_made))
    start = min([start, *(piece.start for piece in replaced)])
    end = max([end, *(piece.end for piece in replaced)])
    gone = {piece.id for piece in replaced}
    others = tuple(piece for piece in _touching(pieces, start, end) if piece.id not in gone)
    return Place(start, end, replaced, others)


def seen_in(document: Document, start: float, end: float) -> Seen:
    """To tell later whether anything has changed there."""
    return {piece.id: [piece.start, piece.end, piece.text] for piece in _touching(document.segments, start, end)}


def channel_speaker(spans: Sequence[Span], turns: Sequence[spoken.Turn]) -> str | None:
    """Whose turns are most like the speech of a channel; None where nobody's are there."""
    found: dict[str, float] = {}
    for turn in turns:
        shared_s = sum(max(0.0, min(span.end, turn.end) - max(span.start, turn.start)) for span in spans)
        found[turn.speaker] = found.get(turn.speaker, 0.0) + shared_s
    best = max(found, key=lambda name: found[name], default=None)
    return best if best is not None and found[best] > 0 else None


def told_apart(
    segments: Sequence[Segment], turns: Sequence[spoken.Turn], document: Document
) -> list[tuple[str | None, Segment]]:
    """Who says them: whose turn it is, else whoever speaks next to them in the document."""
    names = list(dict.fromkeys(turn.speaker for turn in turns))
    said = speak(segments, [Turn(turn.start, turn.end, names.index(turn.speaker)) for turn in turns])
    return [(_nearest(document, segment) if speaker is None else names[speaker], segment) for speaker, segment in said]


def with_new(
    document: Document, replaced: Iterable[str], said: Iterable[tuple[str | None, Segment]], prefix: str
) -> Document:
    """`prefix` begins the ids of what is new."""
    taken = set(document.by_id)
    fresh = (f"{prefix}-{number}" for number in range(1_000_000) if f"{prefix}-{number}" not in taken)
    gone = [RemoveSegment(segment=name) for name in replaced]
    new = [
        Put(segment=Piece(id=next(fresh), **as_spoken(segment, speaker).model_dump()))
        for speaker, segment in said
        if segment.text.strip() and len(segment.text) <= LETTERS
    ]
    return play(document, [*gone, *new])


def _touching(pieces: Iterable[Piece], start: float, end: float) -> list[Piece]:
    return [piece for piece in pieces if piece.start < end and piece.end > start]


def _is_as_made(piece: Piece, machine_made: Mapping[str, Piece]) -> bool:
    """Whoever else is said to speak: words and times are the machine's."""
    made = machine_made.get(piece.id)
    return made is not None and (made.text, made.start, made.end) == (piece.text, piece.start, piece.end)


def _without(span: Span, start: float, end: float) -> list[Span]:
    if end <= span.start or start >= span.end:
        return [span]
    parts = [Span(span.start, max(span.start, start)), Span(min(span.end, end), span.end)]
    return [part for part in parts if part.duration > 0]


def _nearest(document: Document, segment: Segment) -> str | None:
    def apart_s(piece: Piece) -> float:
        return max(0.0, piece.start - segment.end, segment.start - piece.end)

    named = [piece for piece in document.segments if piece.speaker is not None]
    return min(named, key=apart_s).speaker if named else None
