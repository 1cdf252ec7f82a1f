"""Tasks beside the requests, which nobody waits for: what fails in them is written to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from brickyard.kit.errors import BrickyardError
from brickyard.kit.logs import get

log = get(__name__)


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, what: str, task: Coroutine[Any, Any, None]) -> None:
        running = asyncio.create_task(_logged(what, task))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancels what still runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(what: str, task: Coroutine[Any, Any, None]) -> None:
    try:
        await task
    except BrickyardError as error:
        log.warning(what, code=error.code, reason=error.message)
