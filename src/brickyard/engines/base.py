"""The promise every engine keeps. Values here are plain and in seconds; audio is float32, mono, 16 kHz, -1…1.

An engine is one implementation of a brick's contract on one model runtime. It is built once a process, used by one
thread at a time unless it says `parallel`, and knows nothing of jobs, leases or files. To add one, see
docs/howto/add-an-engine.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which somebody speaks."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `approximate` where the engine gives no word times and these are interpolated in the segment."""

    start: float
    end: float
    text: str
    confidence: float | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """Something said. `confidence` is the mean token probability, 0…1, or None where the engine has none."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker speaking. Turns of different speakers may overlap. Speakers count from 0."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What a diarizer saw in one window: turns of local speakers, and a voice print for each where it has one.

    Times are in seconds from the start of the recording. `voices[k]` belongs to local speaker k; an engine without
    voice prints leaves `voices` empty, and observations are then linked by the turns of overlapping windows.
    """

    start: float
    end: float
    turns: tuple[Turn, ...]
    voices: tuple[tuple[float, ...], ...] = ()


class SpeechRecognizer(Protocol):
    """The contract of the `asr` brick."""

    name: str
    languages: frozenset[str]
    parallel: bool
    """Whether several threads may call it at once."""

    def transcribe(self, audio: Audio, spans: Sequence[Span], language: str | None) -> list[Segment]:
        """The words said within `spans`, in order of time.

        `audio` is one chunk, about a minute; `spans` and the result are in seconds from its start.
        Raises OutOfMemory where the device had no room, Unsupported where `language` is not one of `languages`.
        """
        ...


class Diarizer(Protocol):
    """The contract of the `diarize` brick: observe window by window, then link over the whole recording."""

    name: str
    parallel: bool
    """Whether several threads may call it at once."""
    window_s: float
    """How much audio one call of `observe` takes, the unit of work and of checkpoints."""
    overlap_s: float
    """By how much neighbouring windows overlap; 0 where voice prints make that needless."""

    def observe(self, audio: Audio, offset_s: float) -> list[Observation]:
        """Who speaks in `audio`, which begins `offset_s` into the recording."""
        ...

    def link(self, observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        """Turns with labels that hold over the whole recording. `speakers` is a hint: their number, if known."""
        ...
