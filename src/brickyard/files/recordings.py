"""Where recordings lie: `incoming/` while they arrive, then a folder each with the source and what is made of it.

<files>/incoming/<random>.part
<files>/recordings/<id>/source          as it was uploaded, never changed
<files>/recordings/<id>/audio.wav       decoded, 16 kHz; can be made again
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from brickyard.kit.errors import TooLarge

PIECE_BYTES = 1 << 20
ABANDONED_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that is here in full, but belongs to nothing yet: `keep` it or `drop` it."""

    path: Path
    size_bytes: int
    sha256: str


class RecordingFiles:
    def __init__(self, root: Path, max_bytes: int) -> None:
        self._incoming = root / "incoming"
        self._kept = root / "recordings"
        self._max_bytes = max_bytes
        for folder in (self._incoming, self._kept):
            folder.mkdir(parents=True, exist_ok=True)

    def source(self, recording: UUID) -> Path:
        return self._kept / str(recording) / "source"

    def audio(self, recording: UUID) -> Path:
        return self._kept / str(recording) / "audio.wav"

    def receive(self, stream: BinaryIO) -> Arrived:
        """Write a stream down piece by piece, hashing. Raises TooLarge; after any error nothing is left."""
        path = self._incoming / f"{uuid4().hex}.part"
        digest = hashlib.sha256()
        size = 0
        try:
            with path.open("wb") as out:
                while piece := stream.read(PIECE_BYTES):
                    size += len(piece)
                    self.check_size(size)
                    digest.update(piece)
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Arrived(path, size, digest.hexdigest())

    def check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(
                f"The file has at least {size_bytes:,} bytes; the limit is {self._max_bytes:,}. "
                "Split it, or upload its sound alone."
            )

    def keep(self, arrived: Arrived, recording: UUID) -> None:
        """Make an arrived file the source of a recording."""
        target = self.source(recording)
        target.parent.mkdir()
        arrived.path.rename(target)

    def drop(self, arrived: Arrived) -> None:
        arrived.path.unlink(missing_ok=True)

    def delete(self, recording: UUID) -> None:
        shutil.rmtree(self._kept / str(recording), ignore_errors=True)

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
