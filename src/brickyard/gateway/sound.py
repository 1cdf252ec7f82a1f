"""From an uploaded file to decoded sound, for a request that is answered at once; nothing of it stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from brickyard.bricks.listening import Sound
from brickyard.files.recordings import RecordingFiles
from brickyard.media.decode import decode
from brickyard.media.limits import Limits
from brickyard.media.probe import probe


class Sounds:
    def __init__(self, files: RecordingFiles, limits: Limits) -> None:
        self._files = files
        self._limits = limits

    @asynccontextmanager
    async def decoded(self, stream: BinaryIO) -> AsyncIterator[Sound]:
        """Raises BadMedia or TooLarge. Checked and decoded in a confined child process, like every recording."""
        arrived = await run_in_threadpool(self._files.receive, stream, self._files.passing_key())
        wav = arrived.stored.at(arrived.path.with_suffix(".wav"))
        try:
            await probe(arrived.stored, self._limits)
            found = await decode(arrived.stored, wav, self._limits)
            yield Sound(wav, found.duration_s, found.channels)
        finally:
            _drop(arrived.path, wav.path)


def _drop(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
