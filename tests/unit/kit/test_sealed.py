from __future__ import annotations

import io
import tracemalloc
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brickyard.kit.errors import BadMedia
from brickyard.kit.sealed import CHUNK_BYTES, HEAD_BYTES, Mode, Stored, new_key, open_sealed

KEY = bytes(range(32))
SIZES = st.one_of(
    st.integers(0, 100),
    st.sampled_from([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]),
    st.integers(0, 12 * CHUNK_BYTES),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), SIZES),
        st.tuples(st.just("read"), SIZES),
        st.tuples(st.just("seek"), SIZES),
        st.tuples(st.just("truncate"), SIZES),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("open anew"), st.just(0)),
    ),
    max_size=12,
)


def content(size: int, seed: int = 1) -> bytes:
    return bytes(seed) + bytes((7 * place + seed) % 251 for place in range(min(size, 1000))) * (size // 1000 + 1)


def sealed(folder: Path, of: bytes, name: str = "sealed") -> Path:
    path = folder / name
    Stored(path, KEY).write_bytes(of)
    return path


@settings(max_examples=150)
@given(steps=STEPS)
def test_it_is_a_file_like_any_other(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("files") / "sealed"
    plain = path.with_name("plain").open("w+b")
    file = open_sealed(path, KEY, "wb")
    for number, (step, size) in enumerate(steps):
        if step == "write":
            data = content(size, number)[:size]
            assert file.write(data) == plain.write(data)
        elif step == "read":
            assert file.read(size) == plain.read(size)
        elif step == "seek":
            assert file.seek(size) == plain.seek(size)
        elif step == "truncate":
            assert file.truncate(size) == plain.truncate(size)
        elif step == "flush":
            file.flush()
            assert Stored(path, KEY).size_bytes == plain.seek(0, io.SEEK_END)
            plain.seek(file.tell())
        else:
            at = file.tell()
            file.close()
            file = open_sealed(path, KEY, "r+b")
            file.seek(at)
        assert file.tell() == plain.tell()
    file.close()
    plain.seek(0)
    assert Stored(path, KEY).read_bytes() == plain.read()
    plain.close()


@given(size=SIZES, at=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, size: int, at: int, flip: int) -> None:
    path = sealed(tmp_path_factory.mktemp("files"), content(size)[:size])
    whole = bytearray(path.read_bytes())
    whole[at % len(whole)] ^= flip
    path.write_bytes(whole)
    with pytest.raises(BadMedia, match="damaged"):
        Stored(path, KEY).read_bytes()


@given(size=SIZES, cut=st.integers(1, 3 * CHUNK_BYTES), longer=st.booleans())
def test_any_other_length_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, size: int, cut: int, longer: bool
) -> None:
    path = sealed(tmp_path_factory.mktemp("files"), content(size)[:size])
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(cut) if longer else whole[: max(0, len(whole) - cut)])
    with pytest.raises(BadMedia, match="damaged"):
        Stored(path, KEY).open()


def test_chunks_that_change_places_are_noticed(tmp_path: Path) -> None:
    path = sealed(tmp_path, content(3 * CHUNK_BYTES)[: 3 * CHUNK_BYTES])
    whole = path.read_bytes()
    record = (len(whole) - HEAD_BYTES) // 3
    one, two = whole[HEAD_BYTES : HEAD_BYTES + record], whole[HEAD_BYTES + record : HEAD_BYTES + 2 * record]
    path.write_bytes(whole[:HEAD_BYTES] + two + one + whole[HEAD_BYTES + 2 * record :])
    with pytest.raises(BadMedia, match="at byte 0 and after"):
        Stored(path, KEY).read_bytes()


def test_what_is_another_files_is_noticed(tmp_path: Path) -> None:
    one, two = sealed(tmp_path, b"one" * 1000, "one"), sealed(tmp_path, b"two" * 1000, "two")
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(first[:HEAD_BYTES] + second[HEAD_BYTES:])
    with pytest.raises(BadMedia, match="was changed"):
        Stored(one, KEY).read_bytes()
    one.write_bytes(second[:HEAD_BYTES] + first[HEAD_BYTES:])
    with pytest.raises(BadMedia, match="was changed"):
        Stored(one, KEY).read_bytes()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"secret")
    modes: tuple[Mode, ...] = ("rb", "r+b")
    for mode in modes:
        with pytest.raises(BadMedia, match="the key is another file's"):
            open_sealed(path, new_key(), mode)
    assert Stored(path, KEY).read_bytes() == b"secret"


