from __future__ import annotations

import ast
import asyncio
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brickyard
from brickyard.kit.destinations import Allowed, Destination, is_here, literal
from brickyard.kit.egress import ADDRESSES_HOLD_S, LOOK_AGAIN_S, Guard, NameNotAllowed, NotAllowed
from brickyard.kit.metrics import registry

ELSEWHERE = "203.0.113.9"
"""Of a range that no machine has (RFC 5737)."""

Answer = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]


class Names:
    """A directory of names of our own, in place of the system's."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: object, type: object = None) -> list[Answer]:
        self.asked.append(host)
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in self.addresses[host]]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        yield opened


def guard(*destinations: tuple[str, int | None], clock: Clock | None = None) -> Guard:
    allowed = Allowed(tuple(Destination(host, port, "SETTING") for host, port in destinations))
    return Guard(allowed, clock or Clock())


def attempts(what: str) -> float:
    return registry.get_sample_value("brickyard_egress_refused_total", {"what": what}) or 0.0


# ---- addresses


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_every_other_machine_is_refused(address: IPv4Address | IPv6Address, port: int) -> None:
    plain = literal(str(address))
    assert plain is not None
    assert guard().reaches(str(address), port) == is_here(plain)


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_an_address_is_the_same_inside_ipv6(address: IPv4Address, port: int) -> None:
    assert guard((str(address), port)).reaches(f"::ffff:{address}", port)
    assert guard().reaches(f"::ffff:{address}", port) == is_here(address)


@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto", "socket.sendmsg"])
def test_the_refusal_says_what_and_how_to_allow_it(event: str, tcp: socket.socket) -> None:
    before = attempts("connection")
    with pytest.raises(NotAllowed) as refused:
        guard(("gpu1", 11434)).see(event, (tcp, (ELSEWHERE, 443)))
    assert refused.value.errno == errno.ECONNREFUSED
    for part in (f"{ELSEWHERE}:443", "gpu1:11434 (SETTING)", "BRICKYARD_REACHABLE_HOSTS"):
        assert part in str(refused.value)
    assert attempts("connection") == before + 1


def test_sockets_that_lead_nowhere_else_pass(tcp: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as local:
        guard().see("socket.connect", (local, "/run/brickyard/asr.sock"))
    guard().see("socket.sendmsg", (tcp, None))
    guard().see("socket.connect", (tcp, ("127.0.0.1", 8400)))
    guard().see("socket.connect", (tcp, ("", 8400)))
    guard().see("socket.connect", (tcp, ("localhost", 8400)))


def test_kinds_of_sockets_that_nobody_needs_are_refused() -> None:
    family = socket.AF_PACKET if os.geteuid() == 0 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened, pytest.raises(NotAllowed):
        guard().see("socket.sendto", (opened, (ELSEWHERE, 0)))


# ---- names


@pytest.mark.parametrize("host", ["elsewhere.example.org", b"elsewhere.example.org", "127.1", "2130706433"])
@pytest.mark.parametrize("event", ["socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"])
def test_names_that_nobody_named_are_not_asked_for(event: str, host: str | bytes) -> None:
    before = attempts("name")
    arguments = (host, 443, 0, 0, 0) if event == "socket.getaddrinfo" else (host,)
    with pytest.raises(NameNotAllowed):
        guard(("gpu1", 443)).see(event, tuple(str(a) if event == "socket.gethostbyaddr" else a for a in arguments))
    assert attempts("name") == before + 1


@pytest.mark.parametrize("host", [None, "", "localhost", "GPU1.", ELSEWHERE, "::1"])
def test_what_is_named_or_asks_nobody_may_be_looked_up(host: str | None) -> None:
    guard(("gpu1", 443)).see("socket.getaddrinfo", (host, 443, 0, 0, 0))


def test_the_name_of_an_address_is_asked_for_where_it_is_allowed() -> None:
    watching = guard((ELSEWHERE, 443))
    watching.see("socket.gethostbyaddr", (ELSEWHERE,))
    watching.see("socket.getnameinfo", (("127.0.0.1", 80),))
    with pytest.raises(NameNotAllowed):
        watching.see("socket.getnameinfo", (("198.51.100.7", 80),))


def test_a_name_allows_the_addresses_it_has_on_its_port(names: Names) -> None:
    names.addresses["gpu1"] = [ELSEWHERE, "203.0.113.10"]
    watching = guard(("gpu1", 11434))
    watching.looking_up("gpu1")
    assert watching.reaches(ELSEWHERE, 11434)
    assert watching.reaches("203.0.113.10", 11434)
    assert not watching.reaches(ELSEWHERE, 22)
    assert not watching.reaches("203.0.113.11", 11434)


def test_a_name_is_asked_for_only_where_the_process_did_and_seldom(names: Names) -> None:
    clock = Clock()
    names.addresses["gpu1"] = [ELSEWHERE]
    watching = guard(("gpu1", 11434), ("gpu2", 11434), clock=clock)
    assert not watching.reaches(ELSEWHERE, 11434)
    assert names.asked == []
    watching.looking_up("gpu1")
    assert all(watching.reaches(ELSEWHERE, 11434) for _ in range(5))
    assert not any(watching.reaches("198.51.100.7", 11434) for _ in range(5))
    assert names.asked == ["gpu1"]


def test_a_name_that_moves_is_followed(names: Names) -> None:
    clock = Clock()
    names.addresses["gpu1"] = [ELSEWHERE]
    watching = guard(("gpu1", None), clock=clock)
    watching.looking_up("gpu1")
    assert watching.reaches(ELSEWHERE, 1)
    names.addresses["gpu1"] = ["203.0.113.77"]
    clock.now += LOOK_AGAIN_S
    assert watching.reaches("203.0.113.77", 1)
    assert watching.reaches(ELSEWHERE, 1), "connections to the old address may be under way"
    clock.now += ADDRESSES_HOLD_S
    assert not watching.reaches(ELSEWHERE, 1)


def test_a_name_that_leads_to_the_machines_own_secrets_does_not_open_them(names: Names) -> None:
    names.addresses["gpu1"] = ["169.254.169.254"]
    watching = guard(("gpu1", None))
    watching.looking_up("gpu1")
    assert not watching.reaches("169.254.169.254", 80)


def test_a_name_that_is_not_known_allows_nothing(names: Names) -> None:
    watching = guard(("gpu1", None))
    watching.looking_up("gpu1")
    assert not watching.reaches(ELSEWHERE, 80)


# ---- in a process

PROCESS = f"""
import asyncio, json, socket, sys, urllib.request
import aiohttp, httpx, requests
from brickyard.kit import egress, logs
from brickyard.kit.destinations import Allowed

