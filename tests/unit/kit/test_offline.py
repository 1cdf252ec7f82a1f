from __future__ import annotations

import json
import platform
import subprocess
import sys
from typing import Any

import pytest

from brickyard.kit.offline import MACHINE, is_offline

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MACHINE, reason="the filter is for Linux on x86-64 and ARM"
)

INSIDE = """
import ctypes, errno, json, socket, subprocess, sys, threading
from brickyard.kit.offline import is_offline, stay_offline

def family(number, kind=socket.SOCK_STREAM):
    try:
        socket.socket(number, kind).close()
        return "opened"
    except OSError as error:
        return errno.errorcode[error.errno]

def call(number):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(ctypes.c_long(number), socket.AF_INET, socket.SOCK_STREAM, 0), ctypes.get_errno()

go, seen_by_thread = threading.Event(), []
def older_thread():
    go.wait()
    seen_by_thread.append(family(socket.AF_INET))
thread = threading.Thread(target=older_thread)
thread.start()
before = is_offline()
installed = stay_offline()
go.set()
thread.join()
child = "import socket; socket.socket(socket.AF_INET)"
print(json.dumps({
    "installed": installed, "before": before, "after": is_offline(), "thread": seen_by_thread[0],
    "inet": family(socket.AF_INET), "inet6": family(socket.AF_INET6, socket.SOCK_DGRAM),
    "packet": family(socket.AF_PACKET, socket.SOCK_RAW), "vsock": family(40),
    "unix": family(socket.AF_UNIX), "netlink": family(socket.AF_NETLINK, socket.SOCK_RAW),
    "pair": len(socket.socketpair()), "io_uring": call(425)[1] == errno.ENOSYS,
    "child": subprocess.run([sys.executable, "-c", child], stderr=subprocess.DEVNULL).returncode,
    "again": stay_offline(),
}))
"""


@pytest.fixture(scope="module")
def inside() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", INSIDE], capture_output=True, text=True, check=True, timeout=60)
    seen: dict[str, Any] = json.loads(done.stdout)
    if not seen["installed"]:
        pytest.skip("this kernel or container lets no process filter its own calls")
    return seen


def test_no_socket_leads_to_another_machine(inside: dict[str, Any]) -> None:
    assert inside["before"] is False
    assert inside["after"] is True
    assert (inside["inet"], inside["inet6"], inside["packet"], inside["vsock"]) == ("EAFNOSUPPORT",) * 4


def test_local_sockets_stay(inside: dict[str, Any]) -> None:
    assert (inside["unix"], inside["netlink"], inside["pair"]) == ("opened", "opened", 2)


def test_no_way_around_it(inside: dict[str, Any]) -> None:
    """Not by a thread that was there before, nor by another program, nor by a ring, nor by asking again."""
    assert inside["thread"] == "EAFNOSUPPORT"
    assert inside["child"] == 1
    assert inside["io_uring"] is True
    assert inside["again"] is True


def test_who_did_not_ask_for_it_is_online() -> None:
    assert is_offline() is False
