"""The process that says who may use a device's memory now: one on each host.

A lease lives as long as the connection it was granted on: whoever ends, however it ends, gives all back
at once. The broker remembers nothing over a restart; its clients tell it what they hold (see client.py), and
until they have had `settles_s` for that, nobody is granted anything new.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from brickyard.gpu import status, wire
from brickyard.gpu.books import Books, Granted, Loaded, Terms
from brickyard.gpu.connection import Connection, connect
from brickyard.gpu.devices import Device, used_without_lease_mib
from brickyard.gpu.lease import Lease, LeaseKind, Request
from brickyard.gpu.policy import Rules
from brickyard.gpu.wire import Message
from brickyard.kit.errors import BadInput, BrickyardError, Unavailable
from brickyard.kit.logs import get

log = get(__name__)

Clock = Callable[[], float]
"""Seconds that never go back."""

DEFAULT_RULES = Rules()
SETTLES_S = 1.0
MAKES_ROOM_WITHIN_S = 15.0
OOMS_KEPT = 50


@dataclass(frozen=True, slots=True)
class Oom:
    """One allocation that failed. `rung`: what was done about it."""

    at: float
    holder: str
    device: str
    model: str
    batch: int
    rung: str


@dataclass(frozen=True, slots=True)
class _RoomWanted:
    """Somebody ran out of memory and waits until others have made room, or cannot."""

    connection: Connection
    message_id: Any
    device: str
    leaving: frozenset[str]
    asked_mib: int
    asked_at: float
    give_up_at: float


class Broker:
    """Serves connections. `tick` is to be called now and then, for what changes without a message, and `look` for
    what others use of the devices.

    `budget_mib` and `slots`, where given, hold for each device in place of what it says itself.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        clock: Clock = time.monotonic,
        rules: Rules = DEFAULT_RULES,
        *,
        settles_s: float = SETTLES_S,
        budget_mib: int | None = None,
        slots: int | None = None,
        notebook_mib: int | None = None,
        token: str = "",
    ) -> None:
        self._devices = {device.name: device for device in devices}
        totals = {device.name: device.total_mib() for device in devices}
        budgets = {name: total if budget_mib is None else min(total, budget_mib) for name, total in totals.items()}
        self._beyond = {name: total - budgets[name] for name, total in totals.items()}
        """What is never leased is for others first."""
        self.books = Books(
            {device.name: Terms(budgets[device.name], slots or device.slots, notebook_mib) for device in devices}, rules
        )
        self._clock = clock
        self._token = token
        self._grants_from = clock() + settles_s
        self._connections: dict[str, Connection] = {}
        self._numbers = itertools.count(1)
        self._elsewhere = dict.fromkeys(self._devices, 0)
        self._room_wanted: list[_RoomWanted] = []
        self._looked_at = clock()
        self._ooms: deque[Oom] = deque(maxlen=OOMS_KEPT)
        self._oom_totals: Counter[str] = Counter()

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = connect(next(self._numbers), writer)
        self._connections[connection.id] = connection
        try:
            while line := await reader.readline():
                self._answer(connection, line)
                if not connection.trusted:
                    await asyncio.wait_for(writer.drain(), 1.0)
                    return
        except (OSError, ValueError, TimeoutError) as error:  # ValueError: a line longer than any message
            log.warning("connection broken", holder=connection.holder, error=str(error))
        finally:
            del self._connections[connection.id]
            self.books.drop(connection.id, self._clock())
            self.tick()
            writer.close()

    def tick(self) -> None:
        """Ends what is over and grants what can be granted."""
        now = self._clock()
        self._end_what_is_over(now)
        self._answer_room_wanted(now)
        if not self.books.waiting or now < self._grants_from:
            return
        move = self.books.move(now, self._elsewhere)
        for granted in move.granted:
            self._tell(granted.lease.request, {"ok": _granted(granted, now)})
        for loaded in move.evict:
            self._evict(loaded)
        for lease in move.ask_to_yield:
            self._tell_of(lease, {"event": "yield"})

    async def look(self) -> None:
        """Reads from the devices what is used of them; takes a moment, so it is done beside the loop."""
        began = self._clock()
        pids = {c.pid for c in self._connections.values() if c.pid > 0}
        for name, device in self._devices.items():
            # Taken before the reading: memory that is granted meanwhile may not be seen in it yet.
            leased, reported = self._claims(name)
            try:
                usage = await asyncio.to_thread(device.usage, pids)
            except Unavailable as error:
                log.error("device can't be read", device=name, reason=error.message)
                # What can't be seen can't be promised: nothing new is granted on it.
                self._elsewhere[name] = self.books.devices[name].budget_mib
                continue
            self._elsewhere[name] = max(0, used_without_lease_mib(usage, leased, reported) - self._beyond[name])
        self._looked_at = began

    def close(self) -> None:
        for connection in self._connections.values():
            connection.writer.close()

    def status(self) -> Message:
        """See status.describe."""
        told = status.describe(self.books, self._connections, self._elsewhere, self._clock())
        now = self._clock()
        ooms = [{**asdict(oom), "ago_s": round(now - oom.at, 1)} for oom in self._ooms]
        return {**told, "ooms": ooms, "totals": {**told["totals"], "ooms": dict(self._oom_totals)}}

    # ---- what clients say

    def _answer(self, connection: Connection, line: bytes) -> None:
        message_id = None
        try:
            message = wire.decode(line)
            message_id = message.get("id")
            result = self._do(connection, message)
        except BrickyardError as error:
            connection.send(wire.failure(message_id, error))
        else:
            if result is not None:
                connection.send({"id": message_id, "ok": result})

    def _do(self, connection: Connection, message: Message) -> Message | None:
        """What to answer; None where the answer comes later."""
        deeds: dict[str, Callable[[Connection, Message], Message | None]] = {
            "hello": self._hello,
            "acquire": self._acquire,
            "release": self._release,
            "loaded": self._loaded,
            "unloaded": self._unloaded,
            "report": self._report,
            "oom": self._oom,
            "make_room": self._make_room,
            "status": lambda _, __: self.status(),
        }
        what = str(message.get("do"))
        if what not in deeds:
            raise BadInput(f"The broker can't do {what!r}; it does {', '.join(deeds)}.")
        if what != "hello" and not connection.trusted:
            raise BadInput("Say hello with the broker's token first; BRICKYARD_BROKER_TOKEN holds it.")
        return deeds[what](connection, message)

    def _hello(self, connection: Connection, message: Message) -> Message:
        if not connection.trusted:
            given = str(message.get("token") or "")
            if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
                raise BadInput("The broker's token is wrong. Set BRICKYARD_BROKER_TOKEN to that of the broker's host.")
            connection.trusted = True
        connection.holder = str(message.get("holder", ""))
        connection.evicts = bool(message.get("evicts"))
        if message.get("at_once") is not None:
            self.books.at_once[connection.id] = wire.whole(message, "at_once")
        return {"devices": {name: terms.budget_mib for name, terms in self.books.devices.items()}}

    def _acquire(self, connection: Connection, message: Message) -> Message | None:
        now = self._clock()
        request = wire.request(message, connection.id, self._best_device(message), now, next(self._numbers))
        if request.model is not None and not connection.evicts:
            request = replace(request, model=replace(request.model, pinned=True))
        if message.get("held"):
            return _granted(Granted(self.books.announce(request, now)), now)
        self.books.ask(request)
        self.tick()
        return None

    def _best_device(self, message: Message) -> str:
        """For one who does not care: where fewest wait, then where most is free."""
        if message.get("device") or len(self._devices) == 1:
            return next(iter(self._devices))
        waiting = Counter(request.device for request in self.books.waiting.values())
        return min(
            self._devices,
            key=lambda name: (waiting[name], -self.books.memory(name, self._elsewhere[name]).free),
        )

    def _release(self, connection: Connection, message: Message) -> Message:
        self.books.give_back(f"{connection.id}/{wire.whole(message, 'lease')}", self._clock())
        self.tick()
        return {}

    def _loaded(self, connection: Connection, message: Message) -> Message:
        self.books.has_loaded(connection.id, str(message.get("model")))
        self.tick()
        return {}

    def _unloaded(self, connection: Connection, message: Message) -> Message:
        self.books.unloaded(connection.id, str(message.get("model")), self._clock())
        self.tick()
        return {}

    def _report(self, connection: Connection, message: Message) -> Message:
        connection.held_mib = wire.whole(message, "held_mib")
        connection.allocated_mib = wire.whole(message, "allocated_mib")
        return {}

    def _oom(self, connection: Connection, message: Message) -> Message:
        oom = Oom(
            self._clock(),
            connection.holder,
            str(message.get("device")),
            str(message.get("model")),
            wire.whole(message, "batch"),
            str(message.get("rung")),
        )
        connection.ooms += 1
        self._ooms.append(oom)
        self._oom_totals[oom.rung] += 1
        log.warning("out of memory", holder=oom.holder, model=oom.model, batch=oom.batch, rung=oom.rung)
        return {}

    def _make_room(self, connection: Connection, message: Message) -> None:
        device, memory_mib = str(message.get("device")), wire.whole(message, "memory_mib")
        if device not in self._devices:
            raise BadInput(f"There is no device {device}; there are {', '.join(self._devices)}.")
        now = self._clock()
        leaving = self.books.make_room(device, memory_mib, connection.id, now)
        for loaded in leaving:
            self._evict(loaded)
        keys = frozenset(loaded.key for loaded in leaving)
        freed_mib = sum(loaded.model.weights_mib for loaded in leaving)
        wanted = _RoomWanted(connection, message.get("id"), device, keys, freed_mib, now, now + MAKES_ROOM_WITHIN_S)
        self._room_wanted.append(wanted)
        self._answer_room_wanted(now)

    # ---- what is said to clients

    def _answer_room_wanted(self, now: float) -> None:
        for wanted in list(self._room_wanted):
            # Who came since the last look is one of the others too, so they are counted at a look that is newer.
            still_leaving = wanted.leaving & self.books.loaded.keys()
            if (still_leaving or self._looked_at <= wanted.asked_at) and now < wanted.give_up_at:
                continue
            self._room_wanted.remove(wanted)
            wanted.connection.send(
                {
                    "id": wanted.message_id,
                    "ok": {
                        "freed_mib": wanted.asked_mib,
                        "others_mib": self._others_mib(wanted.device, wanted.connection.id),
                    },
                }
            )

    def _others_mib(self, device: str, connection_id: str) -> int:
        """What everybody else has of a device, with a lease or without."""
        leases = (lease for lease in self.books.leases.values() if lease.request.device == device)
        leased = sum(lease.memory_mib for lease in leases if lease.request.holder != connection_id)
        return leased + self._elsewhere[device]

    def _end_what_is_over(self, now: float) -> None:
        for lease in self.books.expire(now):
            self._tell_of(lease, {"event": "expired"})
            log.info("lease has ended", lease=lease.id, user=lease.request.user, memory_mib=lease.memory_mib)
        for lease in self.books.leases.values():
            left_s = lease.ends_at - now
            connection = self._connections.get(lease.request.holder)
            if connection and left_s <= lease.request.notice_s and lease.id not in connection.told:
                connection.told.add(lease.id)
                self._tell_of(lease, {"event": "notice", "ends_in_s": round(left_s, 1)})

    def _evict(self, loaded: Loaded) -> None:
        log.info("weights are asked to leave", model=loaded.model.name, memory_mib=loaded.model.weights_mib)
        if connection := self._connections.get(loaded.holder):
            connection.send({"event": "evict", "model": loaded.model.name})

    def _tell_of(self, lease: Lease, message: Message) -> None:
        if connection := self._connections.get(lease.request.holder):
            connection.send({**message, "lease": _number(lease.id)})

    def _tell(self, request: Request, message: Message) -> None:
        self._connections[request.holder].send({**message, "id": _number(request.id)})

    # ---- what the devices say

    def _claims(self, device: str) -> tuple[dict[int, int], dict[int, int]]:
        """By process: what it has leased, and what it says it holds."""
        leased: Counter[int] = Counter()
        reported: dict[int, int] = {}
        for lease in self.books.leases.values():
            connection = self._connections.get(lease.request.holder)
            if connection is None or lease.request.device != device:
                continue
            leased[connection.pid] += lease.memory_mib
            if connection.held_mib is not None:
                reported[connection.pid] = connection.held_mib
        return dict(leased), reported


def _granted(granted: Granted, now: float) -> Message:
    lease = granted.lease
    ends_in_s = None if lease.request.kind is not LeaseKind.NOTEBOOK else round(lease.ends_at - now, 3)
    return {
        "device": lease.request.device,
        "memory_mib": lease.memory_mib,
        "load": granted.load,
        "ends_in_s": ends_in_s,
    }


def _number(lease_id: str) -> int:
    return int(lease_id.partition("/")[2])
