"""Words as engines hear them, and as transcripts have them."""

from __future__ import annotations

from brickyard.engines.base import Segment, Word
from brickyard.text import spoken


def as_spoken(segment: Segment, speaker: str | None) -> spoken.Segment:
    words = [
        spoken.Word(start=w.start, end=w.end, text=w.text, confidence=w.confidence, approximate=w.approximate)
        for w in segment.words
    ]
    return spoken.Segment(
        start=segment.start,
        end=segment.end,
        speaker=speaker,
        text=segment.text,
        confidence=segment.confidence,
        words=words,
    )


def as_heard(said: spoken.Segment) -> Segment:
    words = tuple(Word(w.start, w.end, w.text, w.confidence, w.approximate) for w in said.words)
    return Segment(said.start, said.end, said.text, words, said.confidence)
