"""Where recordings lie: `incoming/` while they arrive, then a folder each with the source and what is made of it.

<files>/incoming/<random>.part
<files>/recordings/<id>/source          as it was uploaded, never changed
<files>/recordings/<id>/audio.wav       decoded, 16 kHz; can be made again
<files>/recordings/<id>/frames/         pictures of a video, while they are read

All files of a recording are sealed with its key from their first byte on, where it has one.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import UUID, uuid4

from brickyard.kit import sealed
from brickyard.kit.errors import Conflict, TooLarge
from brickyard.kit.sealed import Stored

PIECE_BYTES = 1 << 18
ABANDONED_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is here in full, but belongs to nothing yet: `keep` it or `drop` it.

    Size and hash are those of what was sent, not of the sealed file.
    """

    stored: Stored
    size_bytes: int
    sha256: str

    @property
    def path(self) -> Path:
        return self.stored.path


class Receiver:
    """Writes down a file that arrives piece by piece, hashing. Left without `finish`, it leaves nothing."""

    def __init__(self, stored: Stored, check_size: Callable[[int], None]) -> None:
        self._stored = stored
        self._check_size = check_size
        self._digest = hashlib.sha256()
        self._size = 0
        self._out: BinaryIO | None = stored.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, piece: bytes) -> None:
        """Raises TooLarge."""
        if self._out is None:
            raise Conflict("This upload has ended already; begin a new one.")
        self._size += len(piece)
        self._check_size(self._size)
        self._digest.update(piece)
        self._out.write(piece)

    def finish(self) -> Arrived:
        """On the disk, whole."""
        if self._out is None:
            raise Conflict("This upload has ended already; begin a new one.")
        self._out.close()
        self._stored.sync()
        self._out = None
        return Arrived(self._stored, self._size, self._digest.hexdigest())

    def abort(self) -> None:
        """Nothing is left of it. Does nothing after `finish`."""
        out, self._out = self._out, None
        if out is None:
            return
        # First the name: closing a sealed file writes, for which a full disk may have no room.
        self._stored.path.unlink(missing_ok=True)
        out.close()


class RecordingFiles:
    """`key_of`: the key of a recording's files, None where they are plain. `forget`: told when they are deleted.

    `seals`: whether what passes through without becoming a recording is sealed too.
    """

    def __init__(
        self,
        root: Path,
        max_bytes: int,
        key_of: Callable[[UUID], bytes | None] = lambda _: None,
        forget: Callable[[UUID], None] = lambda _: None,
        *,
        seals: bool = False,
    ) -> None:
        self._incoming = root / "incoming"
        self._kept = root / "recordings"
        self._max_bytes = max_bytes
        self._key_of = key_of
        self._forget = forget
        self._seals = seals
        for folder in (self._incoming, self._kept):
            folder.mkdir(parents=True, exist_ok=True)

    def source(self, recording: UUID) -> Stored:
        """May ask the database for the key, as `audio` may."""
        return Stored(self.folder(recording) / "source", self._key_of(recording))

    def audio(self, recording: UUID) -> Stored:
        return Stored(self.folder(recording) / "audio.wav", self._key_of(recording))

    def folder(self, recording: UUID) -> Path:
        return self._kept / str(recording)

    def passing_key(self) -> bytes | None:
        """For a file that is gone when its request is answered: nobody keeps this key."""
        return sealed.new_key() if self._seals else None

    def receiver(self, key: bytes | None = None) -> Receiver:
        return Receiver(Stored(self._incoming / f"{uuid4().hex}.part", key), self.check_size)

    def receive(self, stream: BinaryIO, key: bytes | None = None) -> Arrived:
        """Write a stream down piece by piece, hashing. Raises TooLarge; after any error nothing is left."""
        with self.receiver(key) as receiver:
            while piece := stream.read(PIECE_BYTES):
                receiver.write(piece)
            return receiver.finish()

    def check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(
                f"The file has at least {size_bytes:,} bytes; the limit is {self._max_bytes:,}. "
                "Split it, or upload its sound alone."
            )

    def keep(self, arrived: Arrived, recording: UUID) -> None:
        """Make an arrived file the source of a recording, whose key has to be the file's."""
        target = self.folder(recording) / "source"
        target.parent.mkdir()
        arrived.path.rename(target)

    def drop(self, arrived: Arrived) -> None:
        arrived.path.unlink(missing_ok=True)

    def delete(self, recording: UUID) -> None:
        self._forget(recording)
        shutil.rmtree(self.folder(recording), ignore_errors=True)

    def sweep(self, known: Iterable[UUID]) -> list[str]:
        """Delete what a crash left behind: old parts of uploads, and folders of recordings nobody knows.

        Where not one folder is known, these are another database's files, and none is touched.
        """
        names = {str(recording) for recording in known}
        oldest = time.time() - ABANDONED_AFTER_S
        folders = list(self._kept.iterdir())
        unknown = [path for path in folders if path.name not in names]
        if len(unknown) == len(folders):
            unknown = []
        stale = [path for path in [*self._incoming.iterdir(), *unknown] if _changed_before(oldest, path)]
        for path in stale:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return [path.name for path in stale]


def _changed_before(time_s: float, path: Path) -> bool:
    """False where it is gone: another process may be sweeping too."""
    try:
        return path.stat().st_mtime < time_s
    except FileNotFoundError:
        return False
