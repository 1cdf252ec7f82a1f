"""The process that says who may use a device's memory now: one on each host, on a Unix socket.

A lease lives as long as the connection it was granted on: whoever ends, however it ends, gives all back
at once. The broker remembers nothing over a restart; its clients tell it what they hold (see client.py), and
until they have had `settles_s` for that, nobody is granted anything new.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brickyard.gpu import policy, wire
from brickyard.gpu.books import Books
from brickyard.gpu.devices import Device
from brickyard.gpu.lease import Lease, LeaseKind, PriorityClass, Request
from brickyard.gpu.policy import Rules
from brickyard.kit.errors import BadInput, BrickyardError, Conflict
from brickyard.kit.logs import get

log = get(__name__)

Clock = Callable[[], float]
"""Seconds that never go back."""

DEFAULT_RULES = Rules()
SETTLES_S = 1.0
SOCKET_MODE = 0o660
# Devices are asked at most this often what others use, and those who wait are looked at again as often.
LOOKS_EVERY_S = 0.5


@dataclass
class _Connection:
    """One client. `pid` is what the kernel says, or the client itself where the kernel does not know."""

    id: str
    writer: asyncio.StreamWriter
    pid: int = 0
    holder: str = ""

    def send(self, message: dict[str, Any]) -> None:
        if not self.writer.is_closing():
            self.writer.write(wire.encode(message))


class Broker:
    """Serves connections; `tick` is to be called now and then, for what changes without a message."""

    def __init__(
        self,
        devices: Sequence[Device],
        clock: Clock,
        rules: Rules = DEFAULT_RULES,
        settles_s: float = SETTLES_S,
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._books = Books({device.name: device.total_mib() for device in devices}, rules)
        self._clock = clock
        self._grants_from = clock() + settles_s
        self._connections: dict[str, _Connection] = {}
        self._numbers = itertools.count(1)
        self._elsewhere: dict[str, int] = {}
        self._looked_at = -LOOKS_EVERY_S

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(f"c{next(self._numbers)}", writer, _peer_pid(writer))
        self._connections[connection.id] = connection
        try:
            while line := await reader.readline():
                self._answer(connection, line)
        except (OSError, ValueError) as error:  # ValueError: a line longer than any message
            log.warning("connection broken", holder=connection.holder, error=str(error))
        finally:
            del self._connections[connection.id]
            self._books.drop(connection.id)
            self.tick()
            writer.close()

    def tick(self) -> None:
        """Grants what can be granted."""
        now = self._clock()
        if not self._books.waiting or now < self._grants_from:
            return
        for lease in self._books.grant(now, self._used_elsewhere(now)):
            self._tell(lease)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.writer.close()

    def status(self) -> dict[str, Any]:
        """Devices, leases, who waits (first in line first) and counts since the start; memory in MiB."""
        now = self._clock()
        elsewhere = self._used_elsewhere(now)
        places = policy.places(list(self._books.waiting.values()), now, self._books.rules)
        waiting = sorted(self._books.waiting.values(), key=lambda request: places[request.id])
        return {
            "devices": [self._device(name, elsewhere[name]) for name in self._devices],
            "leases": [
                {**self._described(lease.request), "held_s": round(now - lease.granted_at, 3)}
                for lease in self._books.leases.values()
            ],
            "waiting": [
                {**self._described(request), "waited_s": round(now - request.asked_at, 3)} for request in waiting
            ],
            "totals": asdict(self._books.totals),
        }

    def _answer(self, connection: _Connection, line: bytes) -> None:
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

    def _do(self, connection: _Connection, message: dict[str, Any]) -> dict[str, Any] | None:
        """What to answer; None where the answer comes later."""
        match message.get("do"):
            case "hello":
                connection.holder = str(message.get("holder", ""))
                connection.pid = connection.pid or _whole(message, "pid")
                return {"devices": dict(self._books.budgets)}
            case "acquire":
                return self._acquire(connection, message)
            case "release":
                self._books.give_back(f"{connection.id}/{_whole(message, 'lease')}")
                self.tick()
                return {}
            case "status":
                return self.status()
        raise BadInput(f"The broker can't do {message.get('do')!r}; it does hello, acquire, release and status.")

    def _acquire(self, connection: _Connection, message: dict[str, Any]) -> dict[str, Any] | None:
        now = self._clock()
        request = self._request(connection, message, now)
        if message.get("held"):
            return _granted(self._books.announce(request, now))
        self._books.ask(request)
        self.tick()
        return None

    def _request(self, connection: _Connection, message: dict[str, Any], now: float) -> Request:
        try:
            priority, kind = PriorityClass(str(message.get("priority"))), LeaseKind(str(message.get("kind")))
        except ValueError as error:
            raise BadInput(f"{error}. Classes: {', '.join(PriorityClass)}; kinds: {', '.join(LeaseKind)}.") from None
        waited_s = message.get("waited_s") or 0.0
        if not isinstance(waited_s, int | float) or not 0 <= waited_s < float("inf"):
            raise BadInput(f"waited_s is {waited_s!r}; it must be a number of seconds.")
        return Request(
            id=f"{connection.id}/{_whole(message, 'id')}",
            holder=connection.id,
            tenant=str(message.get("tenant") or ""),
            device=str(message.get("device") or next(iter(self._devices))),
            memory_mib=_whole(message, "memory_mib"),
            priority=priority,
            kind=kind,
            asked_at=now - waited_s,
            order=next(self._numbers),
        )

    def _tell(self, lease: Lease) -> None:
        connection_id, _, number = lease.id.partition("/")
        self._connections[connection_id].send({"id": int(number), "ok": _granted(lease)})

    def _used_elsewhere(self, now: float) -> dict[str, int]:
        if now - self._looked_at >= LOOKS_EVERY_S:
            self._looked_at = now
            self._elsewhere = {
                name: device.used_without_lease_mib(self._pids(name)) for name, device in self._devices.items()
            }
        return self._elsewhere

    def _pids(self, device: str) -> set[int]:
        leases = (lease.request for lease in self._books.leases.values() if lease.request.device == device)
        return {self._connections[request.holder].pid for request in leases} - {0}

    def _device(self, name: str, elsewhere_mib: int) -> dict[str, Any]:
        memory = self._books.memory(name, elsewhere_mib)
        return {
            "name": name,
            "budget_mib": memory.budget,
            "resident_mib": memory.resident,
            "working_mib": memory.working,
            "elsewhere_mib": memory.elsewhere,
            "free_mib": memory.free,
        }

    def _described(self, request: Request) -> dict[str, Any]:
        connection = self._connections[request.holder]
        return {
            "id": request.id,
            "holder": connection.holder,
            "pid": connection.pid,
            "tenant": request.tenant,
            "device": request.device,
            "memory_mib": request.memory_mib,
            "priority": request.priority.value,
            "kind": request.kind.value,
        }


async def serve(
    socket_path: Path,
    devices: Sequence[Device],
    clock: Clock = time.monotonic,
    rules: Rules = DEFAULT_RULES,
    settles_s: float = SETTLES_S,
) -> None:
    """Runs until cancelled. Raises Conflict where another broker listens on `socket_path`."""
    await _refuse_a_second(socket_path)
    broker = Broker(devices, clock, rules, settles_s)
    server = await asyncio.start_unix_server(broker.serve_connection, path=socket_path, limit=wire.LONGEST_LINE)
    _admit(socket_path)
    log.info("broker listens", socket=str(socket_path), devices=[device.name for device in devices])
    try:
        await asyncio.sleep(settles_s)
        while True:
            broker.tick()
            await asyncio.sleep(LOOKS_EVERY_S)
    finally:
        server.close()
        broker.close()
        _remove(socket_path)


async def _refuse_a_second(socket_path: Path) -> None:
    """A socket that nobody listens on was left behind by a broker that was killed, and is replaced."""
    with suppress(OSError):
        _, writer = await asyncio.open_unix_connection(socket_path)
        writer.close()
        raise Conflict(f"Another broker listens on {socket_path}. Stop it, or give this one another socket.")


def _admit(socket_path: Path) -> None:
    socket_path.chmod(SOCKET_MODE)


def _remove(socket_path: Path) -> None:
    socket_path.unlink(missing_ok=True)


def _granted(lease: Lease) -> dict[str, Any]:
    return {"device": lease.request.device, "memory_mib": lease.memory_mib}


def _whole(message: dict[str, Any], name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} is {value!r}; it must be a whole number.")
    return value


def _peer_pid(writer: asyncio.StreamWriter) -> int:
    """0 where the system does not tell, or where the client is in a container with numbers of its own."""
    connected = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])
