"""The file of an upload that grows piece by piece, over many requests and over crashes, and its hash.

Chunks are sealed as they arrive. Now and then the file is flushed and synchronised, and the place is saved; what a
crash left behind that place is cut off by `mend`. Blocking: everything here is called in threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from pathlib import Path
from typing import BinaryIO, cast

from brickyard.echo.uploads.tus import Checksum, WrongChecksum
from brickyard.kit.errors import BadMedia
from brickyard.kit.sealed import AROUND_BYTES, CHUNK_BYTES, HEAD_BYTES, SealedFile, Stored

SAVED_EVERY_BYTES = 64 << 20
HASHED_AT_ONCE_BYTES = 128 << 20
PIECE_BYTES = 1 << 20
UNKNOWN = -1


class _Reopened(SealedFile):
    """A sealed file as a crash has left it: what was written after its last flush is cut off."""

    def _begin(self, key: bytes) -> None:
        self._size = UNKNOWN
        try:
            super()._begin(key)
        except BadMedia:
            if self._size == UNKNOWN:
                raise
            chunks = -(-self._size // CHUNK_BYTES)
            os.ftruncate(self._file, HEAD_BYTES + self._size + chunks * AROUND_BYTES)


def _opened(stored: Stored) -> BinaryIO:
    if stored.key is None:
        return stored.path.open("r+b")
    return cast(BinaryIO, _Reopened(stored.path, stored.key, "r+b"))


def mend(stored: Stored, offset_bytes: int) -> int:
    """Cut the file where it was saved last. Returns how much there is: of a broken last chunk, nothing.

    Raises FileNotFoundError, and BadMedia where the file can't be read at all.
    """
    with _opened(stored) as file:
        kept = min(offset_bytes, file.seek(0, os.SEEK_END))
        whole = kept - kept % CHUNK_BYTES
        try:
            file.seek(whole)
            file.read(kept - whole)
            file.truncate(kept)
            return kept
        except BadMedia:
            file.truncate(whole)
            return whole


class Hashed:
    """SHA-256 of the first `upto_bytes` of a file. What it missed, as by a restart, it reads from the disk."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.upto_bytes = 0
        self._reading: Future[None] | None = None

    def add(self, piece: bytes | bytearray, offset_bytes: int) -> None:
        """What arrives; left for later where something before it was not hashed yet."""
        if offset_bytes == self.upto_bytes and self._reading is None:
            self._digest.update(piece)
            self.upto_bytes += len(piece)

    def copy(self) -> Hashed:
        """Empty where it is being read: then nobody knows how far it is."""
        copy = Hashed()
        if self._reading is None:
            copy._digest = self._digest.copy()
            copy.upto_bytes = self.upto_bytes
        return copy

    def follow(self, stored: Stored, offset_bytes: int, background: Executor) -> None:
        """Catch up with a file that is whole up to there: at once if little is missing, else in the background."""
        if self._reading is not None and self._reading.done():
            self._reading.result()
            self._reading = None
        if self._reading is not None or self.upto_bytes >= offset_bytes:
            return
        if offset_bytes - self.upto_bytes <= HASHED_AT_ONCE_BYTES:
            with stored.open() as file:
                self._read(file, offset_bytes, b"")
            return
        # The last chunk is read now: as it is not full, it will be written again.
        file = stored.open()
        whole = max(self.upto_bytes, offset_bytes - offset_bytes % CHUNK_BYTES)
        file.seek(whole)
        tail = file.read(offset_bytes - whole)
        self._reading = background.submit(self._read_and_close, file, whole, tail)

    def finish(self, stored: Stored, size_bytes: int) -> str:
        """In hex digits, of the whole file, which has come to its end."""
        if self._reading is not None:
            self._reading.result()
            self._reading = None
        with stored.open() as file:
            self._read(file, size_bytes, b"")
        return self._digest.hexdigest()

    def _read_and_close(self, file: BinaryIO, to_bytes: int, tail: bytes) -> None:
        with file:
            self._read(file, to_bytes, tail)

    def _read(self, file: BinaryIO, to_bytes: int, tail: bytes) -> None:
        file.seek(self.upto_bytes)
        while self.upto_bytes < to_bytes:
            piece = file.read(min(PIECE_BYTES, to_bytes - self.upto_bytes))
            if not piece:
                raise BadMedia("The file of this upload ends before it should. Upload the recording again.")
            self._digest.update(piece)
            self.upto_bytes += len(piece)
        self._digest.update(tail)
        self.upto_bytes += len(tail)


