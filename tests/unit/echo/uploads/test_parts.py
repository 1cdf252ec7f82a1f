from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.echo.uploads import parts
from brickyard.echo.uploads.parts import Hashed, Writer, mend, remove
from brickyard.echo.uploads.tus import Checksum, WrongChecksum
from brickyard.kit.errors import BadMedia
from brickyard.kit.sealed import AROUND_BYTES, CHUNK_BYTES, HEAD_BYTES, Stored, new_key

NOISE = random.Random(1).randbytes(6 * CHUNK_BYTES)
BATCH_BYTES = 50_001
NEAR_CHUNKS = [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
COUNTS = st.one_of(st.integers(0, 3 * CHUNK_BYTES), st.sampled_from(NEAR_CHUNKS))
ENDINGS = ["answered", "line lost", "restarted", "killed", "power cut", "wrong sum"]
REQUESTS = st.lists(st.tuples(COUNTS, st.sampled_from(ENDINGS), st.floats(0, 1)), max_size=7)


@pytest.fixture(scope="module")
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Arriving:
    """The file of an upload of `content`, and what the database and the running server know of it."""

    def __init__(self, folder: Path, content: bytes, background: ThreadPoolExecutor, *, is_sealed: bool = True) -> None:
        self.content = content
        self.saved_bytes = 0
        self.hashed = Hashed()
        self.stored = Stored(folder / "0.part", new_key() if is_sealed else None)
        self.stored.write_bytes(b"")
        self._background = background
        self._lives = 0

    def writer(self, checksum: Checksum | None = None) -> Writer:
        kept = mend(self.stored, self.saved_bytes)
        assert self.saved_bytes - CHUNK_BYTES < kept <= self.saved_bytes
        if self.hashed.upto_bytes > kept:
            self.hashed = Hashed()
        self.save(kept)
        return Writer(self.stored, kept, self.hashed, self.save, self._background, checksum)

    def save(self, offset_bytes: int) -> None:
        self.saved_bytes = offset_bytes

    def request(self, count: int, ending: str = "answered", share: float = 0.0) -> None:
        """`share`: of what was not yet safe, so much is on the disk after a power cut."""
        writer = self.writer(Checksum("sha1", bytes(20)) if ending == "wrong sum" else None)
        begin = writer.offset_bytes
        end = min(begin + count, len(self.content))
        for place in range(begin, end, BATCH_BYTES):
            writer.write(self.content[place : min(end, place + BATCH_BYTES)])
        if ending in ("killed", "power cut"):
            self._die(writer, share if ending == "power cut" else None)
            return
        if ending == "wrong sum":
            with pytest.raises(WrongChecksum):
                writer.close()
            assert self.saved_bytes == begin
        else:
            assert writer.close(is_whole=ending != "line lost") == self.saved_bytes == end
        self.hashed = Hashed() if ending == "restarted" else writer.hashed

    def finish(self) -> str:
        self.request(len(self.content))
        assert self.saved_bytes == len(self.content)
        return self.hashed.finish(self.stored, len(self.content))

    def _die(self, writer: Writer, share: float | None) -> None:
        """The next server finds the file as it is now; what this writer still holds in memory reaches another one."""
        saved, self._lives = self.saved_bytes, self._lives + 1
        found = self.stored.path.with_name(f"{self._lives}.part")
        shutil.copy(self.stored.path, found)
        writer.abandon()
        if share is not None:
            safe = saved if self.stored.key is None else outside(saved)
            os.truncate(found, safe + int(share * max(0, found.stat().st_size - safe)))
        self.stored, self.saved_bytes, self.hashed = self.stored.at(found), saved, Hashed()


def outside(size_bytes: int) -> int:
    return HEAD_BYTES + size_bytes + -(-size_bytes // CHUNK_BYTES) * AROUND_BYTES


@settings(max_examples=150)
@given(
    size=st.integers(1, len(NOISE)), requests=REQUESTS, is_sealed=st.booleans(), at_once=st.sampled_from([0, 1 << 30])
)
def test_however_it_is_cut_and_whatever_fails_the_file_and_its_hash_are_those_that_were_sent(
    tmp_path_factory: pytest.TempPathFactory,
    background: ThreadPoolExecutor,
    size: int,
    requests: Sequence[tuple[int, str, float]],
    is_sealed: bool,
    at_once: int,
) -> None:
    content = NOISE[:size]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "SAVED_EVERY_BYTES", 70_000)
        patch.setattr(parts, "HASHED_AT_ONCE_BYTES", at_once)
        arriving = Arriving(tmp_path_factory.mktemp("parts"), content, background, is_sealed=is_sealed)
        for count, ending, share in requests:
            arriving.request(count, ending, share)
        assert arriving.finish() == hashlib.sha256(content).hexdigest()
    assert arriving.stored.read_bytes() == content


def test_what_was_saved_on_the_way_outlives_a_kill(
    tmp_path: Path, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SAVED_EVERY_BYTES", 100_000)
    arriving = Arriving(tmp_path, NOISE, background)
    writer = arriving.writer()
    writer.write(NOISE[:130_000])
    writer.write(NOISE[130_000:240_000])
    assert arriving.saved_bytes >= 130_000
    writer.write(NOISE[240_000:250_000])
    assert arriving.saved_bytes <= 240_000
    assert writer.close() == arriving.saved_bytes == 250_000


def test_a_checksum_saves_nothing_before_its_end(tmp_path: Path, background: ThreadPoolExecutor) -> None:
    digest = hashlib.sha256(NOISE[:90_000]).digest()
    arriving = Arriving(tmp_path, NOISE, background)
    writer = arriving.writer(Checksum("sha256", digest))
    writer.write(NOISE[:50_000])
    assert writer.close(is_whole=False) == arriving.saved_bytes == 0
    arriving.hashed = writer.hashed
    writer = arriving.writer(Checksum("sha256", digest))
    writer.write(NOISE[:90_000])
    assert writer.close() == arriving.saved_bytes == 90_000


def test_after_an_error_of_the_disk_the_upload_goes_on_from_what_was_saved(
    tmp_path: Path, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    arriving = Arriving(tmp_path, NOISE, background)
    arriving.request(100_000)
    writer = arriving.writer()
    writer.write(NOISE[100_000:200_000])

    def full(_: Stored) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Stored, "sync", full)
    with pytest.raises(OSError, match="space"):
        writer.close()
    monkeypatch.undo()
    assert arriving.saved_bytes == 100_000
    arriving.hashed = writer.hashed
    assert arriving.finish() == hashlib.sha256(NOISE).hexdigest()


def test_an_abandoned_writer_takes_and_saves_nothing_more(tmp_path: Path, background: ThreadPoolExecutor) -> None:
    arriving = Arriving(tmp_path, NOISE, background)
    arriving.request(10)
    writer = arriving.writer()
    writer.write(NOISE[10:20])
    writer.abandon()
    writer.write(NOISE[20:30])
    writer.close()
    assert arriving.saved_bytes == 10
    arriving.hashed = writer.hashed
    assert arriving.finish() == hashlib.sha256(NOISE).hexdigest()


def test_what_a_restart_missed_is_hashed_in_the_background(
    tmp_path: Path, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "HASHED_AT_ONCE_BYTES", 0)
    stored = Stored(tmp_path / "sealed", new_key())
    stored.write_bytes(NOISE)
    hashed = Hashed()
    hashed.follow(stored, 200_000, background)
    assert hashed.copy().upto_bytes == 0
    hashed.add(NOISE[200_000:200_100], 200_000)
    assert hashed.finish(stored, len(NOISE)) == hashlib.sha256(NOISE).hexdigest()


def test_a_file_that_ends_too_early_is_no_upload(tmp_path: Path, background: ThreadPoolExecutor) -> None:
    stored = Stored(tmp_path / "sealed", new_key())
    stored.write_bytes(NOISE[:100])
    with pytest.raises(BadMedia, match="ends before"):
        Hashed().finish(stored, 101)


@pytest.mark.parametrize("content", [b"", b"something else entirely" * 10])
def test_a_file_of_another_kind_is_not_mended(tmp_path: Path, content: bytes) -> None:
    stored = Stored(tmp_path / "other", new_key())
    stored.path.write_bytes(content)
    with pytest.raises(BadMedia):
        mend(stored, 10)


def test_both_names_of_a_file_go(tmp_path: Path) -> None:
    for name in ("a.part", "a.arrived", "b.part"):
        (tmp_path / name).write_bytes(b"x")
    remove(tmp_path / "a.part")
    remove(tmp_path / "a.part")
    assert [path.name for path in tmp_path.iterdir()] == ["b.part"]
