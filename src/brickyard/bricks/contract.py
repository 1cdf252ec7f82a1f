"""What is said between a brick and its callers: JSON over HTTP on a local socket. Times are in seconds.

Audio is named, not sent: `audio` is the path of a decoded recording (16 kHz WAV) that both sides can read. Spans,
segments, turns and observations are counted from the start of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from brickyard.engines.base import Segment, Span, Turn, Word


class SpeechRequest(BaseModel):
    """Where does somebody speak between `start` and `end`?"""

    audio: str
    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float


class SpeechReply(BaseModel):
    spans: list[tuple[float, float]]


class TranscribeRequest(BaseModel):
    """What was said in these spans? They lie within one chunk, `start` to `end`."""

    audio: str
    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float
    spans: list[tuple[float, float]]
    language: str | None = None
    priority: str = "standard"
    tenant: str = "local"


class WordModel(BaseModel):
    start: float
    end: float
    text: str
    confidence: float | None = None
    approximate: bool = False


class SegmentModel(BaseModel):
    start: float
    end: float
    text: str
    words: list[WordModel] = []
    confidence: float | None = None
    language: str | None = None

    def value(self) -> Segment:
        words = tuple(Word(w.start, w.end, w.text, w.confidence, w.approximate) for w in self.words)
        return Segment(self.start, self.end, self.text, words, self.confidence, self.language)


class TranscribeReply(BaseModel):
    """`computed_s`, here and below: seconds that the device computed this, without waiting for it."""

    segments: list[SegmentModel]
    engine: str
    computed_s: float = 0.0


class ObserveRequest(BaseModel):
    """Who speaks between `start` and `end`? The reply is for LinkRequest."""

    audio: str
    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float
    priority: str = "standard"
    tenant: str = "local"


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


class Health(BaseModel):
    """`windows`: how a diarizer wants long audio cut: length and overlap of a window."""

    brick: str
    engine: str
    window_s: float | None = None
    overlap_s: float | None = None


class Failure(BaseModel):
    code: str
    message: str


def pairs(spans: Iterable[Span]) -> list[tuple[float, float]]:
    return [(round(span.start, 3), round(span.end, 3)) for span in spans]


def spans(values: Iterable[Sequence[float]], offset_s: float = 0.0) -> list[Span]:
    return [Span(start - offset_s, end - offset_s) for start, end in values]


def segment_model(segment: Segment, offset_s: float) -> SegmentModel:
    """A segment of a chunk that begins at `offset_s`, with times from the recording's start, in milliseconds."""
    return SegmentModel(
        start=round(segment.start + offset_s, 3),
        end=round(segment.end + offset_s, 3),
        text=segment.text,
        confidence=_rounded(segment.confidence),
        language=segment.language,
        words=[
            WordModel(
                start=round(word.start + offset_s, 3),
                end=round(word.end + offset_s, 3),
                text=word.text,
                confidence=_rounded(word.confidence),
                approximate=word.approximate,
            )
            for word in segment.words
        ],
    )


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 3)
