"""Refuses connections to all but this machine and what its settings name, and counts the attempts.

`install` puts a hook into Python's own sockets (PEP 578), so it holds for every library written in Python. It does not
see machine code that opens sockets by itself, such as the driver of PostgreSQL: kit/quiet.py switches off what is known
to report home, kit/offline.py closes processes that need no network, docs/howto/close-the-network.md closes the rest. A
name that is given to `connect` itself is looked up by Python before the hook is asked; libraries ask `getaddrinfo`.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter

from brickyard.kit.destinations import ALLOW_WITH, Address, Allowed, found_by_name, leads_here, literal, name_of
from brickyard.kit.logs import get
from brickyard.kit.metrics import registry

ADDRESSES_HOLD_S = 600.0
"""How long an address stays one of a name's, and"""
LOOK_AGAIN_S = 1.0
"""how soon a name is looked up again, where an address is none of those known."""
MOST_TOLD = 1000

log = get(__name__)

refused = Counter(
    "brickyard_egress_refused_total", "Attempts to reach what no setting names", ["what"], registry=registry
)


class NotAllowed(ConnectionRefusedError):
    """A connection that no setting allows. Libraries take it for one that the other side refused."""


class NameNotAllowed(socket.gaierror):
    """A name that no setting allows, and that nobody was asked for."""


class Guard:
    """Told of what Python's sockets are about to do; raises where that is not allowed."""

    def __init__(self, allowed: Allowed, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed = allowed
        self._clock = clock
        self._asked: dict[str, float] = {}
        """Names that this process asked for, and when this guard last looked them up itself."""
        self._seen: dict[tuple[str, Address], float] = {}
        self._told: set[str] = set()

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises NotAllowed or NameNotAllowed, both of them OSErrors."""
        EVENTS[event](self, *arguments)

    def connecting(self, opened: socket.socket, target: Any) -> None:
        """Unix sockets and the kernel's own lead nowhere else. Without a target, it was checked when connecting."""
        if target is None or opened.family in LOCAL_FAMILIES:
            return
        if opened.family not in (socket.AF_INET, socket.AF_INET6):
            raise self._refusal(f"a socket of family {opened.family}")
        host, port = target[0], target[1]
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not text or self.reaches(text, port):
            return
        raise self._refusal(f"[{text}]:{port}" if ":" in text else f"{text}:{port}")

    def reaches(self, host: str, port: int) -> bool:
        """Whether a connection to this address, or to a name, is allowed. May look up names that are."""
        if leads_here(host):
            return True
        address = literal(host)
        if address is None:
            return name_of(host) in self.allowed.names_with(port)
        return self.allowed.permits(address, port) or self._is_of_a_name(address, port)

    def looking_up(self, host: str | bytes | None, *_: object) -> None:
        """Raises where the name is none of those allowed. What is an address already is asked of nobody."""
        if not host:
            return
        name = name_of(host)
        if name in self.allowed.names:
            self._asked.setdefault(name, float("-inf"))
        elif not leads_here(name) and literal(name) is None:
            raise self._nameless(name)

    def naming(self, address: Any) -> None:
        """Which name an address has is asked of whoever serves it: for allowed addresses alone."""
        host = str(address[0] if isinstance(address, tuple) else address)
        found = literal(host)
        if found is None:
            return self.looking_up(host)
        if not leads_here(host) and not any(literal(one.host) == found for one in self.allowed.destinations):
            raise self._nameless(host)
        return None

    def _is_of_a_name(self, address: Address, port: int) -> bool:
        if not found_by_name(address):
            return False
        names = [name for name in self.allowed.names_with(port) if name in self._asked]
        return any(self._was_seen(name, address) for name in names) or any(
            self._is_found(name, address) for name in names
        )

    def _was_seen(self, name: str, address: Address) -> bool:
        return self._clock() - self._seen.get((name, address), float("-inf")) < ADDRESSES_HOLD_S

    def _is_found(self, name: str, address: Address) -> bool:
        """By asking again what the process was told a moment ago; the hook does not see answers."""
        now = self._clock()
        if now - self._asked[name] < LOOK_AGAIN_S:
            return False
        self._asked[name] = now
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        found = {literal(str(answer[4][0])) for answer in answers}
        self._seen.update(((name, one), now) for one in found if one is not None)
        return address in found

    def _refusal(self, target: str) -> NotAllowed:
        return NotAllowed(errno.ECONNREFUSED, self._tell("connection", target))

    def _nameless(self, name: str) -> NameNotAllowed:
        return NameNotAllowed(socket.EAI_FAIL, self._tell("name", name))

    def _tell(self, what: str, target: str) -> str:
        refused.labels(what).inc()
        others = "".join(f", {one} ({one.because})" for one in self.allowed.destinations)
        told = (
            f"Brickyard does not reach {target}: no setting names it. Allowed are this machine{others}. "
            f"To allow it, add it to {ALLOW_WITH}."
        )
        if target not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(target)
            log.warning("not reached, since no setting names it", what=what, target=target)
        return told


LOCAL_FAMILIES = frozenset(
    getattr(socket, name) for name in ("AF_UNIX", "AF_NETLINK", "AF_ROUTE") if hasattr(socket, name)
)
EVENTS: dict[str, Callable[..., None]] = {
    "socket.connect": Guard.connecting,
    "socket.sendto": Guard.connecting,
    "socket.sendmsg": Guard.connecting,
    "socket.getaddrinfo": Guard.looking_up,
    "socket.gethostbyname": Guard.looking_up,
    "socket.gethostbyaddr": Guard.naming,
    "socket.getnameinfo": Guard.naming,
}
_installed: list[Guard] = []
_hooked: list[bool] = []


def install(allowed: Allowed) -> None:
    """For this process, for good; a second call changes what is allowed. Children need a call of their own."""
    _installed[:] = [Guard(allowed)]
    if not _hooked:  # hooks cannot be taken out again
        _hooked.append(True)
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Python calls this for every import, file and more: what it is not about has to cost next to nothing."""
    if event in EVENTS and _installed:
        _installed[0].see(event, arguments)
