"""How a process asks the broker for memory.

    async with BrokerClient(socket_path, holder="brick-asr") as client:
        async with client.lease(memory_mib=1900, priority=PriorityClass.STANDARD) as lease:
            ...

One connection serves all leases of the process. When it breaks, the client connects again and tells the
broker what it holds; a lease that the broker had to give to others meanwhile is lost, and `lease.check()` says
so.

A lease that names a `model` brings the memory of its weights along: `lease.load` says that they are to be loaded now.
They stay when the lease ends, until the broker asks for them through `on_evict`, or the process says `unloaded`. Never
wait for one lease while holding a working one: two who do that would wait for each other.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from brickyard.gpu import wire
from brickyard.gpu.connection import notice_who_is_gone
from brickyard.gpu.lease import LeaseKind, Model, PriorityClass
from brickyard.gpu.wire import Message
from brickyard.kit.errors import BadInput, BrickyardError, LeaseLost, Unavailable, by_code
from brickyard.kit.logs import get

log = get(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0

Evict = Callable[[str], Awaitable[None]]
"""Gives back the weights of the model it is told, once nothing computes with them."""


@dataclass(eq=False)
class HeldLease:
    """Memory that may be used until the `async with` ends, or until `lost` is set."""

    device: str
    memory_mib: int
    load: bool = False
    """Whether the weights it came with have to be loaded now."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    wanted_back: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody more urgent waits, or the time is nearly up: end at the next chunk."""
    ends_at: float | None = None
    """By time.monotonic(); None where the lease has no time limit."""
    _why: str = ""

    def check(self) -> None:
        """Raises LeaseLost where the memory is others' by now; call it before each chunk."""
        if self.lost.is_set():
            raise LeaseLost(f"The lease on {self.memory_mib} MiB of {self.device} is lost: {self._why}")

    def lose(self, why: str) -> None:
        self._why = why
        self.lost.set()


@dataclass(frozen=True, slots=True)
class Room:
    """What asking others to make room has brought. `others_mib`: what everybody else still has of the device."""

    freed_mib: int
    others_mib: int


@dataclass
class _Call:
    """A message whose answer is awaited. It is sent again on a new connection."""

    message: Message
    answer: asyncio.Future[Message]
    asked_at: float


@dataclass
class _Held:
    message: Message
    lease: HeldLease


