"""Voice activity: where in a recording people speak, by the Silero model in the faster-whisper wheel.

Audio comes in blocks and the state of the network is carried from block to block, so memory does not depend
on the length of the recording, but for eight bytes a frame of 32 ms (0.9 MB an hour). `spans_of`, which turns
frames into spans, is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickyard.engines.base import SAMPLE_RATE, Audio, Span
from brickyard.engines.catalog import silero_file
from brickyard.engines.onnx import session
from brickyard.kit.errors import Unsupported

Frames = NDArray[np.float32]

FRAME = 512
FRAME_S = FRAME / SAMPLE_RATE
_CONTEXT = 64
_BLOCK_FRAMES = 1000

# Silero hears nothing at an RMS of 7e-5 and misses far voices below 1e-2; so quiet blocks, and only they, are lifted
# to a level it hears well. White and brown noise and hum stay under the threshold at any level. The limit keeps
# digital silence silent.
_HEARD_WELL_RMS = 0.02
_MOST_GAIN = 300.0
_LEVEL_DECAY = 0.5


@dataclass(frozen=True, slots=True)
class SpanRule:
    """How frames become spans. A span opens at `threshold` and closes after `min_silence_s` under `floor`."""

    threshold: float = 0.4
    floor: float = 0.15
    min_silence_s: float = 0.3
    min_speech_s: float = 0.1
    padding_s: float = 0.2
    max_span_s: float = 10.0


class SileroVad:
    """One stream of audio at a time: `reset` begins a new one. Not for use by two threads at once."""

    def __init__(self, threads: int = 1) -> None:
        self._session = session(_model_file(), threads)
        self.reset()

    def reset(self) -> None:
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._tail = np.zeros(_CONTEXT, np.float32)
        self._level = 0.0

    def probabilities(self, block: Audio) -> Frames:
        """The probability of speech in each frame of 512 samples of `block`, which continues the one before.

        A block that does not end on a frame is filled with silence: pass multiples of 512, but for the last.
        """
        missing = -len(block) % FRAME
        frames = np.pad(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0), (0, missing)).reshape(-1, FRAME)
        if not len(frames):
            return np.zeros(0, np.float32)
        frames = frames * self._gain(_rms(frames))
        context = np.empty((len(frames), _CONTEXT), np.float32)
        context[0], context[1:] = self._tail, frames[:-1, -_CONTEXT:]
        self._tail = frames[-1, -_CONTEXT:].copy()
        feeds = {"input": np.concatenate((context, frames), axis=1), "h": self._hidden, "c": self._cell}
        speech, self._hidden, self._cell = self._session.run(None, feeds)
        return np.asarray(speech, np.float32)

    def speech_spans(self, blocks: Iterable[Audio], rule: SpanRule | None = None) -> list[Span]:
        """The spans of speech in a whole recording, whose audio comes in blocks of any length, in order."""
        self.reset()
        speech: list[Frames] = []
        loudness: list[Frames] = []
        samples = 0
        for block in _of_equal_length(blocks, _BLOCK_FRAMES * FRAME):
            speech.append(self.probabilities(block))
            loudness.append(_rms(np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)))
            samples += len(block)
        if not samples:
            return []
        return spans_of(np.concatenate(speech), np.concatenate(loudness), samples / SAMPLE_RATE, rule or SpanRule())

    def _gain(self, rms: Frames) -> np.float32:
        level = float(np.percentile(rms, 95))
        self._level = max(level, self._level * _LEVEL_DECAY)
        return np.float32(np.clip(_HEARD_WELL_RMS / max(self._level, 1e-9), 1.0, _MOST_GAIN))


def spans_of(speech: Frames, loudness: Frames, duration_s: float, rule: SpanRule) -> list[Span]:
    """Frames to spans: in order, apart, inside the recording, unpadded none longer than `rule.max_span_s`.

    `speech` is the probability and `loudness` the RMS of each frame. What is longer is cut where it is least
    voiced. Padding never makes two spans overlap: neighbours that are too close share the silence between
    them.
    """
    runs = [run for run in _runs(speech, rule) if (run[1] - run[0]) * FRAME_S >= rule.min_speech_s]
    pieces = [piece for run in runs for piece in split_frames(run, speech, loudness, rule.max_span_s)]
    spans: list[Span] = []
    for index, (first, last) in enumerate(pieces):
        before = pieces[index - 1][1] * FRAME_S if index else 0.0
        after = pieces[index + 1][0] * FRAME_S if index + 1 < len(pieces) else duration_s
        start, end = first * FRAME_S, min(last * FRAME_S, duration_s)
        room_before = (start - before) / 2 if index else start
        room_after = (after - end) / 2 if index + 1 < len(pieces) else after - end
        spans.append(Span(start - min(rule.padding_s, room_before), end + min(rule.padding_s, room_after)))
    return spans


def _runs(speech: Frames, rule: SpanRule) -> Iterator[tuple[int, int]]:
    """Stretches of frames (first, last + 1) that open at the threshold and close on a long enough silence."""
    patience = max(1, round(rule.min_silence_s / FRAME_S))
    voiced = np.flatnonzero(speech >= rule.threshold)
    if not len(voiced):
        return
    # Inside a run, what stays above the floor still is speech; between runs, it is not.
    first = last = int(voiced[0])
    for frame in np.flatnonzero(speech >= rule.floor):
        if frame < first:
            continue
        if frame - last > patience:
            yield first, last + 1
            later = voiced[np.searchsorted(voiced, frame) :]
            if not len(later):
                return
            first = last = int(later[0])
        if frame >= first:
            last = int(frame)
    yield first, last + 1


def split_frames(
    run: tuple[int, int], speech: Frames, loudness: Frames, max_span_s: float
) -> Iterator[tuple[int, int]]:
    """Cuts a run of frames (first, last + 1) into pieces of up to `max_span_s`, where it is least voiced."""
    first, last = run
    longest = max(2, int(max_span_s / FRAME_S))
    while last - first > longest:
        # Neither piece should be a crumb: leave at least a quarter on both sides, where the length allows it.
        low = first + max(1, min(longest // 2, (last - first) - longest))
        high = min(first + longest, last - longest // 4)
        cut = low + _least_voiced(speech[low : high + 1], loudness[low : high + 1])
        yield first, cut
        first = cut
    yield first, last


def _least_voiced(speech: Frames, loudness: Frames) -> int:
    """The frame to cut at: Silero glides over pauses of less than 100 ms, which loudness still shows."""
    quiet = np.log10(np.maximum(loudness, 1e-6)) / 3
    score = np.convolve(speech + quiet, np.ones(3) / 3, mode="same")
    if len(score) > 2:
        score[0], score[-1] = score[1], score[-2]
    return int(np.argmin(score))


def _finite(audio: Audio) -> Audio:
    return np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)


def _rms(frames: Frames) -> Frames:
    rms: Frames = np.sqrt(np.mean(np.square(frames), axis=1))
    return rms


def _of_equal_length(blocks: Iterable[Audio], length: int) -> Iterator[Audio]:
    """The same audio in blocks of `length`, the last one shorter, so that results do not depend on theirs."""
    pending: list[Audio] = []
    waiting = 0
    for block in blocks:
        pending.append(_finite(block))
        waiting += len(block)
        if waiting < length:
            continue
        audio = np.concatenate(pending)
        whole = waiting // length * length
        yield from np.split(audio[:whole], whole // length)
        pending, waiting = [audio[whole:]], waiting - whole
    if waiting:
        yield np.concatenate(pending)


def _model_file() -> Path:
    file = silero_file()
    if file is None:
        raise Unsupported("Voice activity needs the Silero model in the package faster-whisper: install 1.2.")
    return file
