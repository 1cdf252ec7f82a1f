"""Real speech for tests: the recordings inside the moonshine-voice wheel, and how a transcript is scored."""

from __future__ import annotations

import importlib.util
import re
import warnings
from math import gcd
from pathlib import Path

import jiwer
import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from brickyard.engines.base import SAMPLE_RATE, Audio

TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of "
    "Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to Heaven, we were all going direct the other way in short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its being received, for good "
    "or for evil, in the superlative degree of comparison only."
)
BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


def from_wheel(name: str) -> Audio:
    package = importlib.util.find_spec("moonshine_voice")
    assert package is not None
    assert package.origin is not None
    return load(Path(package.origin).parent / "assets" / name)


def load(file: Path) -> Audio:
    with warnings.catch_warnings():
        # The wheel's files have a chunk of metadata after the samples.
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        rate, samples = wavfile.read(file)
    mono = samples[:, 0] if samples.ndim > 1 else samples
    audio = mono.astype(np.float32) / (32768 if mono.dtype == np.int16 else 1)
    common = gcd(rate, SAMPLE_RATE)
    return resample_poly(audio, SAMPLE_RATE // common, rate // common).astype(np.float32)


def word_error_rate(reference: str, text: str) -> float:
    """Case and punctuation do not count."""
    return jiwer.wer(_folded(reference), _folded(text))


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^a-z ]", "", text.lower().replace("-", " ")).split())
