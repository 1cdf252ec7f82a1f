"""`brickyard doctor --egress`: what of the platform on this machine could reach others. It connects to nothing."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from brickyard.cli import compose_networks
from brickyard.cli.doctor import Finding
from brickyard.kit.destinations import Allowed, leads_here
from brickyard.kit.egress import Guard
from brickyard.kit.quiet import QUIET
from brickyard.kit.settings import Settings

ROLES = ("up", "demo", "serve", "work", "brick", "broker")
CHILDREN = ROLES[2:]
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
SAMPLE_EVERY_S = 0.1
ROUTES = Path("/proc/net/route")
ROUTES_V6 = Path("/proc/net/ipv6_route")
PAGE = "docs/howto/close-the-network.md"


class Way(StrEnum):
    OWN = "on this machine"
    CALLER = "callers"
    ALLOWED = "named by settings"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Link:
    """A socket of the internet's families. `host` is empty where there is no other side: it listens."""

    local_host: str
    local_port: int
    host: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A process. `environment` as it was started with; `role` is empty for programs that the platform started."""

    pid: int
    role: str
    name: str
    links: tuple[Link, ...]
    environment: Mapping[str, str]
    filtered: bool
    readable: bool


def examine_egress(settings: Settings, compose: Sequence[Path] = (), also: str = "") -> list[Finding]:
    """`also`: as of `Allowed.of`. Raises BadInput where a setting or a compose file cannot be understood."""
    allowed = Allowed.of(settings, also)
    parts = parts_of(settings)
    return [
        *_of_processes(parts),
        *connections(parts, allowed),
        *listeners(parts),
        *_of_settings(settings, allowed),
        *switches(parts),
        *proxies(parts),
        *_of_routes(),
        *(finding for path in compose for finding in _of_compose(path)),
    ]


def watch_egress(settings: Settings, duration_s: float, also: str = "") -> list[Finding]:
    """All connections seen in that time, some looks a second: what was closed between two looks is missed."""
    allowed = Allowed.of(settings, also)
    seen: dict[tuple[str, str, Link], Part] = {}
    looks, until = 0, time.monotonic() + duration_s
    while time.monotonic() < until or looks == 0:
        looks += 1
        for part in parts_of(settings):
            seen.update(((part.role, part.name, link), part) for link in part.links)
        time.sleep(SAMPLE_EVERY_S)
    parts = [Part(p.pid, role, name, (link,), {}, False, True) for (role, name, link), p in seen.items()]
    watched = Finding("watched", True, f"{duration_s:g} s, {looks} looks", needed=False)
    return [watched, *connections(parts, allowed), *listeners(parts)]


# ---- what runs


def parts_of(settings: Settings) -> list[Part]:
    """Processes of the platform with this home, the database of its own, and whatever they started."""
    heads = [process for process in psutil.process_iter() if _belongs(process, settings)]
    found: dict[int, psutil.Process] = {}
    for head in heads:
        try:
            found.update((process.pid, process) for process in [head, *head.children(recursive=True)])
        except psutil.NoSuchProcess:
            continue
    return [part for pid, process in sorted(found.items()) if pid != os.getpid() and (part := _part(process))]


def role_of(command: Sequence[str]) -> str:
    """`serve`, `brick-asr` and so on; empty for a command that is none of ours."""
    for position, word in enumerate(command[:-1]):
        role = command[position + 1]
        if role in ROLES and (word == "brickyard.cli" or Path(word).name == "brickyard"):
            return "-".join([role, *command[position + 2 : position + 3]]) if role == "brick" else role
    return ""


def _belongs(process: psutil.Process, settings: Settings) -> bool:
    try:
        command = process.cmdline()
        if str(settings.postgres_dir) in command:
            return True
        own = str(settings.home)
        return bool(role_of(command)) and process.environ().get("BRICKYARD_HOME", own) == own
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _part(process: psutil.Process) -> Part | None:
    """None for one that has ended meanwhile."""
    try:
        command, name = process.cmdline(), process.name()
        role = role_of(command)
        status = Path(f"/proc/{process.pid}/status").read_text() if ROUTES.exists() else ""
        filtered = "\nSeccomp:\t2\n" in status
        try:
            links = tuple(_links(process))
            environment = process.environ()
        except psutil.AccessDenied:
            return Part(process.pid, role, role or name, (), {}, filtered, readable=False)
        return Part(process.pid, role, role or name, links, environment, filtered, readable=True)
    except (psutil.NoSuchProcess, OSError):
        return None


def _links(process: psutil.Process) -> Iterator[Link]:
    for one in process.net_connections(kind="inet"):
        if not one.laddr:
            continue
        if one.raddr:
            yield Link(one.laddr.ip, one.laddr.port, one.raddr.ip, one.raddr.port)
        elif one.status == psutil.CONN_LISTEN or one.type == socket.SOCK_DGRAM:
            yield Link(one.laddr.ip, one.laddr.port)


# ---- what it means


def way(link: Link, listening: frozenset[int], reaches: Callable[[str, int], bool]) -> Way:
    """Of a link with another side. `listening`: ports of this platform that others may call."""
    if leads_here(link.host):
        return Way.OWN
    if link.local_port in listening:
        return Way.CALLER
    return Way.ALLOWED if reaches(link.host, link.port) else Way.FOREIGN


def connections(parts: Sequence[Part], allowed: Allowed) -> Iterator[Finding]:
    guard = Guard(allowed)
    for name in allowed.names:  # so that their addresses are known: names of the settings, as the platform asks too
        guard.looking_up(name)
    listening = frozenset(link.local_port for part in parts for link in part.links if not link.host)
    ways: Counter[Way] = Counter()
    foreign: set[tuple[str, str]] = set()
    for part in parts:
        for link in (link for link in part.links if link.host):
            found = way(link, listening, guard.reaches)
            ways[found] += 1
            if found is Way.FOREIGN:
                foreign.add((part.name, _shown(link.host, link.port)))
    counted = ", ".join(f"{number} {kind.value}" for kind, number in sorted(ways.items())) or "none"
    yield Finding("connections", not foreign, counted, "See the foreign ones below.")
    for name, target in sorted(foreign):
        mend = "No setting names it: find out what it is, or allow it in BRICKYARD_REACHABLE_HOSTS."
        yield Finding(f"connection of {name}", False, target, mend)


def listeners(parts: Iterable[Part]) -> Iterator[Finding]:
    bound = sorted({(part.name, link) for part in parts for link in part.links if not link.host}, key=str)
    outside = [(name, link) for name, link in bound if not _binds_here(link.local_host)]
    yield Finding("listeners", True, f"{len(bound)}, {len(outside)} of them for other machines", needed=False)
    for name, link in outside:
        mend = "Others reach it, in the clear: bind it to 127.0.0.1, or keep it behind a proxy and a firewall."
        yield Finding(f"listener of {name}", False, _shown(link.local_host, link.local_port), mend, needed=False)


def switches(parts: Iterable[Part]) -> Iterator[Finding]:
    """The program sets them itself as well, which an environment does not show afterwards."""
    for part in parts:
        if part.role.partition("-")[0] not in CHILDREN or not part.readable or not part.environment:
            continue
        off = [name for name, value in QUIET.items() if part.environment.get(name) != value]
        mend = f"Start it with `brickyard up`, or set them where the container is described: {', '.join(off)}."
        seen = f"{len(QUIET) - len(off)} of {len(QUIET)} set"
        yield Finding(f"telemetry switches of {part.name}", not off, seen, mend, needed=False)


def proxies(parts: Iterable[Part]) -> Iterator[Finding]:
    found = sorted({name for part in parts for name in part.environment if name.lower() in PROXIES})
    mend = "The platform does not use them, other programs may: unset them where it is started."
    yield Finding("proxies", not found, ", ".join(found) or "none", mend, needed=False)


def default_routes(routes: str, routes_v6: str) -> list[str]:
    """Interfaces that packets for anywhere leave by, out of the kernel's two tables."""
    rows = [row.split() for row in routes.splitlines()[1:]]
    v4 = {row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"}
    rows = [row.split() for row in routes_v6.splitlines()]
    v6 = {row[9] for row in rows if len(row) > 9 and row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo"}
    return sorted(v4 | v6)


def _of_processes(parts: Sequence[Part]) -> Iterator[Finding]:
    hidden = [part.name for part in parts if not part.readable]
    seen = f"{len(parts)} running" + (f", {len(hidden)} not to be looked into" if hidden else "")
    mend = "Run this as the user of the platform, or as root." if hidden else "Start the platform, and ask again."
    yield Finding("processes", bool(parts) and not hidden, seen, mend, needed=False)
    bricks = [part for part in parts if part.role.startswith("brick-") and part.role != "brick-llm"]
    if bricks:
        unfiltered = ", ".join(part.name for part in bricks if not part.filtered)
        mend = f"This kernel or container does not let a process filter its own calls; see {PAGE}."
        seen = f"open: {unfiltered}" if unfiltered else "local sockets alone, by the kernel"
        yield Finding("bricks", not unfiltered, seen, mend, needed=False)


def _of_settings(settings: Settings, allowed: Allowed) -> Iterator[Finding]:
    outside = [one for one in allowed.destinations if not leads_here(one.host)]
    if not outside:
        yield Finding("may be reached", True, "this machine alone")
    for one in outside:
        yield Finding("may be reached", True, f"{one}, by {one.because}")
    yield Finding("model hub", True, f"{settings.model_hub}, by `brickyard models pull` alone", needed=False)


def _of_routes() -> Iterator[Finding]:
    if not ROUTES.exists():
        return
    routes = default_routes(ROUTES.read_text(), ROUTES_V6.read_text() if ROUTES_V6.exists() else "")
    mend = f"The kernel would send anywhere: close it with a firewall or a network without a way out, see {PAGE}."
    yield Finding("default route", not routes, ", ".join(routes) or "none", mend, needed=False)


def _of_compose(path: Path) -> Iterator[Finding]:
    for service in compose_networks.read(path):
        through = ", ".join(service.open_through)
        edge = bool(through) and service.published
        seen = (
            f"through {through}, as the edge"
            if edge
            else f"through {through}"
            if through
            else "internal networks alone"
        )
        mend = "Put it into networks with `internal: true`; only what publishes ports needs another one."
        yield Finding(f"{path.name}: {service.name}", edge or not through, seen, mend)


def _binds_here(host: str) -> bool:
    return leads_here(host) and host not in ("0.0.0.0", "::", "::ffff:0.0.0.0")


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
