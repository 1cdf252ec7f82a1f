"""Diarization on ONNX Runtime: pyannote's segmentation says who speaks when, WeSpeaker gives the voice prints.

Segmentation gives the activity of up to three local speakers in 10 s. Windows overlap, so that linking can follow
a speaker from one to the next. A print is taken of each local speaker, from the clearest speech; prints cost more
than all the rest, in proportion to the speech they are given, so that speech has a budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickyard.engines import heap, wheel_models
from brickyard.engines.base import SAMPLE_RATE, Audio, MemoryUse, Observation, Turn
from brickyard.engines.fbank import FRAME_SAMPLES, FRAMES_PER_S, fbank
from brickyard.engines.linking import link_by_voice
from brickyard.engines.onnx import room, session

Activity = NDArray[np.bool_]

WINDOW_SAMPLES = 10 * SAMPLE_RATE
SEGMENT_FRAMES = 589
SEGMENT_HOP = 270
SEGMENT_START = 360
"""Segmentation frame i stands for the 270 samples from 270 i + 360, the middle of its receptive field of 991."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What the engine spends on a call: windows at most `hop_s` apart, prints of `budget_s` of speech in all.

    A print is of `least_s` to `most_s`, as far as its speaker says so much. A last call shorter than a minute has
    the whole budget, so that a short recording, which has little evidence, makes the most of it.
    """

    hop_s: float = 7.2
    budget_s: float = 11.0
    least_s: float = 0.6
    most_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Models:
    """The two models, as bytes."""

    segmentation: bytes
    embedding: bytes


def load_models(store: Path | None = None) -> Models:
    """Raises Unavailable where neither the store nor the wheel has them."""
    return Models(wheel_models.load(wheel_models.SEGMENTATION, store), wheel_models.load(wheel_models.EMBEDDING, store))


class OnnxDiarizer:
    """The `diarize` contract. Memory does not grow with the recording: a call holds one minute of audio."""

    name = "onnx"
    parallel = True
    batches: tuple[int, ...] = (1,)
    """It computes one 10 s window after the other."""
    window_s = 60.0
    overlap_s = 0.0

    def __init__(self, models: Models, threads: int = 1, device: str = "cpu", effort: Effort | None = None) -> None:
        self.frees_memory = device == "cpu"
        self._device = device
        with room(self.name, device):
            self._segmentation = session(models.segmentation, threads, device)
            self._embedding = session(models.embedding, threads, device)
        self._effort = effort or Effort()

    def observe(self, audio: Audio, offset_s: float, batch: int = 1) -> list[Observation]:
        """One observation for each 10 s window; windows overlap."""
        with room(self.name, self._device):
            return self._observe(audio, offset_s)

    def drop_caches(self) -> None:
        heap.trim()

    def memory(self) -> MemoryUse | None:
        return None

    def close(self) -> None:
        del self._segmentation, self._embedding
        heap.trim()

    def _observe(self, audio: Audio, offset_s: float) -> list[Observation]:
        audio = np.nan_to_num(np.asarray(audio, np.float32))
        starts = window_starts(len(audio), self._effort.hop_s)
        pieces = [audio[start : start + WINDOW_SAMPLES] for start in starts]
        activities = [self._segment(piece) for piece in pieces]
        voices = self._voices(audio, activities, starts)
        begins = [offset_s + start / SAMPLE_RATE for start in starts]
        return [
            Observation(begin, begin + len(piece) / SAMPLE_RATE, _turns(activity, len(piece), begin), prints)
            for begin, piece, activity, prints in zip(begins, pieces, activities, voices, strict=True)
        ]

    @staticmethod
    def link(observations: Sequence[Observation], speakers: int | None) -> list[Turn]:
        return link_by_voice(observations, speakers)

    def _segment(self, audio: Audio) -> Activity:
        """Activity (589, 3) of up to 10 s."""
        padded = np.zeros(WINDOW_SAMPLES, np.float32)
        padded[: len(audio)] = audio
        (output,) = self._segmentation.run(None, {"waveforms": padded[None, None]})
        activity: Activity = output[0] > 0.5
        return activity

    def _voices(
        self, audio: Audio, activities: Sequence[Activity], starts: Sequence[int]
    ) -> list[tuple[tuple[float, ...], ...]]:
        """For each window a print for each local speaker, () for those without the speech for it."""
        effort = self._effort
        features = fbank(audio)
        spans = [_feature_span(start, len(features)) for start in starts]
        active = [_on_features(activity, *span) for activity, span in zip(activities, spans, strict=True)]
        if not any(each.any() for each in active):
            return [()] * len(starts)
        features -= _spoken_mean(features, spans, active)
        alone = [each & (each.sum(axis=1, keepdims=True) == 1) for each in active]
        seconds = [float(count) / FRAMES_PER_S for each in alone for count in each.sum(axis=0)]
        share = iter(shares(seconds, effort.budget_s, effort.most_s, effort.least_s))
        return [
            tuple(self._voice(features[low:high], lone[:, k], each[:, k], next(share)) for k in range(each.shape[1]))
            for (low, high), each, lone in zip(spans, active, alone, strict=True)
        ]

    def _voice(
        self, features: NDArray[np.float32], alone: Activity, active: Activity, share_s: float
    ) -> tuple[float, ...]:
        """The direction of the voice, as long as the seconds that it rests on."""
        frames, trust = clearest(alone, round(share_s * FRAMES_PER_S)), 1.0
        if len(frames) < LEAST_FRAMES:
            frames, trust = clearest(active, round(self._effort.least_s * FRAMES_PER_S)), MIXED_TRUST
        if len(frames) < LEAST_FRAMES:
            return ()
        weights = np.ones((1, len(frames)), np.float32)
        (output,) = self._embedding.run(None, {"fbank": features[frames][None], "weights": weights})
        length = float(np.linalg.norm(output[0]))
        if not np.isfinite(length) or length == 0:
            return ()
        return tuple((output[0] * (trust * len(frames) / FRAMES_PER_S / length)).tolist())


LEAST_FRAMES = 20
"""Feature frames, of 10 ms, below which a print is noise."""
MIXED_TRUST = 0.2
"""What a second counts in which others speak as well."""


def window_starts(samples: int, hop_s: float) -> list[int]:
    """Where 10 s windows begin: evenly spread, on the segmentation's grid, the last ending with the audio."""
    room = samples - WINDOW_SAMPLES
    if room <= 0:
        return [0] if samples > 0 else []
    steps = int(np.ceil(room / (hop_s * SAMPLE_RATE)))
    return [round(room * step / steps / SEGMENT_HOP) * SEGMENT_HOP for step in range(steps + 1)]