def test_a_plain_file_is_no_sealed_one(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_bytes(bytes(1000))
    with pytest.raises(BadMedia, match="does not begin as"):
        open_sealed(path, KEY)
    with pytest.raises(FileNotFoundError):
        open_sealed(tmp_path / "none", KEY)


def test_what_was_not_closed_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "sealed"
    file = open_sealed(path, KEY, "wb")
    file.write(bytes(5 * CHUNK_BYTES))
    with pytest.raises(BadMedia, match="not written to its end"):
        open_sealed(path, KEY)
    file.close()
    assert Stored(path, KEY).size_bytes == 5 * CHUNK_BYTES


def test_nothing_of_the_content_shows_and_no_writing_looks_like_another(tmp_path: Path) -> None:
    text = b"a word that is easy to find " * 10_000
    path = sealed(tmp_path, text)
    before = path.read_bytes()
    assert b"easy" not in before
    with open_sealed(path, KEY, "r+b") as file:
        file.write(text)
    after = path.read_bytes()
    record = CHUNK_BYTES + 28
    for begin in range(HEAD_BYTES, len(before), record):
        assert before[begin : begin + 12] != after[begin : begin + 12], "a chunk written anew has another nonce"
    assert Stored(path, KEY).read_bytes() == text


def test_a_file_that_is_open_for_reading_stays_as_it_is(tmp_path: Path) -> None:
    path = sealed(tmp_path, b"content")
    with open_sealed(path, KEY) as file:
        assert not file.writable()
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
        with pytest.raises(io.UnsupportedOperation):
            file.truncate(0)
        with pytest.raises(io.UnsupportedOperation):
            file.fileno()
        for offset, whence in ((-1, 0), (0, 7)):
            with pytest.raises(ValueError, match=r"seek|whence"):
                file.seek(offset, whence)
        assert file.seek(-3, io.SEEK_END) == 4
        assert file.seek(1, io.SEEK_CUR) == 5
        assert file.read() == b"nt"
        assert file.read(5) == b""
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_libraries_that_want_a_file_take_it(tmp_path: Path) -> None:
    picture = Stored(tmp_path / "picture", KEY)
    with picture.open("wb") as file:
        Image.new("RGB", (300, 200), "red").save(file, format="JPEG")
    assert picture.path.read_bytes().startswith(b"BYSEAL")
    with picture.open() as file, Image.open(file) as image:
        assert image.size == (300, 200)
    sound = Stored(tmp_path / "sound", KEY)
    with sound.open("wb") as file, wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(10):
            out.writeframes(bytes(16_000))
    with sound.open() as file, wave.open(file) as heard:
        assert heard.getnframes() == 80_000


def test_a_long_file_takes_little_memory(tmp_path: Path) -> None:
    stored = Stored(tmp_path / "long", KEY)
    piece = bytes(100_000)
    tracemalloc.start()
    with stored.open("wb") as file:
        for _ in range(300):
            file.write(piece)
    with stored.open() as file:
        while file.read(100_000):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
    assert stored.size_bytes == 30_000_000


@pytest.mark.parametrize("key", [None, KEY])
def test_a_stored_file_is_sealed_or_plain(tmp_path: Path, key: bytes | None) -> None:
    stored = Stored(tmp_path / "file", key)
    assert not stored.exists()
    stored.write_bytes(b"content")
    stored.sync()
    assert stored.exists()
    assert (b"content" in stored.path.read_bytes()) == (key is None)
    assert (stored.size_bytes, stored.read_bytes(), stored.name) == (7, b"content", "file")
    again = Stored.of(**stored.told)
    assert again == stored
    assert again.read_bytes() == b"content"
    assert KEY.hex() not in repr(stored)
    assert str(KEY) not in repr(stored)
    assert stored.at(tmp_path / "other") == Stored(tmp_path / "other", key)
