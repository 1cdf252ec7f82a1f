"""Ending this process between two chunks, so that all memory it ever took goes back; its supervisor starts it again.

Chunks that come meanwhile wait, and are cut off with the process. Their callers ask again: chunks are safe to repeat.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import Counter

from brickyard.kit.logs import get
from brickyard.kit.metrics import registry
from brickyard.kit.processes import STEADY_AFTER_S

log = get(__name__)

RECYCLED = 75
"""The exit code: nothing failed, start it again (EX_TEMPFAIL of sysexits.h)."""
REPLIES_GO_OUT_S = 0.3
"""Between the last chunk and the end, for its reply to reach the caller."""

RECYCLES = Counter("brickyard_recycles", "Processes ended between chunks", ["brick", "reason"], registry=registry)


def end_process() -> None:
    """Ends without waiting for anybody, since those who wait are to ask the next process."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(RECYCLED)


class Recycler:
    """Knows when nothing is computed. A process younger than `steady_after_s` computes on until it is that old, so that
    one which would recycle again and again neither spins nor looks to its supervisor as if it fell over."""

    def __init__(
        self, brick: str, end: Callable[[], None] = end_process, steady_after_s: float = STEADY_AFTER_S
    ) -> None:
        self._brick = brick
        self._end = end
        self._steady_at = time.monotonic() + steady_after_s
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_asked = False
        self.computing_now = 0

    @asynccontextmanager
    async def computing(self) -> AsyncIterator[None]:
        """Something is computed that should not be cut off. Waits where the process is about to end."""
        await self._open.wait()
        self.computing_now += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.computing_now -= 1
            if not self.computing_now:
                self._idle.set()

    async def recycle(self, reason: str) -> None:
        """Ends the process once nothing is computed; returns only where `end` does. Asked again meanwhile, it waits."""
        if self.is_asked:
            await asyncio.Event().wait()
        self.is_asked = True
        log.warning("process is recycled between chunks", reason=reason, computing=self.computing_now)
        await asyncio.sleep(max(0.0, self._steady_at - time.monotonic()))
        self._open.clear()
        await self._idle.wait()
        await asyncio.sleep(REPLIES_GO_OUT_S)
        RECYCLES.labels(self._brick, reason).inc()
        self._end()
        self.is_asked = False
        self._open.set()