class Writer:
    """Appends what one request brings. `save` is told how much is on the disk for good, now and then and in the end.

    With a checksum nothing is saved before it was compared.
    """

    def __init__(
        self,
        stored: Stored,
        offset_bytes: int,
        hashed: Hashed,
        save: Callable[[int], None],
        background: Executor,
        checksum: Checksum | None = None,
    ) -> None:
        self.begin_bytes = self.offset_bytes = offset_bytes
        self._stored = stored
        self._save = save
        self._background = background
        self._checksum = checksum
        self._own = hashlib.new(checksum.algorithm) if checksum else None
        hashed.follow(stored, offset_bytes, background)
        self._hashed = hashed
        self._safe = hashed.copy()
        self._flushed_bytes = offset_bytes
        self._syncing: Future[None] | None = None
        self._lock = threading.Lock()
        self._file: BinaryIO | None = _opened(stored)
        self._file.seek(offset_bytes)

    @property
    def hashed(self) -> Hashed:
        """To go on with."""
        return self._hashed

    def write(self, piece: bytes | bytearray) -> None:
        """Raises OSError, as where the disk is full; then `abandon` it."""
        with self._lock:
            if self._file is None:
                return
            self._file.write(piece)
            self._hashed.add(piece, self.offset_bytes)
            if self._own is not None:
                self._own.update(piece)
            self.offset_bytes += len(piece)
            if self._own is None and self.offset_bytes - self._flushed_bytes >= SAVED_EVERY_BYTES:
                self._flush(self._file)
                # While the disk takes it, the next pieces come.
                self._syncing = self._background.submit(self._sync, self.offset_bytes)

    def close(self, *, is_whole: bool = True) -> int:
        """How much is there for good. `is_whole`: whether all came that the sender had announced.

        Raises WrongChecksum; then, and where it can't be known for want of the rest, nothing of this request is kept.
        """
        with self._lock:
            file, self._file = self._file, None
            if file is None:
                return self.offset_bytes
            is_right = self._is_right(is_whole)
            try:
                self._end(file, is_right)
            except OSError:
                self._hashed = self._safe
                raise
            if not is_right and is_whole:
                raise WrongChecksum("The bytes of this request are not those of Upload-Checksum. Send them again.")
            return self.offset_bytes

    def abandon(self) -> None:
        """After an error of the disk: the file is left as it is, to be mended."""
        with self._lock:
            file, self._file = self._file, None
            if file is None:
                return
            self._hashed = self._safe
            if self._syncing is not None:
                wait([self._syncing])
            try:
                file.close()
            except OSError:
                return

    def _end(self, file: BinaryIO, is_right: bool) -> None:
        with file:
            if not is_right:
                file.truncate(self.begin_bytes)
                self.offset_bytes, self._hashed = self.begin_bytes, self._safe
            self._flush(file)
        self._sync(self.offset_bytes)

    def _is_right(self, is_whole: bool) -> bool:
        if self._checksum is None or self._own is None:
            return True
        return is_whole and self._own.digest() == self._checksum.digest

    def _flush(self, file: BinaryIO) -> None:
        if self._syncing is not None:
            self._syncing.result()
            self._syncing = None
        file.flush()
        self._flushed_bytes = self.offset_bytes
        self._hashed.follow(self._stored, self.offset_bytes, self._background)
        self._safe = self._hashed.copy()

    def _sync(self, offset_bytes: int) -> None:
        self._stored.sync()
        self._save(offset_bytes)


def remove(path: Path) -> None:
    """The file of an upload, and the second name under which it may have been on its way to become a recording."""
    path.unlink(missing_ok=True)
    path.with_suffix(".arrived").unlink(missing_ok=True)
