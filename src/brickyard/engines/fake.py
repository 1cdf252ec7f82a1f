"""Stand-ins that keep the promise of `base` without any model: fast, and the same every time.

They read the audio they are given, so that a test notices when the wrong stretch of it was passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from brickyard.engines.base import SAMPLE_RATE, Audio, MemoryUse, Observation, Segment, Span, Turn, Word
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.devices.simulated import Heap
from brickyard.kit.errors import OutOfMemory, Unsupported

_FRAME_S = 0.1
_SILENT_RMS = 1e-4


@dataclass
class FakeMemory:
    """What a stand-in takes of a simulated device, in MiB: its weights while it lives, `working_mib` for each of a
    batch while it computes, and `leak_mib` more with every call, which it never gives back."""

    heap: Heap
    weights_mib: int = 1
    working_mib: int = 1
    leak_mib: int = 0
    _weights: int | None = field(default=None, init=False)

    def load(self) -> None:
        self._weights = self.heap.allocate(self.weights_mib)

    def close(self) -> None:
        if self._weights is not None:
            self.heap.free(self._weights)
            self._weights = None
        self.heap.drop_caches()

    @contextmanager
    def computing(self, batch: int) -> Iterator[None]:
        block = self.heap.allocate(self.working_mib * batch)
        try:
            if self.leak_mib:
                self.heap.allocate(self.leak_mib)
            yield
        finally:
            self.heap.free(block)


def plenty() -> FakeMemory:
    """Of a device that nobody else has a part of, and that is never full."""
    return FakeMemory(SimulatedDevice("fake", 1 << 40).open(1))


class _Fake:
    """What both stand-ins have of the promise: `memory_of` says where their memory is."""

    name = "fake"
    parallel = False
    batches: tuple[int, ...] = (1, 2, 4, 8)
    frees_memory = True

    def __init__(self, memory_of: FakeMemory | None = None) -> None:
        self.seen: list[int] = []
        """The batch sizes that it was called with."""
        self._memory = memory_of or plenty()
        self._memory.load()

    def drop_caches(self) -> None:
        self._memory.heap.drop_caches()

    def memory(self) -> MemoryUse | None:
        return MemoryUse(self._memory.heap.held_mib, self._memory.heap.held_mib - self._memory.heap.fragmentation_mib)

    def close(self) -> None:
        self._memory.close()


class FakeRecognizer(_Fake):
    """Says of each span how long it is and how loud: "speech of 1.5 seconds at level 0.100".

    `room_s`: raises OutOfMemory for more seconds of spans than this at once, as a full device would.
    """

    def __init__(
        self,
        languages: frozenset[str] = frozenset({"en"}),
        room_s: float = float("inf"),
        memory_of: FakeMemory | None = None,
    ) -> None:
        super().__init__(memory_of)
        self.languages = languages
        self.room_s = room_s

    def transcribe(
        self, audio: Audio, spans: Sequence[Span], language: str | None, batch: int = 1, *, careful: bool = False
    ) -> list[Segment]:
        self.seen.append(batch)
        with self._memory.computing(batch):
            return self._transcribe(audio, spans, language)

    def _transcribe(self, audio: Audio, spans: Sequence[Span], language: str | None) -> list[Segment]:
        if language is not None and language not in self.languages:
            offered = ", ".join(sorted(self.languages))
            raise Unsupported(f"The engine fake offers {offered}, not {language!r}.")
        wanted_s = sum(span.duration for span in spans)
        if wanted_s > self.room_s:
            raise OutOfMemory(f"{wanted_s:.1f} s of speech at once; there is room for {self.room_s:.1f} s.")
        spoken = language or min(self.languages)
        return [_said(audio, span, spoken) for span in sorted(spans, key=lambda span: span.start)]


class FakeDiarizer(_Fake):
    """Tells speakers apart by loudness alone: those who are nearly as loud as each other are one.

    A voice print is the loudness in decibels, so linking over windows works as it does with real ones.
    """

    window_s = 10.0
    overlap_s = 0.0

    def observe(self, audio: Audio, offset_s: float, batch: int = 1) -> list[Observation]:
        self.seen.append(batch)
        with self._memory.computing(batch):
            return self._observe(audio, offset_s)

    @staticmethod
    def link(observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        """`speakers` limits their number: who is one too many is taken for the one nearest in loudness."""
        known: list[float] = []
        turns: list[Turn] = []
        for observation in sorted(observations, key=lambda observation: observation.start):
            labels = [_label(voice[0], known, speakers) for voice in observation.voices]
            turns += [Turn(turn.start, turn.end, labels[turn.speaker]) for turn in observation.turns]
        return turns

    def _observe(self, audio: Audio, offset_s: float) -> list[Observation]:
        levels = _levels_db(audio)
        turns: list[Turn] = []
        voices: list[float] = []
        for start, end, level in _stretches(levels):
            speaker = next((k for k, voice in enumerate(voices) if abs(voice - level) <= 3.0), len(voices))
            if speaker == len(voices):
                voices.append(level)
            turns.append(Turn(offset_s + start, offset_s + end, speaker))
        end_s = offset_s + len(audio) / SAMPLE_RATE
        return [Observation(offset_s, end_s, tuple(turns), tuple((voice,) for voice in voices))]


def _said(audio: Audio, span: Span, language: str) -> Segment:
    cut = audio[int(span.start * SAMPLE_RATE) : int(span.end * SAMPLE_RATE)]
    level = float(np.sqrt(np.mean(np.square(cut)))) if len(cut) else 0.0
    texts = f"speech of {span.duration:.1f} seconds at level {level:.3f}".split()
    step = span.duration / len(texts)
    words = tuple(
        Word(span.start + step * index, span.start + step * (index + 1), text, 1.0, approximate=True)
        for index, text in enumerate(texts)
    )
    return Segment(span.start, span.end, " ".join(texts), words, 1.0, language)


def _levels_db(audio: Audio) -> list[float | None]:
    """Loudness of each tenth of a second, None where it is silent."""
    size = int(_FRAME_S * SAMPLE_RATE)
    frames = [audio[first : first + size] for first in range(0, len(audio), size)]
    rms = [float(np.sqrt(np.mean(np.square(frame)))) for frame in frames]
    return [20 * float(np.log10(value)) if value > _SILENT_RMS else None for value in rms]


def _stretches(levels: Sequence[float | None]) -> list[tuple[float, float, float]]:
    """Start, end and level of stretches that stay about as loud as they began."""
    found: list[tuple[float, float, float]] = []
    begun: tuple[int, float] | None = None
    for index, level in enumerate([*levels, None]):
        if begun and (level is None or abs(level - begun[1]) > 3.0):
            found.append((begun[0] * _FRAME_S, index * _FRAME_S, begun[1]))
            begun = None
        if level is not None and begun is None:
            begun = (index, level)
    return found


def _label(voice: float, known: list[float], speakers: int | None) -> int:
    nearest = min(range(len(known)), key=lambda k: abs(known[k] - voice), default=None)
    full = speakers is not None and len(known) >= speakers
    if nearest is not None and (full or abs(known[nearest] - voice) <= 3.0):
        return nearest
    known.append(voice)
    return len(known) - 1
