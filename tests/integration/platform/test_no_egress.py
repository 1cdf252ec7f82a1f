"""Nothing leaves the machine: the whole demo runs while the kernel's calls of every process are written down.

Once in a network of its own that has no way out, and once in the machine's, since a program may look for a way out
first. The demo stays up for a while: where it is let, ONNX Runtime reports home nine seconds after its first model.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from brickyard.kit.quiet import QUIET

pytestmark = pytest.mark.slow

STAYS_S = 12
ENDS_WITHIN_S = 240
WATCHED = "connect,sendto,sendmsg,sendmmsg"
TARGET = re.compile(r'htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
OTHER_FAMILY = re.compile(r"sa_family=(AF_(?!INET6?\b|UNIX\b|LOCAL\b|NETLINK\b|UNSPEC\b)\w+)")

LOOK_FOR_A_WAY_OUT = """
import contextlib, ctypes, socket, subprocess, sys
def attempt(family, address):
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.connect(address)
attempt(socket.AF_INET, ("203.0.113.9", 443))
attempt(socket.AF_INET6, ("2001:db8::1", 443))
with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
    opened.sendto(b"x", ("203.0.113.10", 53))
if len(sys.argv) == 1:
    subprocess.run([sys.executable, __file__, "child"])
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname())
"""

LO_UP = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
    fcntl.ioctl(opened, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Seen:
    """`own`: calls that name this machine. `outward`: by what they name, how many. `processes`: tasks written down."""

    own: int
    outward: Counter[str]
    processes: int


def targets(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Address and port of each call that names one, as strace writes it."""
    for line in lines:
        yield from ((address, int(port)) for port, address in TARGET.findall(line))
        yield from ((family, 0) for family in OTHER_FAMILY.findall(line))


def read(folder: Path) -> Seen:
    own, outward = 0, Counter[str]()
    files = list(folder.iterdir())
    for file in files:
        for address, port in targets(file.read_text(errors="replace").splitlines()):
            if is_own(address) and port != 53:
                own += 1
            else:
                outward[f"{address} port {port}"] += 1
    return Seen(own, outward, len(files))


def is_own(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def watched(command: list[str], logs: Path, apart: bool, **options: object) -> subprocess.Popen[str]:
    """`apart`: in a network of its own, where nothing is but this machine itself."""
    logs.mkdir()
    tracing = ["strace", "-ff", "--seccomp-bpf", "-qq", "-e", f"trace={WATCHED}", "-e", "signal=none"]
    alone = ["unshare", "--net", sys.executable, "-c", LO_UP] if apart else []
    whole = [*alone, *tracing, "-o", str(logs / "task"), *command]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **options
    )


def ended(process: subprocess.Popen[str]) -> str:
    try:
        output, _ = process.communicate(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"not ended within {ENDS_WITHIN_S} s:\n{output}")
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    for program in ("strace", "unshare"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    for attempt in (["strace", "-ff", "--seccomp-bpf", "-o", "/dev/null", "true"], ["unshare", "--net", "true"]):
        if subprocess.run(attempt, capture_output=True, check=False).returncode:
            pytest.skip(f"`{' '.join(attempt)}` is not permitted here; it needs root, and a container that lets it")


def test_lines_are_understood() -> None:
    v6 = 'sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0'
    lines = [
        'connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = -1 ENETUNREACH',
        f"connect(3, {{sa_family=AF_INET6, sin6_port=htons(443), {v6}}}, 28) = 0",
        'sendmmsg(5, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("127.0.0.1")}}}])',
        'connect(3, {sa_family=AF_UNIX, sun_path="/run/brickyard/htons(9)"}, 110) = 0',
        'sendto(4, "GET / HTTP/1.1", 14, 0, NULL, 0) = 14',
        "connect(3, {sa_family=AF_VSOCK, svm_cid=0x2, svm_port=0x1}, 16) = -1 ENODEV",
    ]
    found = list(targets(lines))
    assert found == [("10.0.0.1", 53), ("2001:db8::1", 443), ("127.0.0.1", 1), ("AF_VSOCK", 0)]
    assert [is_own(address) for address, _ in found] == [False, False, True, False]
    assert is_own("::1")
    assert is_own("::ffff:127.0.0.1")


def test_the_watch_sees_who_tries_to_leave(tmp_path: Path) -> None:
    script = tmp_path / "leaver.py"
    script.write_text(LOOK_FOR_A_WAY_OUT)
    for apart in (True, False):
        logs = tmp_path / f"logs-{apart}"
        ended(watched([sys.executable, str(script)], logs, apart))
        seen = read(logs)
        twice = {"203.0.113.9 port 443": 2, "2001:db8::1 port 443": 2, "203.0.113.10 port 53": 2}
        assert seen.outward == twice, "each is tried by the process and by its child"
        assert seen.own == 1


def test_the_demo_tries_to_reach_nobody(tmp_path: Path) -> None:
    """Both at once: most of the time is waiting."""
    environment = {name: value for name, value in os.environ.items() if name not in QUIET}
    environment["HOME"] = str(tmp_path)
    command = [sys.executable, "-m", "brickyard.cli", "demo", "--keep", str(STAYS_S), "--output"]
    runs = {
        apart: watched([*command, str(tmp_path / f"out-{apart}")], tmp_path / f"logs-{apart}", apart, env=environment)
        for apart in (True, False)
    }
    for apart, process in runs.items():
        output = ended(process)
        seen = read(tmp_path / f"logs-{apart}")
        assert seen.outward == {}, "somebody tried to leave"
        assert seen.own > 0, "nothing was written down"
        assert seen.processes > len(("postgres", "broker", "bricks", "work", "serve"))
        assert "Subtitles:" in output
        assert "Yes." in output
    assert not list(tmp_path.rglob("deviceid")), "a runtime gave this machine a number to report with"
