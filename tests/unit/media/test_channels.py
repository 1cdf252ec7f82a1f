from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from brickyard.kit.sealed import Stored
from brickyard.media import pcm
from brickyard.media.channels import ChannelCounts, Mix, fold
from tests.unit.media.samples import RATE, Signal, speech

LENGTH = 24 * RATE


@pytest.fixture(scope="module")
def one() -> Signal:
    return speech("two_cities", 24)


@pytest.fixture(scope="module")
def other() -> Signal:
    return np.resize(speech("beckett"), LENGTH)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def decided(left: Signal, right: Signal, block: int = RATE) -> Mix:
    counts = ChannelCounts()
    both = np.clip(np.stack([left, right], axis=1) * 32768, -32768, 32767).astype(np.int16)
    for first in range(0, len(both), block):
        counts.add(both[first : first + block])
    return counts.decide()


def by_turns(one: Signal, other: Signal, turn_s: float = 4.0) -> tuple[Signal, Signal]:
    """A telephone call: one speaks, the other listens, and they change."""
    first = (np.arange(LENGTH) // int(turn_s * RATE)) % 2 == 0
    return np.where(first, one, 0).astype(np.float32), np.where(first, 0, other).astype(np.float32)


def noise(rng: np.random.Generator, level_db: float) -> Signal:
    result: Signal = (rng.standard_normal(LENGTH) * 10 ** (level_db / 20)).astype(np.float32)
    return result


def test_a_telephone_call_keeps_its_channels(one: Signal, other: Signal) -> None:
    assert decided(*by_turns(one, other)) is Mix.KEEP


def test_blocks_of_any_size_decide_the_same(one: Signal, other: Signal) -> None:
    assert decided(*by_turns(one, other), block=777) is Mix.KEEP


def test_a_noisy_call_with_crosstalk_keeps_its_channels(one: Signal, other: Signal, rng: np.random.Generator) -> None:
    left, right = by_turns(one, other)
    heard = left + right * 0.03 + noise(rng, -60), right + left * 0.03 + noise(rng, -60)
    assert decided(*heard) is Mix.KEEP


def test_a_call_where_one_hardly_speaks_keeps_its_channels(one: Signal, other: Signal) -> None:
    right = np.where(np.arange(LENGTH) < 3 * RATE, other, 0).astype(np.float32)
    left = np.where(np.arange(LENGTH) < 3 * RATE, 0, one).astype(np.float32)
    assert decided(left, right) is Mix.KEEP


def test_two_who_speak_at_once_keep_their_channels(one: Signal, other: Signal) -> None:
    assert decided(one, other) is Mix.KEEP


def test_the_same_in_both_channels_is_one(one: Signal, rng: np.random.Generator) -> None:
    assert decided(one, one) is Mix.SUM
    assert decided(one, one * 0.3 + noise(rng, -50)) is Mix.SUM


def test_a_meeting_in_a_room_is_one(one: Signal, other: Signal, rng: np.random.Generator) -> None:
    """Two microphones apart: each speaker is in both, later and softer in the far one."""
    left, right = by_turns(one, other)
    heard = left + 0.4 * np.roll(right, 37), right + 0.4 * np.roll(left, 37)
    assert decided(heard[0] + noise(rng, -55), heard[1] + noise(rng, -55)) is Mix.SUM


def test_music_is_one(rng: np.random.Generator) -> None:
    """Notes of a chord with the channels decorrelated, as a wide stereo mix has them."""
    time_s = np.arange(LENGTH) / RATE
    beat = np.exp(-4 * (time_s % 0.5))
    notes = [220.0, 277.2, 329.6, 440.0]
    left = sum(np.sin(2 * np.pi * note * time_s) for note in notes) * beat * 0.1
    right = sum(np.sin(2 * np.pi * note * time_s + 1.5 + n) for n, note in enumerate(notes)) * beat * 0.1
    assert decided(left.astype(np.float32), right.astype(np.float32)) is not Mix.KEEP


def test_noise_is_no_speaker(one: Signal, rng: np.random.Generator) -> None:
    hum = sosfilt(butter(2, 200, fs=RATE, output="sos"), noise(rng, -30)).astype(np.float32)
    assert decided(one, hum) is not Mix.KEEP


def test_a_silent_channel_is_left_out(one: Signal, rng: np.random.Generator) -> None:
    assert decided(one, np.zeros_like(one)) is Mix.LEFT
    assert decided(noise(rng, -75), one) is Mix.RIGHT
    assert decided(one, one * 0.001) is Mix.LEFT


def test_an_offset_is_no_sound(one: Signal) -> None:
    assert decided(one, np.full_like(one, 0.2)) is Mix.LEFT


def test_channels_out_of_phase_are_turned_over(one: Signal) -> None:
    assert decided(one, -one) is Mix.DIFFERENCE


def test_silence_and_nothing_are_one() -> None:
    silence = np.zeros(RATE, dtype=np.float32)
    assert decided(silence, silence) is Mix.SUM
    assert ChannelCounts().decide() is Mix.SUM


@pytest.mark.parametrize(
    ("mix", "expected"),
    [
        (Mix.SUM, [60, 70, 80]),
        (Mix.DIFFERENCE, [-50, -50, -50]),
        (Mix.LEFT, [10, 20, 30]),
        (Mix.RIGHT, [110, 120, 130]),
    ],
)
def test_folding_in_place(tmp_path: Path, mix: Mix, expected: list[int]) -> None:
    path = tmp_path / "a.wav"
    both = np.array([[10, 110], [20, 120], [30, 130]], dtype="<i2")
    path.write_bytes(pcm.header(2, 3) + both.tobytes())
    fold(Stored(path), mix, block_frames=2)
    assert pcm.channels(Stored(path)) == 1
    assert (pcm.read(Stored(path), 0, 1) * 32768).tolist() == expected


def test_folding_does_not_overflow(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm.header(2, 1) + np.array([[32767, -32768]], dtype="<i2").tobytes())
    fold(Stored(path), Mix.DIFFERENCE)
    assert (pcm.read(Stored(path), 0, 1) * 32768).tolist() == [32767]
