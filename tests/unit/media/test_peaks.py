from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.kit.errors import BadInput
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pcm, peaks


def sound(path: Path, samples: list[list[int]], key: bytes | None = None) -> Stored:
    """`samples`: a list for each channel."""
    stored = Stored(path, key)
    frames = np.array(samples, dtype="<i2").T
    stored.write_bytes(pcm.header(len(samples), len(frames)) + frames.tobytes())
    return stored


def test_a_pair_every_20_ms_and_one_for_what_remains(tmp_path: Path) -> None:
    wav = sound(tmp_path / "audio.wav", [[0, 16384] * 160 + [-32768] * 320 + [0] * 10])
    assert peaks.of_sound(wav).tolist() == [[0, 64], [-127, -127], [0, 0]]


def test_all_channels_are_in_it(tmp_path: Path) -> None:
    wav = sound(tmp_path / "audio.wav", [[0] * 320, [32767] * 320])
    assert peaks.of_sound(wav).tolist() == [[0, 127]]


def test_a_whisper_is_no_silence(tmp_path: Path) -> None:
    assert peaks.of_sound(sound(tmp_path / "audio.wav", [[1, -1] * 160])).tolist() == [[-1, 1]]


def test_minutes_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    wav = sound(tmp_path / "audio.wav", [[100] * (61 * pcm.SAMPLE_RATE)])
    found = peaks.of_sound(wav)
    assert len(found) == 61 * peaks.FINEST_PER_S
    assert np.unique(found, axis=0).tolist() == [[0, 1]]


def test_no_sound_has_no_peaks(tmp_path: Path) -> None:
    empty = sound(tmp_path / "audio.wav", [[]])
    assert peaks.coarser(peaks.of_sound(empty), 1).shape == (0, 2)


@given(pairs=st.lists(st.tuples(st.integers(-127, 0), st.integers(0, 127)), max_size=120))
@pytest.mark.parametrize("per_s", peaks.RESOLUTIONS)
def test_coarser_ones_hold_the_finer_ones(per_s: int, pairs: list[tuple[int, int]]) -> None:
    finest = np.array(pairs, np.int8).reshape(-1, 2)
    found = peaks.coarser(finest, per_s)
    step = peaks.FINEST_PER_S // per_s
    assert found.tolist() == [
        [finest[at : at + step, 0].min(), finest[at : at + step, 1].max()] for at in range(0, len(finest), step)
    ]


@pytest.mark.parametrize("per_s", [0, -1, 3, 51])
def test_other_resolutions_are_refused(per_s: int) -> None:
    with pytest.raises(BadInput, match="1, 2, 5, 10, 25, 50"):
        peaks.coarser(np.zeros((1, 2), np.int8), per_s)


@pytest.mark.parametrize("key", [None, new_key()], ids=["open", "sealed"])
def test_they_are_kept_beside_the_sound_and_made_anew_with_it(tmp_path: Path, key: bytes | None) -> None:
    wav = sound(tmp_path / "audio.wav", [[16384] * 640], key)
    first = peaks.kept(wav).tolist()
    beside = tmp_path / "peaks.bin"
    assert first == [[63, 64], [63, 64]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio.wav", "peaks.bin"]
    assert (beside.read_bytes() == np.array(first, np.int8).tobytes()) is (key is None)
    # From now on they are read: another sound of the same age makes no difference.
    made_ns = beside.stat().st_mtime_ns
    sound(tmp_path / "audio.wav", [[0] * 320], key)
    os.utime(wav.path, ns=(made_ns, made_ns))
    assert peaks.kept(wav).tolist() == first
    os.utime(wav.path, ns=(made_ns + 1, made_ns + 1))
    assert peaks.kept(wav).tolist() == [[0, 0]]


def test_damaged_ones_are_made_anew(tmp_path: Path) -> None:
    wav = sound(tmp_path / "audio.wav", [[0] * 320], new_key())
    peaks.kept(wav)
    (tmp_path / "peaks.bin").write_bytes(b"rubbish")
    assert peaks.kept(wav).tolist() == [[0, 0]]


def test_without_sound_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        peaks.kept(Stored(tmp_path / "audio.wav"))