logs.configure("test")
server = socket.create_server(("127.0.0.1", 0))
egress.install(Allowed())
egress.install(Allowed())
seen = {{}}

def tried(name, call):
    try:
        call()
        seen[name] = "went"
    except Exception as error:
        text, deepest = "", error
        while deepest is not None:
            text, deepest = text + str(deepest), deepest.__cause__ or deepest.__context__
        seen[name] = "refused" if "BRICKYARD_REACHABLE_HOSTS" in text else f"{{type(error).__name__}}: {{error}}"

async def aio(url):
    async with aiohttp.ClientSession() as http, http.get(url):
        pass

async def stream():
    await asyncio.open_connection("{ELSEWHERE}", 443)

async def datagram():
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    await asyncio.get_running_loop().sock_sendto(opened, b"x", ("{ELSEWHERE}", 53))

for kind, host in (("address", "{ELSEWHERE}"), ("name", "elsewhere.example.org")):
    url = f"http://{{host}}/"
    tried(f"httpx {{kind}}", lambda: httpx.get(url, trust_env=False))
    tried(f"requests {{kind}}", lambda: requests.get(url))
    tried(f"urllib {{kind}}", lambda: urllib.request.urlopen(url))
    tried(f"aiohttp {{kind}}", lambda: asyncio.run(aio(url)))
tried("asyncio", lambda: asyncio.run(stream()))
tried("datagram", lambda: asyncio.run(datagram()))
tried("sendto", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("2001:db8::1", 53)))
tried("own", lambda: socket.create_connection(server.getsockname()).close())
print(json.dumps(seen))
"""


def test_no_library_gets_out() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    seen = json.loads(done.stdout)
    assert seen.pop("own") == "went"
    assert set(seen.values()) == {"refused"}, seen
    assert len(seen) == 11
    assert done.stderr.count("no setting names it") < len(seen), "each destination is logged once"


# ---- proxies

ASKS = {"httpx": {"Client", "AsyncClient", "get", "post", "request", "stream"}, "aiohttp": {"ClientSession", "request"}}
LET = {"files/hub.py"}
"""`models pull` alone, whose proxy is the operator's to set."""


def calls_that_may_use_a_proxy(source: str) -> list[int]:
    """Lines where a client is made that would listen to variables such as HTTP_PROXY."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if not isinstance(owner, ast.Name) or node.func.attr not in ASKS.get(owner.id, set()):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        told = given.get("trust_env")
        if not (isinstance(told, ast.Constant) and told.value is False) and "transport" not in given:
            found.append(node.lineno)
    return found


def test_no_proxy_of_the_environment_is_used() -> None:
    root = Path(brickyard.__file__).parent
    lines = {
        str(path.relative_to(root)): found
        for path in root.rglob("*.py")
        if (found := calls_that_may_use_a_proxy(path.read_text()))
    }
    assert set(lines) <= LET, lines
    assert calls_that_may_use_a_proxy("httpx.get(url)\nhttpx.get(url, trust_env=False)") == [1]
    libraries = [path for path in root.rglob("*.py") if "import requests" in path.read_text()]
    assert libraries == [], "requests listens to them in every call"


def test_a_client_with_a_transport_of_its_own_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the line above lets these be."""
    monkeypatch.setenv("HTTP_PROXY", f"http://{ELSEWHERE}:3128")
    monkeypatch.setenv("ALL_PROXY", f"http://{ELSEWHERE}:3128")
    transport = httpx.AsyncHTTPTransport(uds="/nowhere/brick.sock")

    async def ask() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://brick") as http:
            await http.get("/health")

    with pytest.raises(httpx.ConnectError, match="No such file"):
        asyncio.run(ask())
