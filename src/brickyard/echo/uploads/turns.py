"""One request at a time has an upload. A later one of the same process ends an earlier one that still waits for bytes:
a client comes again when its line broke, and the server may not know of that for a long time."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from brickyard.echo.uploads.parts import Writer
from brickyard.echo.uploads.tus import Locked
from brickyard.kit.errors import NotFound

PATIENCE_S = 5.0


@dataclass
class Turn:
    """`receiving`: the clock of a request that waits for bytes. `is_checking`: all have come."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    receiving: asyncio.Timeout | None = None
    writer: Writer | None = None
    is_checking: bool = False

    def stop(self) -> None:
        if self.receiving is not None:
            self.receiving.reschedule(asyncio.get_running_loop().time())


class Turns:
    def __init__(self) -> None:
        self._of: dict[UUID, Turn] = {}

    def of(self, upload: UUID) -> Turn | None:
        return self._of.get(upload)

    @asynccontextmanager
    async def take(self, upload: UUID, path: Path) -> AsyncIterator[Turn]:
        """Raises Locked where the file is being checked, or is another process's, and NotFound where it is gone."""
        while (before := self._of.get(upload)) is not None:
            before.stop()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await before.ended.wait()
            except TimeoutError:
                raise _locked(upload) from None
        own = self._of[upload] = Turn()
        try:
            with _alone(upload, path):
                yield own
        finally:
            del self._of[upload]
            own.ended.set()


@contextmanager
def _alone(upload: UUID, path: Path) -> Iterator[None]:
    """Among processes. The lock ends with the process that has it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"The bytes of the upload {upload} are gone. Begin a new one.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(upload) from None
        yield


def _locked(upload: UUID) -> Locked:
    return Locked(f"Another request is at the upload {upload}, or its file is being checked. Try again in a moment.")
