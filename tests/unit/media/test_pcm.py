from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.kit.errors import BadInput
from brickyard.kit.sealed import Stored
from brickyard.media import pcm


def stereo(path: Path, frames: int = 16_000, key: bytes | None = None) -> Stored:
    """Left counts up from 0, right counts down from 0."""
    left = np.arange(frames, dtype="<i2")
    stored = Stored(path, key)
    stored.write_bytes(pcm.header(2, frames) + np.stack([left, -left], axis=1).astype("<i2").tobytes())
    return stored


def test_the_header_is_one_that_others_can_read(tmp_path: Path) -> None:
    with wave.open(str(stereo(tmp_path / "a.wav").path), "rb") as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 16_000, 2)
        assert sound.getnframes() == 16_000


def test_length_and_channels(tmp_path: Path) -> None:
    path = stereo(tmp_path / "a.wav")
    assert pcm.duration_s(path) == 1.0
    assert pcm.channels(path) == 2


@pytest.mark.parametrize("key", [None, bytes(32)])
def test_a_stretch_is_cut_to_what_there_is(tmp_path: Path, key: bytes | None) -> None:
    path = stereo(tmp_path / "a.wav", key=key)
    assert pcm.read(path, 0.5, 0.5001).tolist() == [8000 / 32768, 8001 / 32768]
    assert pcm.read(path, -1, 0.0001, channel=1).tolist() == [0.0, -1 / 32768]
    assert len(pcm.read(path, 0.9, 5)) == 1600
    assert len(pcm.read(path, 5, 6)) == 0
    assert len(pcm.read(path, 0.7, 0.2)) == 0


@given(block_s=st.floats(0.01, 2.0))
def test_blocks_make_up_the_whole(tmp_path_factory: pytest.TempPathFactory, block_s: float) -> None:
    path = stereo(tmp_path_factory.getbasetemp() / "blocks.wav")
    blocks = list(pcm.blocks(path, block_s, channel=1))
    assert np.array_equal(np.concatenate(blocks), pcm.read(path, 0, 1, channel=1))
    assert all(len(block) == round(block_s * 16_000) for block in blocks[:-1])


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = stereo(tmp_path / "a.wav")
    with pytest.raises(BadInput, match="no channel 2"):
        pcm.read(path, 0, 1, channel=2)
    with pytest.raises(BadInput, match="at least one sample"):
        list(pcm.blocks(path, 0))
    with wave.open(str(tmp_path / "b.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
    with pytest.raises(BadInput, match="16 kHz"):
        pcm.read(Stored(tmp_path / "b.wav"), 0, 1)
