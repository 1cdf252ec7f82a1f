from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from brickyard.cli.doctor import Finding
from brickyard.cli.egress import (
    Link,
    Part,
    Way,
    connections,
    default_routes,
    examine_egress,
    listeners,
    parts_of,
    proxies,
    role_of,
    switches,
    watch_egress,
    way,
)
from brickyard.kit.destinations import Allowed, Destination
from brickyard.kit.quiet import QUIET, quiet_environment
from brickyard.kit.settings import Settings

ELSEWHERE = "203.0.113.9"

PART = """
import json, socket, sys
targets = json.loads(sys.argv[1])
opened = [socket.create_server(("0.0.0.0", 0)), socket.create_server(("127.0.0.1", 0))]
opened += [socket.create_connection(tuple(target)) for target in targets]
print(json.dumps([one.getsockname()[1] for one in opened]), flush=True)
sys.stdin.read()
"""


def part(*links: Link, role: str = "serve", environment: dict[str, str] | None = None) -> Part:
    return Part(1, role, role, links, environment or {}, filtered=False, readable=True)


def told(findings: list[Finding], what: str) -> list[Finding]:
    return [finding for finding in findings if finding.what == what]


@contextmanager
def running(home: Path, *targets: tuple[str, int], **environment: str) -> Iterator[list[int]]:
    """A process that looks like a part of the platform with this home; its ports, two listeners first."""
    command = [sys.executable, "-c", PART, json.dumps(targets), "brickyard.cli", "serve"]
    own = {"BRICKYARD_HOME": str(home), "PATH": os.environ["PATH"], **environment}
    process = subprocess.Popen(command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["/venv/bin/python", "-m", "brickyard.cli", "serve"], "serve"),
        (["/venv/bin/python", "-m", "brickyard.cli", "brick", "asr"], "brick-asr"),
        (["/venv/bin/python", "/venv/bin/brickyard", "demo", "--keep", "1"], "demo"),
        (["brickyard", "doctor", "--egress"], ""),
        (["vim", "brickyard"], ""),
        (["serve"], ""),
        ([], ""),
    ],
)
def test_processes_are_known_by_their_commands(command: list[str], role: str) -> None:
    assert role_of(command) == role


def test_what_a_connection_is() -> None:
    def named(host: str, port: int) -> bool:
        return (host, port) == ("10.0.0.7", 11434)

    listening = frozenset({8400})
    assert way(Link("127.0.0.1", 8400, "127.0.0.1", 40000), listening, named) is Way.OWN
    assert way(Link("10.0.0.5", 8400, "10.0.0.99", 40000), listening, named) is Way.CALLER
    assert way(Link("10.0.0.5", 40000, "10.0.0.7", 11434), listening, named) is Way.ALLOWED
    assert way(Link("10.0.0.5", 40000, "10.0.0.7", 22), listening, named) is Way.FOREIGN
    assert way(Link("10.0.0.5", 40000, ELSEWHERE, 8400), listening, named) is Way.FOREIGN


def test_a_foreign_connection_is_told_with_who_has_it() -> None:
    links = [Link("10.0.0.5", 8400), Link("10.0.0.5", 40000, ELSEWHERE, 443), Link("10.0.0.5", 40001, "10.0.0.7", 5432)]
    allowed = Allowed((Destination("10.0.0.7", 5432, "DATABASE_URL"),))
    all_of_them, foreign = connections([part(*links)], allowed)
    assert (all_of_them.good, all_of_them.seen) == (False, "1 foreign, 1 named by settings")
    assert (foreign.what, foreign.seen, foreign.needed) == ("connection of serve", f"{ELSEWHERE}:443", True)
    [alone] = connections([part(links[0], links[2])], allowed)
    assert alone.good


def test_listeners_for_others_are_told() -> None:
    bound = [Link("127.0.0.1", 1), Link("::1", 2), Link("0.0.0.0", 3), Link("::", 4), Link("10.0.0.5", 5)]
    counted, *outside = listeners([part(*bound)])
    assert counted.seen == "5, 3 of them for other machines"
    assert [finding.seen for finding in outside] == ["0.0.0.0:3", "10.0.0.5:5", "[::]:4"]


