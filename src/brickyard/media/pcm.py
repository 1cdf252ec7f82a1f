"""Decoded sound on disk, sealed or plain: WAV, 16 kHz, 16 bits, one channel or two. Reads any stretch by seeking."""

from __future__ import annotations

import struct
import wave
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from brickyard.kit.errors import BadInput
from brickyard.kit.sealed import Stored

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2
HEADER_BYTES = 44

Samples = NDArray[np.float32]
"""One channel at 16 kHz, -1…1."""


def duration_s(wav: Stored) -> float:
    with wav.open() as file, wave.open(file) as sound:
        frames: int = sound.getnframes()
        return frames / SAMPLE_RATE


def channels(wav: Stored) -> int:
    with wav.open() as file, wave.open(file) as sound:
        count: int = sound.getnchannels()
        return count


def read(wav: Stored, start_s: float, end_s: float, channel: int = 0) -> Samples:
    """The samples of `channel` from `start_s` to `end_s`, cut to what the file holds; perhaps none."""
    with wav.open() as file, wave.open(file) as sound:
        _check(wav, sound, channel)
        first = min(max(0, round(start_s * SAMPLE_RATE)), sound.getnframes())
        last = min(max(first, round(end_s * SAMPLE_RATE)), sound.getnframes())
        sound.setpos(first)
        return _floats(sound, last - first, channel)


def blocks(wav: Stored, block_s: float, channel: int = 0) -> Iterator[Samples]:
    """The whole of `channel`, `block_s` at a time; the last block is what remains."""
    count = round(block_s * SAMPLE_RATE)
    if count < 1:
        raise BadInput(f"block_s is {block_s}; it must be at least one sample, {1 / SAMPLE_RATE} s.")
    with wav.open() as file, wave.open(file) as sound:
        _check(wav, sound, channel)
        while (block := _floats(sound, count, channel)).size:
            yield block


def header(channel_count: int, frames: int) -> bytes:
    """The 44 bytes in front of `frames` samples of `channel_count` channels."""
    frame_bytes = channel_count * SAMPLE_BYTES
    size = frames * frame_bytes
    return (
        struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
        + struct.pack("<4sIHHII", b"fmt ", 16, 1, channel_count, SAMPLE_RATE, SAMPLE_RATE * frame_bytes)
        + struct.pack("<HH4sI", frame_bytes, 8 * SAMPLE_BYTES, b"data", size)
    )


def _check(wav: Stored, sound: wave.Wave_read, channel: int) -> None:
    if (sound.getframerate(), sound.getsampwidth()) != (SAMPLE_RATE, SAMPLE_BYTES):
        raise BadInput(f"{wav.name} is not 16-bit sound at 16 kHz; decode it first.")
    if not 0 <= channel < sound.getnchannels():
        raise BadInput(f"{wav.name} has {sound.getnchannels()} channel(s); there is no channel {channel}.")


def _floats(sound: wave.Wave_read, count: int, channel: int) -> Samples:
    whole = np.frombuffer(sound.readframes(count), dtype="<i2").reshape(-1, sound.getnchannels())
    return whole[:, channel].astype(np.float32) / np.float32(32768)
