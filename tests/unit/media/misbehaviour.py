"""What hostile media might make a decoder do; run in a child by test_child."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brickyard.kit.errors import TooLarge

Report = Callable[[dict[str, Any]], None]


def answer(report: Report, **arguments: Any) -> dict[str, Any]:
    report({"at": 1})
    report({"at": 2})
    return {
        "arguments": arguments,
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "stdin": sys.stdin.read(),
        "folder": str(Path.cwd()),
    }


def refuse(report: Report) -> dict[str, Any]:
    raise TooLarge("the limit is 1; this is 2")


def crash(report: Report) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def fill(report: Report) -> dict[str, Any]:
    return {"size": len(bytearray(4 << 30))}


def spin(report: Report) -> dict[str, Any]:
    while True:
        pass


def stall(report: Report, mark: str = "", key: str = "") -> dict[str, Any]:
    if mark:
        Path(mark).write_text(str(os.getpid()))
    report({"pid": os.getpid()})
    time.sleep(600)
    return {}


def write(report: Report, path: str) -> dict[str, Any]:
    Path(path).write_bytes(bytes(8 << 20))
    return {}


def flood(report: Report) -> dict[str, Any]:
    while True:
        report({"text": "a" * 10_000})


def drone(report: Report) -> dict[str, Any]:
    report({"text": "a" * 1_000_000})
    return {}


def measure(report: Report, text: str) -> dict[str, Any]:
    return {"letters": len(text)}


def stumble(report: Report, key: str = "") -> dict[str, Any]:
    raise KeyError("a mistake of ours")


def chatter(report: Report) -> dict[str, Any]:
    os.write(sys.__stdout__.fileno() if sys.__stdout__ else 1, b'{"result": {"forged": true}}\n')
    return {"forged": False}