def test_switches_of_children_are_read_from_their_environment() -> None:
    quiet = part(environment=quiet_environment())
    loud = part(role="brick-asr", environment={**quiet_environment(), "ORT_DISABLE_TELEMETRY": "0"})
    first, second = switches([quiet, loud, part(role="up", environment={"A": "b"}), part(role="", environment={})])
    assert (first.what, first.good) == ("telemetry switches of serve", True)
    assert (second.what, second.good) == ("telemetry switches of brick-asr", False)
    assert "ORT_DISABLE_TELEMETRY" in second.mend
    assert second.seen == f"{len(QUIET) - 1} of {len(QUIET)} set"


def test_proxies_are_told_by_name_and_not_by_value() -> None:
    [found] = proxies([part(environment={"HTTPS_PROXY": "http://user:secret@proxy:3128", "no_proxy": "*"})])
    assert (found.good, found.seen, found.needed) == (False, "HTTPS_PROXY", False)
    [none] = proxies([part()])
    assert none.good


def test_default_routes() -> None:
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    anywhere = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    nearby = "eth1\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    zero, some = "0" * 32, "fd" + "0" * 30
    v6 = "{} {} {} 00 {} 00000400 00000001 00000000 00000003 {}\n"
    assert default_routes(head + nearby, v6.format(some, "40", zero, zero, "eth1")) == []
    assert default_routes(head + anywhere + nearby, "") == ["eth0"]
    refusal = v6.format(zero, "00", zero, zero, "lo")
    assert default_routes(head, refusal) == []
    assert default_routes(head, refusal + v6.format(zero, "00", zero, zero, "wlan0")) == ["wlan0"]
    assert default_routes("", "") == []


def test_where_nothing_runs_that_is_said(settings: Settings) -> None:
    findings = examine_egress(settings)
    assert parts_of(settings) == []
    [processes] = told(findings, "processes")
    assert (processes.good, processes.needed, processes.seen) == (False, False, "0 running")
    assert [finding.seen for finding in told(findings, "may be reached")] == ["this machine alone"]
    assert all(finding.good for finding in findings if finding.needed)


def test_what_may_be_reached_is_told_with_the_setting(settings: Settings) -> None:
    own = settings.model_copy(update={"ollama_url": "http://gpu1:11434"})
    assert [finding.seen for finding in told(examine_egress(own), "may be reached")] == [
        "gpu1:11434, by BRICKYARD_OLLAMA_URL"
    ]


def test_a_running_part_is_looked_into(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        target = other.getsockname()[:2]
        with running(settings.home, target, HTTP_PROXY="http://proxy:3128") as (everywhere, _, _):
            [found] = parts_of(settings)
            findings = examine_egress(settings)
            assert parts_of(settings.model_copy(update={"home": settings.home / "another"})) == []
    assert found.role == "serve"
    assert [finding.seen for finding in told(findings, "connections")] == ["1 on this machine"]
    assert [finding.seen for finding in told(findings, "listener of serve")] == [f"0.0.0.0:{everywhere}"]
    assert [finding.good for finding in told(findings, "telemetry switches of serve")] == [False]
    assert [finding.seen for finding in told(findings, "proxies")] == ["HTTP_PROXY"]


def own_address() -> str | None:
    found = (one for addresses in psutil.net_if_addrs().values() for one in addresses)
    return next((a.address for a in found if a.family == socket.AF_INET and not a.address.startswith("127.")), None)


def test_a_connection_that_no_setting_names_is_found(settings: Settings) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but its own to itself")
    with socket.create_server((address, 0)) as other:
        port = other.getsockname()[1]
        with running(settings.home, (address, port)):
            findings, watched = examine_egress(settings), watch_egress(settings, 0.2)
            allowed = examine_egress(settings, also=f"{address}:{port}")
    for seen in (findings, watched):
        [foreign] = told(seen, "connection of serve")
        assert (foreign.seen, foreign.good, foreign.needed) == (f"{address}:{port}", False, True)
    assert told(allowed, "connection of serve") == []
    assert [finding.seen for finding in told(allowed, "connections")] == ["1 named by settings"]


def test_compose_files_are_looked_into(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(
        "networks: {inside: {internal: true}}\n"
        "services: {proxy: {ports: ['443:443']}, web: {networks: [inside]}, work: {image: x}}"
    )
    found = {finding.what: finding.good for finding in examine_egress(settings, [path]) if "compose" in finding.what}
    assert found == {"compose.yaml: proxy": True, "compose.yaml: web": True, "compose.yaml: work": False}
