"""Log-mel filter banks as Kaldi computes them, the input that the WeSpeaker voice-print model was trained on.

80 bins, frames of 25 ms each 10 ms, no padding, Hamming window, pre-emphasis, no dither, energies of the
power spectrum. Source: the Kaldi feature documentation and the published WeSpeaker recipe.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from brickyard.engines.base import SAMPLE_RATE, Audio

BINS = 80
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FRAMES_PER_S = SAMPLE_RATE / HOP_SAMPLES

_FFT_SIZE = 512
_PRE_EMPHASIS = 0.97
_LOW_HZ = 20.0
_HIGH_HZ = SAMPLE_RATE / 2
_INT16_SCALE = 32_768.0
"""Kaldi reads samples as 16-bit integers; the model has seen energies on that scale."""
_FLOOR = np.float32(np.finfo(np.float32).eps)


def fbank(audio: Audio) -> NDArray[np.float32]:
    """Log energies of shape (frames, 80); frame i covers samples 160 i to 160 i + 400. No mean is taken away.

    Audio shorter than one frame gives no rows.
    """
    if len(audio) < FRAME_SAMPLES:
        return np.zeros((0, BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio, FRAME_SAMPLES)[::HOP_SAMPLES] * np.float32(_INT16_SCALE)
    frames -= frames.mean(axis=1, keepdims=True)
    emphasised = np.empty_like(frames)
    emphasised[:, 1:] = frames[:, 1:] - np.float32(_PRE_EMPHASIS) * frames[:, :-1]
    emphasised[:, 0] = frames[:, 0] * np.float32(1 - _PRE_EMPHASIS)
    emphasised *= _window()
    spectrum = scipy.fft.rfft(emphasised, n=_FFT_SIZE, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    energies: NDArray[np.float32] = power.astype(np.float32, copy=False) @ _mel_filters()
    return np.log(np.maximum(energies, _FLOOR))


@cache
def _window() -> NDArray[np.float32]:
    return np.hamming(FRAME_SAMPLES).astype(np.float32)


@cache
def _mel_filters() -> NDArray[np.float32]:
    """Triangles evenly spaced on the mel scale, (257, 80). The Nyquist bin gets no weight, as in Kaldi."""
    edges = np.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), BINS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    mels = _mel(np.arange(_FFT_SIZE // 2) * SAMPLE_RATE / _FFT_SIZE)[:, None]
    rising = (mels - left) / (centre - left)
    falling = (right - mels) / (right - centre)
    filters = np.zeros((_FFT_SIZE // 2 + 1, BINS))
    filters[:-1] = np.clip(np.minimum(rising, falling), 0, None)
    return filters.astype(np.float32)


def _mel(hz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))
