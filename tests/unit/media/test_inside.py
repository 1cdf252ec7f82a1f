"""The child as the kernel sees it; what it answers is told in test_child."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest

from brickyard.media.limits import ChildLimits


def started(said: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "brickyard.media.inside"],
        input=said,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        check=False,
    )


def request(**changes: Any) -> bytes:
    whole = {
        "call": "tests.unit.media.misbehaviour:measure",
        "arguments": {"text": "abc"},
        "limits": asdict(ChildLimits()),
        "parent": os.getpid(),
        "reads": [],
        "writes": [],
    }
    return json.dumps(whole | changes).encode()


def test_one_request_one_answer() -> None:
    done = started(request())
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"result": {"letters": 3}}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_without_the_parent_that_asked_nothing_is_done() -> None:
    done = started(request(parent=1))
    assert done.returncode == 1
    assert done.stdout == b""


@pytest.mark.parametrize("said", [b"", request()[:-20]])
def test_half_a_request_is_none(said: bytes) -> None:
    done = started(said)
    assert done.returncode != 0
    assert done.stdout == b""
