"""The promise every engine keeps. Values here are plain and in seconds; audio is float32, mono, 16 kHz, -1…1.

An engine is one implementation of a brick's contract on one model runtime. Building it loads its weights, `close` lets
go of them; between the two it is used by one thread at a time unless it says `parallel`. It knows nothing of jobs,
leases or files, and does not try again by itself: where the device has no room it raises OutOfMemory, and the brick
decides. To add one, see docs/howto/add-an-engine.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

Audio = NDArray[np.float32]
Image = NDArray[np.uint8]
"""Height × width × 3, RGB."""


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


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in an image. `box`: left, top, right, bottom as parts of the image's width and height, 0…1."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a runtime has taken from the device, and what of that is in use: the rest is cached, or in fragments."""

    held_mib: int
    allocated_mib: int

    @property
    def unused_mib(self) -> int:
        return max(0, self.held_mib - self.allocated_mib)


class Engine(Protocol):
    """What all engines have. `name`, `parallel` and `batches` are known before anything is loaded."""

    name: str
    parallel: bool
    """Whether several threads may call it at once."""
    batches: tuple[int, ...]
    """The batch sizes that make sense, ascending."""
    frees_memory: bool
    """Whether `close` really gives the device its memory back; if not, only the end of the process does."""

    def drop_caches(self) -> None:
        """Gives back what the runtime keeps but does not use, as far as it can. Not while it computes."""
        ...

    def memory(self) -> MemoryUse | None:
        """What the runtime has taken of the device, for the whole process; None where it does not tell."""
        ...

    def close(self) -> None:
        """Lets go of the weights. Nothing is called afterwards."""
        ...


class SpeechRecognizer(Engine, Protocol):
    """The contract of the `asr` brick."""

    languages: frozenset[str]

    def transcribe(
        self, audio: Audio, spans: Sequence[Span], language: str | None, batch: int, *, careful: bool = False
    ) -> list[Segment]:
        """The words said within `spans`, in order of time, computed `batch` stretches at a time.

        `audio` is one chunk, about a minute; `spans` and the result are in seconds from its start. `careful`: decode
        in another way, which may take several times as long, since the usual one did not go well.
        Raises OutOfMemory where the device had no room, Unsupported where `language` is not one of `languages`.
        """
        ...


class Diarizer(Engine, Protocol):
    """The contract of the `diarize` brick: observe window by window, then link over the whole recording.

    `link` and the two lengths need no weights and belong to the class, so that nothing is loaded for them.
    """

    window_s: float
    """How much audio one call of `observe` takes, the unit of work and of checkpoints."""
    overlap_s: float
    """By how much neighbouring windows overlap; 0 where voice prints make that needless."""

    def observe(self, audio: Audio, offset_s: float, batch: int) -> list[Observation]:
        """Who speaks in `audio`, which begins `offset_s` into the recording. Raises OutOfMemory."""
        ...

    @staticmethod
    def link(observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        """Turns with labels that hold over the whole recording. `speakers` is a hint: their number, if known."""
        ...


class TextReader(Engine, Protocol):
    """The contract of the `ocr` brick."""

    scripts: frozenset[str]
    """What it can read, as ISO 15924 codes: Latn, Cyrl, Arab, Grek, Hans, …"""

    def read(self, images: Sequence[Image], languages: Sequence[str], batch: int) -> list[list[TextLine]]:
        """The lines of each image, in reading order. `languages`: ISO 639-1 codes that are expected; none is no hint.

        Raises OutOfMemory, and Unsupported where a language is written in none of `scripts`.
        """
        ...


class Translator(Engine, Protocol):
    """The contract of the `translate` brick. Direct pairs only: the brick goes through a third language."""

    pairs: frozenset[tuple[str, str]]
    """(from, to), ISO 639-1."""
    draft: bool
    """Whether its quality is only good enough for the gist."""

    def translate(self, texts: Sequence[str], source: str, target: str, batch: int) -> list[str]:
        """One translation for each text, which is a sentence or a short paragraph, in the same order.

        Raises OutOfMemory, and Unsupported where the pair is not one of `pairs`.
        """
        ...
