"""How a process asks the broker for memory.

    async with BrokerClient(socket_path, holder="brick-asr") as client:
        async with client.lease(memory_mib=1900, priority=PriorityClass.STANDARD) as lease:
            ...

One connection serves all leases of the process. When it breaks, the client connects again and tells the
broker what it holds; a lease that the broker had to give to others meanwhile is lost, and `lease.check()` says
so. Ask for resident memory before working memory, and never wait for one lease while holding a working one: two
who do that would wait for each other.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from brickyard.gpu import wire
from brickyard.gpu.lease import LeaseKind, PriorityClass
from brickyard.kit.errors import BadInput, BrickyardError, LeaseLost, Unavailable, by_code
from brickyard.kit.logs import get

log = get(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


@dataclass
class HeldLease:
    """Memory that may be used until the `async with` ends, or until `lost` is set."""

    device: str
    memory_mib: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raises LeaseLost where the broker gave the memory to others; call it before each chunk."""
        if self.lost.is_set():
            raise LeaseLost(
                f"The lease on {self.memory_mib} MiB of {self.device} was lost when the broker was started "
                "anew. Free the memory and ask again."
            )


@dataclass
class _Call:
    """A message whose answer is awaited. It is sent again on a new connection."""

    message: dict[str, Any]
    answer: asyncio.Future[dict[str, Any]]
    asked_at: float


@dataclass
class _Held:
    message: dict[str, Any]
    lease: HeldLease


class BrokerClient:
    """`holder` is the name shown in the broker's status. `patience_s`: how long a broker may be away."""

    def __init__(self, socket_path: Path, holder: str | None = None, patience_s: float = 10.0) -> None:
        self._socket_path = socket_path
        self._holder = holder or f"{Path(sys.argv[0]).name or 'python'}"
        self._patience_s = patience_s
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._held: dict[int, _Held] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._loop: asyncio.Task[None] | None = None
        self._away_since = time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives back every lease that is left, by closing the connection."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None
        self._fail_calls(Unavailable("The connection to the broker was closed."))

    @asynccontextmanager
    async def lease(
        self,
        *,
        memory_mib: int,
        priority: PriorityClass = PriorityClass.STANDARD,
        kind: LeaseKind = LeaseKind.WORKING,
        tenant: str = "",
        device: str | None = None,
    ) -> AsyncIterator[HeldLease]:
        """Waits for its turn. Raises TooLarge where the device is too small, Unavailable without a broker."""
        message = {
            "do": "acquire",
            "device": device,
            "memory_mib": memory_mib,
            "priority": priority.value,
            "kind": kind.value,
            "tenant": tenant,
        }
        number = next(self._numbers)
        try:
            granted = await self._call(number, message)
            held = HeldLease(granted["device"], granted["memory_mib"])
            self._held[number] = _Held({**message, "device": held.device}, held)
            yield held
        finally:
            self._held.pop(number, None)
            self._send({"do": "release", "lease": number})

    async def status(self) -> dict[str, Any]:
        """See Broker.status."""
        return await self._call(next(self._numbers), {"do": "status"})

    async def _call(self, number: int, message: dict[str, Any]) -> dict[str, Any]:
        if self._loop is None or self._loop.done():
            self._away_since = time.monotonic()
            self._loop = asyncio.create_task(self._stay_connected())
        call = _Call({**message, "id": number}, asyncio.get_running_loop().create_future(), time.monotonic())
        self._calls[number] = call
        self._send(call.message)
        try:
            return await call.answer
        finally:
            self._calls.pop(number, None)

    async def _stay_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._converse()
                pause_s = FIRST_PAUSE_S
            except (OSError, ValueError, BadInput) as error:
                self._give_up_waiting(error)
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def _converse(self) -> None:
        """One connection, from its start to its end."""
        reader, writer = await asyncio.open_unix_connection(self._socket_path, limit=wire.LONGEST_LINE)
        try:
            self._writer = writer
            self._introduce()
            while line := await reader.readline():
                self._hear(wire.decode(line))
            log.warning("the broker closed the connection", socket=str(self._socket_path))
        finally:
            self._writer = None
            self._away_since = time.monotonic()
            writer.close()

    def _introduce(self) -> None:
        """Says who this is, what it holds already and what it waits for."""
        self._send({"do": "hello", "holder": self._holder, "pid": os.getpid()})
        for number, held in self._held.items():
            self._send({**held.message, "id": number, "held": True})
        for call in (call for call in self._calls.values() if not call.answer.done()):
            self._send({**call.message, "waited_s": time.monotonic() - call.asked_at})

    def _hear(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        error = _error(message)
        if (call := self._calls.get(number or 0)) and not call.answer.done():
            if error is None:
                call.answer.set_result(message["ok"])
            else:
                call.answer.set_exception(error)
        elif error is not None and (held := self._held.get(number or 0)):
            log.error("lease lost", memory_mib=held.lease.memory_mib, reason=error.message)
            del self._held[number or 0]
            held.lease.lost.set()

    def _give_up_waiting(self, error: Exception) -> None:
        if time.monotonic() - self._away_since < self._patience_s:
            return
        self._fail_calls(
            Unavailable(
                f"The broker does not answer on {self._socket_path} ({error}) since "
                f"{self._patience_s:g} s. Start it, or wait until it is back."
            )
        )

    def _fail_calls(self, error: BrickyardError) -> None:
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(error)

    def _send(self, message: dict[str, Any]) -> None:
        """Without a connection nothing is sent: what matters is said at the start of the next one."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(wire.encode(message))


def _error(message: dict[str, Any]) -> BrickyardError | None:
    error = message.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        return BadInput("The broker answered in a way that makes no sense.")
    return by_code(str(error.get("code")), str(error.get("message")))
