"""The broker's client for code without an event loop: notebooks and scripts.

with SyncBrokerClient(socket_path, holder="notebook") as client:
    with client.lease(memory_mib=8000, user="anna") as lease:
        for batch in batches:
            lease.check()
            ...
            if lease.wanted_back.is_set():
                break
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from brickyard.gpu.client import BrokerClient, HeldLease, Room
from brickyard.gpu.wire import Message

T = TypeVar("T")


class SyncBrokerClient:
    """Takes what BrokerClient takes. Its connection lives in a thread of its own, and may be used from any thread."""

    def __init__(self, address: Path | str, holder: str | None = None, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="broker-client")
        self._thread.start()
        self._client = BrokerClient(address, holder, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives back every lease that is left."""
        if self._loop.is_closed():
            return
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def lease(self, **wanted: Any) -> Iterator[HeldLease]:
        """As BrokerClient.lease. Waits in the calling thread; an interrupt, such as Ctrl-C, ends the waiting."""
        lease = self._client.lease(**wanted)
        held = self._run(lease.__aenter__())
        try:
            yield held
        finally:
            if not self._loop.is_closed():
                self._run(lease.__aexit__(None, None, None))

    def make_room(self, device: str, memory_mib: int) -> Room:
        return self._run(self._client.make_room(device, memory_mib))

    def status(self) -> Message:
        return self._run(self._client.status())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            # Whoever no longer waits must not be granted anything later.
            future.cancel()
            raise
