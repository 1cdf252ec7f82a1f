"""Files that are encrypted chunk by chunk, so that any place of them can be read and written.

    magic, version (8) | salt (16) | nonce (12) | size in bytes, sealed (24)
    nonce (12) | 64 KiB, sealed | tag (16)       chunk 0
    …                                            the last one is as long as what remains

The key of a file is derived from the key given and the salt. Everything is sealed with AES-256-GCM under a random
nonce, new at each writing, with its place as associated data: what was changed, moved, cut off or taken from another
file is noticed when it is read. An older state of the same file, put back as a whole or chunk by chunk, is not.
"""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypedDict, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from brickyard.kit.errors import BadMedia

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

KEY_BYTES = 32
CHUNK_BYTES = 1 << 16

MAGIC = b"BYSEAL\x00\x01"
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
SIZE_BYTES = 8
OPEN_BYTES = len(MAGIC) + SALT_BYTES
HEAD_BYTES = OPEN_BYTES + NONCE_BYTES + SIZE_BYTES + TAG_BYTES
AROUND_BYTES = NONCE_BYTES + TAG_BYTES
CACHED_CHUNKS = 8

Mode = Literal["rb", "wb", "r+b"]
FLAGS = {"rb": os.O_RDONLY, "wb": os.O_RDWR | os.O_CREAT | os.O_TRUNC, "r+b": os.O_RDWR}


