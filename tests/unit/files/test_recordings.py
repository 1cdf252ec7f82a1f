from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID, uuid4

import pytest

from brickyard.files.recordings import ABANDONED_AFTER_S, PIECE_BYTES, Arrived, RecordingFiles
from brickyard.kit.errors import BadMedia, Conflict, TooLarge
from brickyard.kit.sealed import new_key

LIMIT = 3 << 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def files(root: Path) -> RecordingFiles:
    return RecordingFiles(root, LIMIT)


class Endless(io.RawIOBase):
    """A stream that never ends; counts what was read of it."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        self.read_bytes += size
        return bytes(size)


class Broken(io.RawIOBase):
    """A stream whose sender hangs up in the middle."""

    def __init__(self) -> None:
        self._pieces = iter([b"some"])

    def read(self, size: int = -1) -> bytes:
        for piece in self._pieces:
            return piece
        raise ConnectionResetError("gone")


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def made_older(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, LIMIT])
def test_a_stream_is_written_down_and_hashed(files: RecordingFiles, size: int) -> None:
    content = os.urandom(size)
    arrived = files.receive(io.BytesIO(content))
    assert arrived.path.read_bytes() == content
    assert (arrived.size_bytes, arrived.sha256) == (size, hashlib.sha256(content).hexdigest())


def test_a_stream_over_the_limit_is_given_up_at_once_and_nothing_is_left(files: RecordingFiles, root: Path) -> None:
    endless = Endless()
    with pytest.raises(TooLarge, match=r"limit is 3,145,728"):
        files.receive(cast(BinaryIO, endless))
    assert endless.read_bytes <= LIMIT + PIECE_BYTES
    assert everything(root) == []


def test_one_byte_over_the_limit_is_too_much(files: RecordingFiles) -> None:
    files.check_size(LIMIT)
    with pytest.raises(TooLarge, match=r"at least 3,145,729 bytes"):
        files.check_size(LIMIT + 1)


def test_an_upload_that_breaks_off_leaves_nothing(files: RecordingFiles, root: Path) -> None:
    with pytest.raises(ConnectionResetError):
        files.receive(cast(BinaryIO, Broken()))
    assert everything(root) == []


def test_a_file_that_is_kept_is_the_source_of_its_recording(files: RecordingFiles, root: Path) -> None:
    recording = uuid4()
    arrived = files.receive(io.BytesIO(b"sound"))
    files.keep(arrived, recording)
    assert files.source(recording).read_bytes() == b"sound"
    assert everything(root) == [f"recordings/{recording}/source"]
    files.drop(arrived)
    assert files.source(recording).exists(), "dropping what was kept changes nothing"


def test_two_recordings_never_share_a_folder(files: RecordingFiles) -> None:
    recording = uuid4()
    files.keep(files.receive(io.BytesIO(b"one")), recording)
    second = files.receive(io.BytesIO(b"two"))
    with pytest.raises(FileExistsError):
        files.keep(second, recording)
    assert files.source(recording).read_bytes() == b"one"


def test_a_file_that_is_dropped_is_gone(files: RecordingFiles, root: Path) -> None:
    arrived = files.receive(io.BytesIO(b"no"))
    files.drop(arrived)
    files.drop(arrived)
    assert everything(root) == []


def test_a_recording_is_deleted_with_all_that_was_made_of_it(files: RecordingFiles, root: Path) -> None:
    kept, deleted = uuid4(), uuid4()
    for recording in (kept, deleted):
        files.keep(files.receive(io.BytesIO(b"sound")), recording)
        files.audio(recording).write_bytes(b"decoded")
    files.delete(deleted)
    files.delete(deleted)
    assert everything(root) == [f"recordings/{kept}/audio.wav", f"recordings/{kept}/source"]
    assert not files.folder(deleted).exists()


def test_sweeping_deletes_just_what_is_old_and_belongs_to_nobody(files: RecordingFiles, root: Path) -> None:
    def arrived(age_s: float) -> Arrived:
        found = files.receive(io.BytesIO(b"sound"))
        made_older(found.path, age_s)
        return found

    def kept(age_s: float) -> UUID:
        recording = uuid4()
        files.keep(files.receive(io.BytesIO(b"sound")), recording)
        made_older(files.folder(recording), age_s)
        return recording

    old, young = ABANDONED_AFTER_S + 60, ABANDONED_AFTER_S - 60
    abandoned, arriving = arrived(old), arrived(young)
    known, unknown, new = kept(old), kept(old), kept(young)
    assert sorted(files.sweep([known])) == sorted([abandoned.path.name, str(unknown)])
    left = [f"incoming/{arriving.path.name}", f"recordings/{known}/source", f"recordings/{new}/source"]
    assert everything(root) == sorted(left)
    assert files.sweep([known]) == []
    assert files.sweep([uuid4()]) == [], "a database that knows none of the folders is another one's"


def test_what_another_process_sweeps_away_meanwhile_is_no_error(
    files: RecordingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = files.receive(io.BytesIO(b"sound"))
    seen = list(arrived.path.parent.iterdir())
    files.drop(arrived)
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(seen if folder == arrived.path.parent else []))
    assert files.sweep([]) == []


def test_opening_the_folders_again_keeps_what_is_there(root: Path, files: RecordingFiles) -> None:
    recording = uuid4()
    files.keep(files.receive(io.BytesIO(b"sound")), recording)
    assert RecordingFiles(root, LIMIT).source(recording).read_bytes() == b"sound"


def test_what_arrives_with_a_key_is_sealed_from_its_first_byte(root: Path) -> None:
    recording, key = uuid4(), new_key()
    files = RecordingFiles(root, LIMIT, {recording: key}.get)
    receiver = files.receiver(key)
    text = b"an open secret " * 20_000
    for begin in range(0, len(text), 50_000):
        receiver.write(text[begin : begin + 50_000])
        assert all(b"open secret" not in path.read_bytes() for path in root.rglob("*.part"))
    arrived = receiver.finish()
    assert (arrived.size_bytes, arrived.sha256) == (len(text), hashlib.sha256(text).hexdigest())
    assert arrived.stored.key == key
    assert key.hex() not in repr(arrived)
    files.keep(arrived, recording)
    assert files.source(recording).read_bytes() == text
    assert files.source(recording).size_bytes == len(text)
    assert b"open secret" not in files.source(recording).path.read_bytes()
    with pytest.raises(BadMedia):
        RecordingFiles(root, LIMIT, lambda _: new_key()).source(recording).read_bytes()


@pytest.mark.parametrize("key", [None, new_key()], ids=["plain", "sealed"])
def test_an_upload_that_is_given_up_leaves_nothing(files: RecordingFiles, root: Path, key: bytes | None) -> None:
    receiver = files.receiver(key)
    receiver.write(b"some")
    receiver.abort()
    receiver.abort()
    assert everything(root) == []
    for ended in (lambda: receiver.write(b"more"), receiver.finish):
        with pytest.raises(Conflict, match="ended already"):
            ended()
    with pytest.raises(TooLarge), files.receiver(key) as large:
        large.write(bytes(LIMIT + 1))
    assert everything(root) == []


def test_giving_up_after_the_end_changes_nothing(files: RecordingFiles) -> None:
    with files.receiver() as receiver:
        receiver.write(b"whole")
        arrived = receiver.finish()
    receiver.abort()
    assert arrived.stored.read_bytes() == b"whole"


def test_what_passes_through_is_sealed_where_that_is_wanted(root: Path, files: RecordingFiles) -> None:
    assert files.passing_key() is None
    sealing = RecordingFiles(root, LIMIT, seals=True)
    first, second = sealing.passing_key(), sealing.passing_key()
    assert first is not None
    assert first != second
    arrived = sealing.receive(io.BytesIO(b"passing"), first)
    assert b"passing" not in arrived.path.read_bytes()
    assert arrived.stored.read_bytes() == b"passing"


def test_the_key_of_a_deleted_recording_is_forgotten(root: Path) -> None:
    forgotten: list[UUID] = []
    files = RecordingFiles(root, LIMIT, forget=forgotten.append)
    recording = uuid4()
    files.keep(files.receive(io.BytesIO(b"sound")), recording)
    files.delete(recording)
    assert forgotten == [recording]
