"""What is said between the `asr` brick and its callers.

Audio is named, not sent: `audio` is the path of a decoded recording (16 kHz WAV) that both sides can read, `key` what
it is sealed with, in hex digits; None where it is plain. Spans and segments are counted from the start of the
recording, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, Field

from brickyard.engines.base import Segment, Span, Word
from brickyard.kit.sealed import Stored


class SoundRequest(BaseModel):
    """Which sound is meant."""

    audio: str
    key: str | None = Field(default=None, repr=False)

    @property
    def sound(self) -> Stored:
        return Stored.of(self.audio, self.key)


class SpeechRequest(SoundRequest):
    """Where does somebody speak between `start` and `end`?"""

    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float


class SpeechReply(BaseModel):
    spans: list[tuple[float, float]]


class TranscribeRequest(SoundRequest):
    """What was said in these spans? They lie within one chunk, `start` to `end`.

    `model`: one by name; without it, the best for the language. `careful`: decoded in another way than usual, which
    takes longer, for what came out badly.
    """

    channel: int = Field(default=0, ge=0, le=1)
    start: float = Field(ge=0)
    end: float
    spans: list[tuple[float, float]]
    language: str | None = None
    model: str | None = None
    careful: bool = False
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
    """`computed_s`, seconds that the device computed this, without waiting for it."""

    segments: list[SegmentModel]
    engine: str
    computed_s: float = 0.0


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
