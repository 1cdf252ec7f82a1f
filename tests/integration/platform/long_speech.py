"""A long recording, made by joining short ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

RATE = 16_000


def joined(folder: Path, target: Path, duration_s: float) -> Path:
    parts = []
    for name in ("two_cities.wav", "endgame_nagg_nell.wav", "beckett.wav"):
        rate, sound = wavfile.read(folder / name)
        parts += [resample_poly(sound.astype(np.float64), RATE, rate), np.zeros(RATE // 2)]
    once = np.concatenate(parts)
    times = int(np.ceil(duration_s * RATE / len(once)))
    sound = np.tile(once, times)[: int(duration_s * RATE)]
    wavfile.write(target, RATE, np.clip(sound, -32768, 32767).astype(np.int16))
    return target