class BrokerClient:
    """`address`: the broker's socket, or `host:port`, which needs its `token`. `holder` is the name shown in the
    broker's status. `at_once`: how many chunks this process computes at a time; it is granted no more working leases.
    `patience_s`: how long a broker may be away."""

    def __init__(
        self,
        address: Path | str,
        holder: str | None = None,
        patience_s: float = 10.0,
        *,
        token: str = "",
        at_once: int | None = None,
        on_evict: Evict | None = None,
    ) -> None:
        self._address = address
        self._holder = holder or f"{Path(sys.argv[0]).name or 'python'}"
        self._patience_s = patience_s
        self._token = token
        self.at_once = at_once
        self.on_evict = on_evict
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._held: dict[int, _Held] = {}
        self._weights: dict[str, Message] = {}
        self._announced: dict[int, str] = {}
        """Weights that a broker started anew has been told of, by the number of that message."""
        self._evictions: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._loop: asyncio.Task[None] | None = None
        self._away_since = time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives back every lease that is left, by closing the connection."""
        tasks = [*self._evictions, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
        user: str = "",
        device: str | None = None,
        model: Model | None = None,
        limit_s: float | None = None,
        notice_s: float = 0.0,
    ) -> AsyncIterator[HeldLease]:
        """Waits for its turn. Raises TooLarge where the device is too small, Unavailable without a broker.

        `limit_s` and `notice_s` are for notebooks: how long the lease may last, and how long before that end
        `wanted_back` is set.
        """
        message = {
            "do": "acquire",
            "device": device,
            "memory_mib": memory_mib,
            "priority": priority.value,
            "kind": kind.value,
            "tenant": tenant,
            "user": user,
            "model": wire.model_message(model),
            "limit_s": limit_s,
            "notice_s": notice_s,
        }
        number = next(self._numbers)
        try:
            granted = await self._call(number, message)
            held = self._hold(number, message, granted)
            yield held
        finally:
            self._held.pop(number, None)
            self._send({"do": "release", "lease": number})

    async def load(self, model: Model, priority: PriorityClass = PriorityClass.STANDARD, tenant: str = "") -> bool:
        """Waits for the memory of the weights alone, before anybody needs them; whether they are to be loaded now."""
        async with self.lease(
            memory_mib=0, kind=LeaseKind.RESIDENT, priority=priority, tenant=tenant, model=model
        ) as lease:
            return lease.load

    async def loaded(self, model: str) -> None:
        """The weights that a lease asked to `load` are there: from now on it counts as computing."""
        await self._call(next(self._numbers), {"do": "loaded", "model": model})

    async def unloaded(self, model: str) -> None:
        """The process has let go of these weights, by itself or because it was asked to."""
        self._weights.pop(model, None)
        await self._call(next(self._numbers), {"do": "unloaded", "model": model})

    async def report(self, device: str, held_mib: int, allocated_mib: int) -> None:
        """What this process has taken of the device, and what of that it really uses."""
        message = {"do": "report", "device": device, "held_mib": held_mib, "allocated_mib": allocated_mib}
        await self._call(next(self._numbers), message)

    async def oom(self, device: str, model: str, batch: int, rung: str) -> None:
        """An allocation failed; `rung` says what is done about it."""
        message = {"do": "oom", "device": device, "model": model, "batch": batch, "rung": rung}
        await self._call(next(self._numbers), message)

    async def make_room(self, device: str, memory_mib: int) -> Room:
        """Asks idle weights of others to leave, and waits until they have, or will not."""
        found = await self._call(next(self._numbers), {"do": "make_room", "device": device, "memory_mib": memory_mib})
        return Room(found["freed_mib"], found["others_mib"])

    async def status(self) -> Message:
        """See status.describe."""
        return await self._call(next(self._numbers), {"do": "status"})

    def _hold(self, number: int, message: Message, granted: Message) -> HeldLease:
        lease = HeldLease(granted["device"], granted["memory_mib"], granted["load"])
        if granted["ends_in_s"] is not None:
            lease.ends_at = time.monotonic() + granted["ends_in_s"]
        if message["model"]:
            self._weights[message["model"]["name"]] = {
                **message,
                "device": lease.device,
                "kind": LeaseKind.RESIDENT.value,
                "memory_mib": 0,
            }
        if message["kind"] != LeaseKind.RESIDENT.value or not message["model"]:
            self._held[number] = _Held({**message, "device": lease.device}, lease)
        return lease

    async def _call(self, number: int, message: Message) -> Message:
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
        reader, writer = await self._open()
        try:
            self._writer = writer
            self._introduce()
            while line := await reader.readline():
                self._hear(wire.decode(line))
            log.warning("the broker closed the connection", address=str(self._address))
        finally:
            self._writer = None
            self._away_since = time.monotonic()
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._address, Path):
            return await asyncio.open_unix_connection(self._address, limit=wire.LONGEST_LINE)
        host, _, port = self._address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=wire.LONGEST_LINE)
        notice_who_is_gone(writer.get_extra_info("socket"))
        return reader, writer

    def _introduce(self) -> None:
        """Says who this is, what it holds already and what it waits for."""
        self._send(
            {
                "id": 0,
                "do": "hello",
                "holder": self._holder,
                "pid": os.getpid(),
                "token": self._token,
                "at_once": self.at_once,
                "evicts": self.on_evict is not None,
            }
        )
        self._announced = {next(self._numbers): model for model in self._weights}
        for number, model in self._announced.items():
            self._send({**self._weights[model], "id": number, "held": True})
        for number, held in self._held.items():
            self._send({**held.message, "id": number, "held": True})
        for call in (call for call in self._calls.values() if not call.answer.done()):
            self._send({**call.message, "waited_s": time.monotonic() - call.asked_at})

    def _hear(self, message: Message) -> None:
        if "event" in message:
            self._hear_event(message)
            return
        number = message.get("id") or 0
        error = _error(message)
        if number == 0 and error is not None:
            self._fail_calls(error)
        elif (call := self._calls.get(number)) and not call.answer.done():
            if error is None:
                call.answer.set_result(message["ok"])
            else:
                call.answer.set_exception(error)
        elif error is not None and (held := self._held.pop(number, None)):
            log.error("lease lost", memory_mib=held.lease.memory_mib, reason=error.message)
            held.lease.lose(error.message)
        elif error is not None and number in self._announced:
            self._begin_eviction(self._announced.pop(number))

    def _hear_event(self, message: Message) -> None:
        held = self._held.get(message.get("lease", 0))
        match message["event"]:
            case "evict":
                self._begin_eviction(str(message["model"]))
            case "yield" | "notice" if held:
                held.lease.wanted_back.set()
            case "expired" if held:
                del self._held[message["lease"]]
                held.lease.wanted_back.set()
                held.lease.lose("its time is up. Free the memory; ask again if you need more.")

    def _begin_eviction(self, model: str) -> None:
        task = asyncio.create_task(self._evict(model))
        self._evictions.add(task)
        task.add_done_callback(self._evictions.discard)

    async def _evict(self, model: str) -> None:
        if self.on_evict is None:
            return
        await self.on_evict(model)
        await self.unloaded(model)

    def _give_up_waiting(self, error: Exception) -> None:
        if time.monotonic() - self._away_since < self._patience_s:
            return
        self._fail_calls(
            Unavailable(
                f"The broker does not answer on {self._address} ({error}) since "
                f"{self._patience_s:g} s. Start it, or wait until it is back."
            )
        )

    def _fail_calls(self, error: BrickyardError) -> None:
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(error)

    def _send(self, message: Message) -> None:
        """Without a connection nothing is sent: what matters is said at the start of the next one."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(wire.encode(message))


def _error(message: Message) -> BrickyardError | None:
    error = message.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        return BadInput("The broker answered in a way that makes no sense.")
    return by_code(str(error.get("code")), str(error.get("message")))