def _turns(activity: Activity, samples: int, start_s: float) -> tuple[Turn, ...]:
    """Runs of activity in a window of so many samples, in seconds of the recording."""
    turns = []
    for speaker in range(activity.shape[1]):
        for first, last in _runs(activity[:, speaker]):
            low, high = _sample(first), min(_sample(last), samples)
            if high > low:
                turns.append(Turn(start_s + low / SAMPLE_RATE, start_s + high / SAMPLE_RATE, speaker))
    return tuple(sorted(turns, key=lambda turn: (turn.start, turn.end)))


def _runs(active: Activity) -> list[tuple[int, int]]:
    """First frame and the one after the last, of each stretch of activity."""
    steps = np.flatnonzero(np.diff(active, prepend=False, append=False)).tolist()
    return list(zip(steps[::2], steps[1::2], strict=True))


def _sample(frame: int) -> int:
    """Where a segmentation frame begins; the outermost reach to the ends of the window."""
    if frame <= 0:
        return 0
    return WINDOW_SAMPLES if frame >= SEGMENT_FRAMES else SEGMENT_HOP * int(frame) + SEGMENT_START


def _feature_span(start: int, frames: int) -> tuple[int, int]:
    """The feature frames of the window that starts at this sample."""
    first = round(start / SAMPLE_RATE * FRAMES_PER_S)
    return first, min(first + round(WINDOW_SAMPLES / SAMPLE_RATE * FRAMES_PER_S), frames)


def _on_features(activity: Activity, low: int, high: int) -> Activity:
    """Activity on the grid of feature frames, (high - low, speakers)."""
    middles = np.arange(high - low) * (SAMPLE_RATE / FRAMES_PER_S) + FRAME_SAMPLES / 2
    nearest = np.clip((middles - SEGMENT_START) / SEGMENT_HOP, 0, SEGMENT_FRAMES - 1)
    return activity[nearest.astype(np.int64)]


def _spoken_mean(
    features: NDArray[np.float32], spans: Sequence[tuple[int, int]], active: Sequence[Activity]
) -> NDArray[np.float32]:
    """The mean feature frame of all speech: what it takes away is mostly the microphone and the room."""
    spoken = np.zeros(len(features), bool)
    for (low, high), each in zip(spans, active, strict=True):
        spoken[low:high] |= each.any(axis=1)
    mean: NDArray[np.float32] = features[spoken].mean(axis=0)
    return mean


def shares(available_s: Sequence[float], budget_s: float, most_s: float, least_s: float) -> list[float]:
    """How much speech to take for each print: all the same, as far as they have it, within the budget.

    Nobody gets more than `most_s`; nobody less than `least_s` who has it, even where that breaks the budget.
    """
    left, cap = budget_s, most_s
    for rank, available in enumerate(sorted(available_s)):
        cap = left / (len(available_s) - rank)
        if available > cap:
            break
        left -= available
        cap = most_s
    cap = max(min(cap, most_s), least_s)
    return [min(available, cap) for available in available_s]


def clearest(active: Activity, most: int) -> NDArray[np.int64]:
    """Up to `most` frames of `active`, in order: whole runs, longest first, the last cut around its middle."""
    chosen: list[NDArray[np.int64]] = []
    left = most
    for first, last in sorted(_runs(active), key=lambda run: run[0] - run[1]):
        take = min(left, last - first)
        if take <= 0:
            break
        begin = first + (last - first - take) // 2
        chosen.append(np.arange(begin, begin + take))
        left -= take
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
