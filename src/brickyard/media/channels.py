"""Decides what to do with two channels: keep both, one speaker each, or make one of them.

Only counts are kept, never sound, so any length takes the same memory: how loud each channel was, 20 times
a second, as a joint histogram; and how alike their samples were, as three sums. Two speakers are told from
ordinary stereo by both: their samples have nothing in common, and one is loud while the other is not.
"""

from __future__ import annotations

from enum import Enum
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from brickyard.kit.sealed import Stored
from brickyard.media import pcm

Stereo = NDArray[np.int16]
"""Shape (samples, 2), at 16 kHz."""

FRAME = pcm.SAMPLE_RATE // 20
FLOOR_DB = -90
BINS = -FLOOR_DB + 1

# A channel is silent below this, or when it is this far below the other one.
SILENT_DB = -60.0
FAR_BELOW_DB = 40.0
# A channel holds speech when it gets this loud, and rises by this much above its own quiet tenth.
SPEECH_DB = -45.0
SPEECH_SWING_DB = 15.0
# Within this much of its loudest moments a channel counts as active.
ACTIVE_WITHIN_DB = 25.0
# Two speakers: samples and loudness correlate at most so much, and each is heard alone at least so much.
ALIKE_AT_MOST = 0.2
TOGETHER_AT_MOST = 0.3
ALONE_AT_LEAST = 0.05
ALONE_AT_LEAST_S = 1.0


class Mix(Enum):
    KEEP = "two channels, one speaker each"
    LEFT = "the left channel alone: the right one is silent"
    RIGHT = "the right channel alone: the left one is silent"
    SUM = "the mean of both"
    DIFFERENCE = "the mean with one turned over: they are out of phase and would cancel each other"


class ChannelCounts:
    """Fed with the sound from its start to its end, in blocks of any size."""

    def __init__(self) -> None:
        self._joint = np.zeros((BINS, BINS), dtype=np.int64)
        self._products = np.zeros(3)
        self._rest: Stereo = np.zeros((0, 2), dtype=np.int16)

    def add(self, block: Stereo) -> None:
        block = np.concatenate((self._rest, block)) if len(self._rest) else block
        whole = len(block) - len(block) % FRAME
        self._rest = block[whole:].copy()
        if not whole:
            return
        frames = block[:whole].reshape(-1, FRAME, 2).astype(np.float32) / np.float32(32768)
        frames -= frames.mean(axis=1, keepdims=True)
        left, right = frames[:, :, 0], frames[:, :, 1]
        energies = np.stack([(left * left).mean(axis=1), (right * right).mean(axis=1)])
        self._products += (energies[0].sum(), energies[1].sum(), (left * right).mean(axis=1).sum())
        level_db = 10 * np.log10(np.maximum(energies, 10 ** (FLOOR_DB / 10)))
        rows, columns = np.clip(np.rint(level_db - FLOOR_DB), 0, BINS - 1).astype(np.int64)
        np.add.at(self._joint, (rows, columns), 1)

    def decide(self) -> Mix:
        total = int(self._joint.sum())
        left = _Channel(self._joint.sum(axis=1))
        right = _Channel(self._joint.sum(axis=0))
        if not total or max(left.loud_db, right.loud_db) < SILENT_DB:
            return Mix.SUM
        if right.loud_db < max(SILENT_DB, left.loud_db - FAR_BELOW_DB):
            return Mix.LEFT
        if left.loud_db < max(SILENT_DB, right.loud_db - FAR_BELOW_DB):
            return Mix.RIGHT
        if abs(self.alike) <= ALIKE_AT_MOST and self._take_turns(left, right):
            return Mix.KEEP
        return Mix.SUM if self.alike >= 0 else Mix.DIFFERENCE

    @property
    def alike(self) -> float:
        """Correlation of the samples, -1…1."""
        left, right, both = self._products
        return float(both / np.sqrt(left * right)) if left * right > 0 else 0.0

    def _take_turns(self, left: _Channel, right: _Channel) -> bool:
        if not (left.speaks and right.speaks):
            return False
        quadrants = self._joint[: left.active_bin, right.active_bin :], self._joint[left.active_bin :]
        only_right = int(quadrants[0].sum())
        only_left = int(quadrants[1][:, : right.active_bin].sum())
        both = int(quadrants[1][:, right.active_bin :].sum())
        least = max(ALONE_AT_LEAST * (only_left + only_right + both), ALONE_AT_LEAST_S * 20)
        if min(only_left, only_right) < least:
            return False
        return self._rise_together(left, right) <= TOGETHER_AT_MOST

    def _rise_together(self, left: _Channel, right: _Channel) -> float:
        """Correlation of the two loudnesses in dB: near 1 for one scene, 0 or below for two speakers."""
        x = np.maximum(np.arange(BINS), left.active_bin)
        y = np.maximum(np.arange(BINS), right.active_bin)
        share = self._joint / self._joint.sum()
        dx = x - share.sum(axis=1) @ x
        dy = y - share.sum(axis=0) @ y
        spread = np.sqrt((share.sum(axis=1) @ dx**2) * (share.sum(axis=0) @ dy**2))
        return float(dx @ share @ dy / spread) if spread > 0 else 1.0


class _Channel:
    """How loud one channel was, from its histogram."""

    def __init__(self, histogram: NDArray[np.int64]) -> None:
        below = np.cumsum(histogram)
        self._quiet_bin = int(np.searchsorted(below, 0.10 * below[-1]))
        self._loud_bin = min(BINS - 1, int(np.searchsorted(below, 0.98 * below[-1])))
        self.loud_db = float(self._loud_bin + FLOOR_DB)
        self.active_bin = max(1, self._loud_bin - int(ACTIVE_WITHIN_DB))

    @property
    def speaks(self) -> bool:
        return self.loud_db >= SPEECH_DB and self._loud_bin - self._quiet_bin >= SPEECH_SWING_DB


def fold(wav: Stored, mix: Mix, block_frames: int = 1 << 18) -> None:
    """Turns the decoded two-channel file into one channel, in place: writing never overtakes reading."""
    frames = 0
    with wav.open("r+b") as sound:
        while raw := _read_at(sound, pcm.HEADER_BYTES + frames * 4, block_frames * 4):
            mono = _mixed(np.frombuffer(raw, dtype="<i2").reshape(-1, 2), mix)
            sound.seek(pcm.HEADER_BYTES + frames * pcm.SAMPLE_BYTES)
            sound.write(mono.tobytes())
            frames += len(mono)
        sound.truncate(pcm.HEADER_BYTES + frames * pcm.SAMPLE_BYTES)
        sound.seek(0)
        sound.write(pcm.header(1, frames))


def _read_at(sound: BinaryIO, offset: int, size: int) -> bytes:
    sound.seek(offset)
    return sound.read(size)


def _mixed(block: Stereo, mix: Mix) -> Stereo:
    left, right = block[:, 0].astype(np.int32), block[:, 1].astype(np.int32)
    if mix is Mix.LEFT:
        return block[:, 0]
    if mix is Mix.RIGHT:
        return block[:, 1]
    return ((left - right if mix is Mix.DIFFERENCE else left + right) // 2).astype(np.int16)
