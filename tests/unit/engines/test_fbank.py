import numpy as np
import pytest

from brickyard.engines.base import SAMPLE_RATE
from brickyard.engines.fbank import BINS, fbank
from tests.unit.engines.speech import from_wheel


def tone(hz: float, duration_s: float = 0.5) -> np.ndarray:
    time_s = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (160_000, 998)])
def test_only_whole_frames_count(samples: int, frames: int) -> None:
    assert fbank(np.zeros(samples, np.float32)).shape == (frames, BINS)


def test_a_higher_tone_lies_in_a_higher_bin() -> None:
    loudest = [int(fbank(tone(hz)).mean(axis=0).argmax()) for hz in (200, 400, 800, 1600, 3200, 6400)]
    assert loudest == sorted(set(loudest))


def test_half_the_amplitude_is_a_quarter_of_the_energy() -> None:
    audio = from_wheel("beckett.wav")
    difference = fbank(audio) - fbank(audio * np.float32(0.5))
    assert np.median(difference) == pytest.approx(np.log(4), abs=1e-3)


def test_a_constant_offset_changes_nothing() -> None:
    audio = from_wheel("beckett.wav")
    loud = fbank(audio) > 5
    assert np.abs(fbank(audio + np.float32(0.1)) - fbank(audio))[loud].max() < 0.1


def test_silence_gives_the_floor_and_no_infinity() -> None:
    assert np.allclose(fbank(np.zeros(1600, np.float32)), np.log(np.finfo(np.float32).eps))


def test_the_numbers_are_kaldis() -> None:
    """Expected: kaldi-native-fbank 1.23.0, no dither, Hamming, 80 bins, over the same samples."""
    rising = (np.arange(560) % 97).astype(np.float32) / 97 - np.float32(0.5)
    found = fbank(rising)[:, [0, 1, 10, 40, 79]]
    assert np.allclose(found, KALDI, atol=2e-3)


KALDI = np.array([[14.519, 14.6425, 22.0273, 22.4603, 23.4159], [13.2344, 12.0207, 22.0223, 22.4606, 23.416]])