class Told(TypedDict):
    """A Stored as JSON, for another process: an absolute path, and the key in hex digits."""

    path: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is sealed with `key`, or plain where that is None."""

    path: Path
    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, path: str, key: str | None) -> Stored:
        """Out of what another process was told."""
        return cls(Path(path), None if key is None else bytes.fromhex(key))

    @property
    def key_text(self) -> str | None:
        """In hex digits."""
        return None if self.key is None else self.key.hex()

    @property
    def told(self) -> Told:
        return {"path": str(self.path.absolute()), "key": self.key_text}

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def size_bytes(self) -> int:
        """Of what is inside. Raises FileNotFoundError."""
        size = self.path.stat().st_size
        return size if self.key is None else size_inside(size)

    def exists(self) -> bool:
        return self.path.is_file()

    def at(self, path: Path) -> Stored:
        """Another file with the same key."""
        return replace(self, path=path)

    def open(self, mode: Mode = "rb") -> BinaryIO:
        """Raises FileNotFoundError, and BadMedia where a sealed file is damaged or the key is not its own."""
        return self.path.open(mode) if self.key is None else open_sealed(self.path, self.key, mode)

    def read_bytes(self) -> bytes:
        with self.open() as file:
            return file.read()

    def write_bytes(self, content: bytes) -> None:
        with self.open("wb") as file:
            file.write(content)

    def sync(self) -> None:
        """So that a finished file is still there, whole, after a power cut."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_sealed(path: Path, key: bytes, mode: Mode = "rb") -> BinaryIO:
    """A seekable binary file, not to be shared by threads. What was written is whole once it is closed or flushed.

    Raises BadMedia, here or while reading, where the file is damaged or the key is not its own.
    """
    return cast(BinaryIO, SealedFile(path, key, mode))


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def size_inside(size_bytes: int) -> int:
    """Of the content of a sealed file that takes so many bytes."""
    body = max(0, size_bytes - HEAD_BYTES)
    return max(0, body - -(-body // (CHUNK_BYTES + AROUND_BYTES)) * AROUND_BYTES)


def _size_outside(size_bytes: int) -> int:
    return HEAD_BYTES + size_bytes + -(-size_bytes // CHUNK_BYTES) * AROUND_BYTES


def _offset(index: int) -> int:
    return HEAD_BYTES + index * (CHUNK_BYTES + AROUND_BYTES)


class SealedFile(io.BufferedIOBase):
    """It has no `fileno()`: libraries would use it to go past the sealing."""

    def __init__(self, path: Path, key: bytes, mode: Mode) -> None:
        self.mode = mode
        self._path = path
        self._at = 0
        self._size = 0
        self._is_changed = False
        self._cache: OrderedDict[int, bytes | bytearray] = OrderedDict()
        self._dirty: set[int] = set()
        self._file = -1
        self._file = os.open(path, FLAGS[mode] | os.O_CLOEXEC, 0o666)
        try:
            self._begin(key)
        except BaseException:
            os.close(self._file)
            self._file = -1
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self.mode != "rb"

    def tell(self) -> int:
        self._check_open()
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        origins = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}
        if whence not in origins:
            raise ValueError(f"whence is {whence}; it should be 0, 1 or 2")
        if origins[whence] + offset < 0:
            raise ValueError(f"negative seek position {origins[whence] + offset}")
        self._at = origins[whence] + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        parts = list(self._parts(left if size is None or size < 0 else size))
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        for part in self._parts(len(view)):
            view[filled : filled + len(part)] = part
            filled += len(part)
        return filled

    def readinto1(self, buffer: WriteableBuffer) -> int:
        return self.readinto(buffer)

    def write(self, data: ReadableBuffer) -> int:
        self._check_writable()
        view = memoryview(data).cast("B")
        if len(view) and self._at > self._size:
            self._fill_to(self._at)
        self._write(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Where it becomes longer, what is new is zeros, as in plain files."""
        self._check_writable()
        size = self._at if size is None else size
        if size < 0:
            raise ValueError(f"negative size {size}")
        if size > self._size:
            at = self._at
            self._fill_to(size)
            self._at = at
        elif size < self._size:
            self._cut(size)
        return size

    def flush(self) -> None:
        self._check_open()
        if not self._is_changed:
            return
        for index in sorted(self._dirty):
            self._put(index, self._cache[index])
        self._dirty.clear()
        os.ftruncate(self._file, _size_outside(self._size))
        self._put_head()
        self._is_changed = False

    def close(self) -> None:
        if self.closed:
            return
        try:
            self.flush()
        finally:
            self._is_changed = False
            file, self._file = self._file, -1
            if file >= 0:
                os.close(file)
            super().close()

    def _begin(self, key: bytes) -> None:
        if self.mode == "wb":
            self._salt = os.urandom(SALT_BYTES)
            self._cipher = _cipher(key, self._salt)
            self._put_head()
            return
        head = os.pread(self._file, HEAD_BYTES, 0)
        if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
            raise self._damaged("it does not begin as a sealed file does")
        self._salt = head[len(MAGIC) : OPEN_BYTES]
        self._cipher = _cipher(key, self._salt)
        nonce, sealed = head[OPEN_BYTES : OPEN_BYTES + NONCE_BYTES], head[OPEN_BYTES + NONCE_BYTES :]
        try:
            self._size = int.from_bytes(self._cipher.decrypt(nonce, sealed, head[:OPEN_BYTES]))
        except InvalidTag:
            raise self._damaged("its beginning was changed, or the key is another file's") from None
        if os.fstat(self._file).st_size != _size_outside(self._size):
            raise self._damaged("it is not as long as it says, as when it was cut off or not written to its end")

    def _parts(self, size: int) -> Iterator[memoryview]:
        """What is read from here on, chunk by chunk."""
        self._check_open()
        end = min(self._size, self._at + size)
        while self._at < end:
            index, offset = divmod(self._at, CHUNK_BYTES)
            count = min(CHUNK_BYTES - offset, end - self._at)
            # What is read as a whole will hardly be asked for again soon.
            chunk = self._chunk(index, keep=count < CHUNK_BYTES)
            self._at += count
            yield memoryview(chunk)[offset : offset + count]

    def _write(self, view: memoryview) -> None:
        self._is_changed = self._is_changed or len(view) > 0
        while len(view):
            index, offset = divmod(self._at, CHUNK_BYTES)
            count = min(CHUNK_BYTES - offset, len(view))
            whole: memoryview | bytearray = view[:count]
            if count < CHUNK_BYTES:
                whole = self._changed(index)
                whole[offset : offset + count] = view[:count]
            if offset + count == CHUNK_BYTES:
                # Whoever writes on from here will hardly come back soon.
                self._cache.pop(index, None)
                self._dirty.discard(index)
                self._put(index, whole)
            self._at += count
            self._size = max(self._size, self._at)
            view = view[count:]

    def _fill_to(self, size: int) -> None:
        self._at = self._size
        zeros = memoryview(bytes(CHUNK_BYTES))
        while self._at < size:
            self._write(zeros[: min(CHUNK_BYTES, size - self._at)])

    def _cut(self, size: int) -> None:
        self._is_changed = True
        last, offset = divmod(size, CHUNK_BYTES)
        if offset:
            del self._changed(last)[offset:]
        kept = last + (offset > 0)
        for index in [index for index in self._cache if index >= kept]:
            del self._cache[index]
            self._dirty.discard(index)
        self._size = size

    def _chunk(self, index: int, *, keep: bool) -> bytes | bytearray:
        chunk = self._cache.get(index)
        if chunk is None:
            chunk = self._get(index)
            if not keep:
                return chunk
            self._cache[index] = chunk
            self._make_room()
        self._cache.move_to_end(index)
        return chunk

    def _changed(self, index: int) -> bytearray:
        """The chunk, to be changed; an empty one where the file ends before it."""
        is_new = index * CHUNK_BYTES >= self._size and index not in self._cache
        found = b"" if is_new else self._chunk(index, keep=True)
        chunk = found if isinstance(found, bytearray) else bytearray(found)
        self._cache[index] = chunk
        self._cache.move_to_end(index)
        self._dirty.add(index)
        self._make_room()
        return chunk

    def _make_room(self) -> None:
        while len(self._cache) > CACHED_CHUNKS:
            index, chunk = self._cache.popitem(last=False)
            if index in self._dirty:
                self._put(index, chunk)
                self._dirty.discard(index)

    def _get(self, index: int) -> bytes:
        length = min(CHUNK_BYTES, self._size - index * CHUNK_BYTES) + AROUND_BYTES
        record = memoryview(os.pread(self._file, length, _offset(index)))
        try:
            return self._cipher.decrypt(record[:NONCE_BYTES], record[NONCE_BYTES:], _place(index))
        except (InvalidTag, ValueError):
            raise self._damaged(f"what stands at byte {index * CHUNK_BYTES:,} and after was changed") from None

    def _put(self, index: int, content: bytes | bytearray | memoryview) -> None:
        nonce = os.urandom(NONCE_BYTES)
        self._write_at(_offset(index), nonce, self._cipher.encrypt(nonce, content, _place(index)))

    def _put_head(self) -> None:
        nonce = os.urandom(NONCE_BYTES)
        open_part = MAGIC + self._salt
        sealed = self._cipher.encrypt(nonce, self._size.to_bytes(SIZE_BYTES), open_part)
        self._write_at(0, open_part + nonce, sealed)

    def _write_at(self, offset: int, *parts: bytes) -> None:
        written = os.pwritev(self._file, parts, offset)
        left = memoryview(b"".join(parts))[written:] if written < sum(map(len, parts)) else b""
        while left:
            written = os.pwrite(self._file, left, offset := offset + written)
            left = left[written:]

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _check_writable(self) -> None:
        self._check_open()
        if not self.writable():
            raise io.UnsupportedOperation("not writable")

    def _damaged(self, why: str) -> BadMedia:
        return BadMedia(
            f"The stored file {self._path.parent.name}/{self._path.name} is damaged: {why}. Restore it from a backup, "
            "or upload the recording again."
        )


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"brickyard sealed file").derive(key))


def _place(index: int) -> bytes:
    return index.to_bytes(SIZE_BYTES)
