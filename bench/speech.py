"""Real speech for benchmarks: short recordings, and long ones made by joining them."""

from __future__ import annotations

import asyncio
import wave
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brickyard.engines.base import SAMPLE_RATE
from brickyard.kit.sealed import Stored
from brickyard.media import pcm
from brickyard.media.decode import decode
from brickyard.media.limits import Limits

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PAUSE_S = 0.7

Samples = NDArray[np.float32]


def wheel_recording(name: str) -> Path:
    spec = find_spec("moonshine_voice")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "assets" / name


def recordings() -> list[Path]:
    """Different speakers, read and spoken; those with references only where they are at hand."""
    found = [wheel_recording(name) for name in ("two_cities.wav", "beckett.wav", "endgame_nagg_nell.wav")]
    return found + sorted(SHARED.glob("*.wav"))


def samples(path: Path, folder: Path) -> Samples:
    """The sound of a recording as the platform decodes it: 16 kHz, mono, float32."""
    target = Stored(folder / f"{path.stem}.wav")
    if not target.exists():
        asyncio.run(decode(Stored(path), target, Limits()))
    return pcm.read(target, 0.0, pcm.duration_s(target))


def joined(duration_s: float, folder: Path) -> Path:
    """A WAV of exactly this length: the recordings one after another, again and again, with short pauses."""
    target = folder / f"joined-{duration_s:g}.wav"
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32)
    parts = [np.concatenate((samples(path, folder), pause)) for path in recordings()]
    once = (np.concatenate(parts) * 32767).astype("<i2").tobytes()
    missing = int(duration_s * SAMPLE_RATE) * 2
    with wave.open(str(target), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        while missing > 0:
            out.writeframes(once[:missing])
            missing -= len(once)
    return target
