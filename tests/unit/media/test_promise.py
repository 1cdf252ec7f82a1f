from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.media import pcm
from brickyard.media.promise import ASF_FILE_PROPERTIES, BY_HEAD, of_asf, of_matroska, of_mp3, of_wav


def test_a_wav_promises_what_its_header_says_however_much_follows() -> None:
    head = pcm.header(1, 32_000)
    assert of_wav(io.BytesIO(head)) == 2.0
    with_a_list = head[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + head[36:]
    assert of_wav(io.BytesIO(with_a_list)) == 2.0


def test_a_wav_written_to_a_pipe_promises_nothing() -> None:
    head = pcm.header(1, 0)
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        assert of_wav(io.BytesIO(head[:40] + size)) is None


@pytest.mark.parametrize("tag_bytes", [0, 200_000])
def test_an_mp3_promises_by_its_count_of_frames(recordings: dict[str, Path], tmp_path: Path, tag_bytes: int) -> None:
    data = recordings["mp3"].read_bytes()
    own_tag = 10 + data[8] * 128 + data[9] if data.startswith(b"ID3") else 0
    # A cover image makes the tag in front long.
    size = bytes((tag_bytes >> shift) & 0x7F for shift in (21, 14, 7, 0))
    promised = of_mp3(io.BytesIO(b"ID3\4\0\0" + size + bytes(tag_bytes) + data[own_tag:]))
    assert promised == pytest.approx(5, abs=0.1)


def test_an_mp3_without_that_header_promises_nothing(recordings: dict[str, Path]) -> None:
    data = recordings["mp3"].read_bytes().replace(b"Xing", bytes(4)).replace(b"Info", bytes(4))
    assert of_mp3(io.BytesIO(data)) is None


def test_a_wma_promises_its_play_duration(recordings: dict[str, Path]) -> None:
    with recordings["wma"].open("rb") as file:
        assert of_asf(file) == pytest.approx(5, abs=0.1)
    live = ASF_FILE_PROPERTIES + bytes(48) + struct.pack("<QQQI", 10**8, 0, 0, 1)
    assert of_asf(io.BytesIO(live)) is None


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ("01:02:03.500000000\0\0", 3723.5),
        ("", None),
        ("5", None),
        ("a:b:c", None),
        ("nan:0:0", None),
        ("inf:0:0", None),
    ],
)
def test_a_matroska_promises_by_a_tag(tag: str, seconds: float | None) -> None:
    assert of_matroska(tag) == seconds


@given(
    kind=st.sampled_from(sorted(BY_HEAD)),
    start=st.sampled_from([b"", b"RIFF    WAVEfmt ", b"ID3\4\0\0", b"\xff\xfb\x90\x00Xing", ASF_FILE_PROPERTIES]),
    rest=st.binary(max_size=300),
)
def test_no_bytes_make_it_fail(kind: str, start: bytes, rest: bytes) -> None:
    promised = BY_HEAD[kind](io.BytesIO(start + rest))
    assert promised is None or promised >= 0
