"""The outline of a recording's sound, for drawing it: the lowest and highest sample of every 20 ms, a byte each.

Beside the sound lies one file at the finest resolution; coarser ones are made of it as they are asked for.
"""

from __future__ import annotations

import wave
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from brickyard.kit.errors import BadInput, BadMedia
from brickyard.kit.sealed import Stored
from brickyard.media.pcm import SAMPLE_RATE

FINEST_PER_S = 50
RESOLUTIONS = (1, 2, 5, 10, 25, 50)
"""Pairs a second that can be had."""

_SAMPLES = SAMPLE_RATE // FINEST_PER_S
_PAIRS_AT_ONCE = 60 * FINEST_PER_S

Peaks = NDArray[np.int8]
"""Rows of lowest and highest, -127…127, over all channels."""


def of_sound(wav: Stored) -> Peaks:
    """At the finest resolution; the last pair is of what remains. Reads a minute at a time."""
    found = [np.zeros((0, 2), np.int8)]
    with wav.open() as file, wave.open(file) as sound:
        if (sound.getframerate(), sound.getsampwidth()) != (SAMPLE_RATE, 2):
            raise BadInput(f"{wav.name} is not 16-bit sound at 16 kHz; decode it first.")
        channels = sound.getnchannels()
        while block := sound.readframes(_SAMPLES * _PAIRS_AT_ONCE):
            found.append(_outline(np.frombuffer(block, dtype="<i2"), _SAMPLES * channels))
    return np.concatenate(found)


def _outline(samples: NDArray[np.int16], count: int) -> Peaks:
    """A pair for every `count` samples. Outwards, so that what is not silent is not drawn as silence."""
    whole = samples[: samples.size // count * count].reshape(-1, count)
    low, high = whole.min(axis=1), whole.max(axis=1)
    if rest := samples.size % count:
        low, high = np.append(low, samples[-rest:].min()), np.append(high, samples[-rest:].max())
    pairs = np.stack([np.floor(low / 32768 * 127), np.ceil(high / 32768 * 127)], axis=1)
    return pairs.astype(np.int8)


def coarser(peaks: Peaks, per_s: int) -> Peaks:
    """At `per_s` pairs a second, one of RESOLUTIONS. Raises BadInput."""
    if per_s not in RESOLUTIONS:
        raise BadInput(f"per_s is {per_s}; it can be {', '.join(map(str, RESOLUTIONS))}.")
    starts = np.arange(0, len(peaks), FINEST_PER_S // per_s)
    if not starts.size:
        return peaks
    low, high = np.minimum.reduceat(peaks[:, 0], starts), np.maximum.reduceat(peaks[:, 1], starts)
    return np.stack([low, high], axis=1)


def kept(wav: Stored) -> Peaks:
    """Those beside the sound; made first where they are not there or older. Raises FileNotFoundError without sound."""
    beside = wav.at(wav.path.with_name("peaks.bin"))
    if beside.exists() and beside.path.stat().st_mtime_ns >= wav.path.stat().st_mtime_ns:
        try:
            return np.frombuffer(beside.read_bytes(), np.int8).reshape(-1, 2)
        except (BadMedia, ValueError):
            pass  # A damaged file is made anew.
    peaks = of_sound(wav)
    part = beside.at(beside.path.with_name(f".peaks.{uuid4().hex}.part"))
    try:
        part.write_bytes(peaks.tobytes())
        part.path.replace(beside.path)
    finally:
        part.path.unlink(missing_ok=True)
    return peaks
