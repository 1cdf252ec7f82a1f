"""One client of the broker, as the broker sees it."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field

from brickyard.gpu import wire
from brickyard.gpu.wire import Message

GONE_AFTER_S = 10
"""A TCP peer that does not even acknowledge for so long is gone, and so are its leases."""


@dataclass
class Connection:
    """One client. `pid` is what the kernel says; below 0 where the client is out of its sight."""

    id: str
    writer: asyncio.StreamWriter
    pid: int
    holder: str = ""
    trusted: bool = True
    evicts: bool = False
    held_mib: int | None = None
    allocated_mib: int | None = None
    """What the process says it has taken from the device, and what of that it really uses."""
    ooms: int = 0
    told: set[str] = field(default_factory=set)
    """Leases whose end has been announced."""

    @property
    def fragmented_mib(self) -> int:
        """Taken from the device and not in use; 0 where the process does not tell."""
        if self.held_mib is None or self.allocated_mib is None:
            return 0
        return max(0, self.held_mib - self.allocated_mib)

    def send(self, message: Message) -> None:
        if not self.writer.is_closing():
            self.writer.write(wire.encode(message))


def connect(number: int, writer: asyncio.StreamWriter) -> Connection:
    """Whom the socket's folder lets in is trusted; others have to show the token."""
    connected = writer.get_extra_info("socket")
    is_local = connected.family == socket.AF_UNIX
    pid = _peer_pid(connected) if is_local else 0
    return Connection(f"c{number}", writer, pid or -number, trusted=is_local)


def _peer_pid(connected: socket.socket) -> int:
    """0 where the system does not tell, or where the client is in a container with numbers of its own."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


def notice_who_is_gone(connected: socket.socket) -> None:
    """A host that loses power says nothing; the kernel asks it. What a listening socket is told, the connections it
    accepts inherit."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, GONE_AFTER_S // 2)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, GONE_AFTER_S // 2)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GONE_AFTER_S)
