from __future__ import annotations

import asyncio
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from brickyard.media import child, landlock
from brickyard.media.confine import LAYERS
from brickyard.media.limits import ChildLimits
from tests.unit.media import escapes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines a child")


REFUSALS = ("EPERM", "EACCES", "EXDEV")


def run(function: str, *, reads: Sequence[Path] = (), writes: Sequence[Path] = (), **arguments: Any) -> dict[str, Any]:
    call = f"tests.unit.media.escapes:{function}"
    return asyncio.run(child.run(call, arguments, ChildLimits(), reads=reads, writes=writes))


@pytest.fixture(scope="module")
def layers() -> dict[str, bool]:
    return child.confinement()


def needs(layers: dict[str, bool], name: str) -> None:
    if not layers[name]:
        pytest.skip(f"this kernel or container does not allow the layer '{name}'")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A recording beside another one, in the folder "in"; where the child may write is "out"."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "other").write_bytes(b"another recording")
    path = tmp_path / "in" / "source"
    path.write_bytes(b"a recording")
    path.chmod(0o600)
    return path


@pytest.fixture
def port() -> Iterator[int]:
    """Something that listens on this machine."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


def test_the_layers_are_named_and_found_out_by_trying(layers: dict[str, bool]) -> None:
    assert tuple(layers) == LAYERS
    assert layers["files"] == bool(landlock.version())


@pytest.fixture(scope="module")
def called() -> dict[str, Any]:
    return run("try_calls")


@pytest.mark.parametrize("what", escapes.CALLS)
def test_the_kernel_is_not_asked_for(layers: dict[str, bool], called: dict[str, Any], what: str) -> None:
    needs(layers, "system calls")
    assert called[what] == "EPERM"


def test_no_file_but_those_given_is_opened_or_changed(layers: dict[str, bool], source: Path) -> None:
    needs(layers, "files")
    result = run("try_files", reads=[source], source=str(source))
    assert {what: error for what, error in result.items() if error not in REFUSALS} == {}
    assert set(result) == set(escapes.FILES)
    assert source.read_bytes() == b"a recording"
    assert sorted(path.name for path in source.parent.iterdir()) == ["other", "source"]
    assert source.stat().st_mode & 0o777 == 0o600


def test_where_it_may_write_it_makes_files_and_nothing_else(layers: dict[str, bool], source: Path) -> None:
    needs(layers, "files")
    folder = source.parent.parent / "out"
    result = run("try_places", reads=[source], writes=[folder], folder=str(folder), source=str(source))
    assert {what: error for what, error in result.items() if error not in REFUSALS} == {}
    assert set(result) == set(escapes.PLACES)
    assert list(folder.iterdir()) == []


def test_what_is_allowed_works(source: Path) -> None:
    folder, target = source.parent.parent / "out", source.parent / "target"
    target.touch()
    result = run(
        "work", reads=[source], writes=[folder, target], source=str(source), folder=str(folder), target=str(target)
    )
    assert result["threads"] == 1
    assert result["random"] == 8
    assert target.read_bytes() == (folder / "kept").read_bytes() == b"a recording"
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_nothing_starts_a_thread_before_files_are_closed_off() -> None:
    """Landlock would not hold for one that runs already."""
    modules = [f"brickyard.media.{name}" for name in ("container", "extract", "stills", "paper")]
    assert run("load", modules=modules)["threads"] == 1


def alone(program: str) -> str:
    """What a process of its own says that puts up one layer and then tries something."""
    told = subprocess.run(
        [sys.executable, "-c", f"import ctypes, os, socket\n{program}"],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


NEVER_MORE = "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)\n"
CONNECT = (
    "try:\n    socket.create_connection(('127.0.0.1', {port}), timeout=5)\n    print('connected')\n"
    "except OSError as error:\n    print(type(error).__name__, error.errno)\n"
)


def test_each_layer_alone_keeps_it_off_the_network(layers: dict[str, bool], port: int) -> None:
    connect = CONNECT.format(port=port)
    assert alone(connect) == "connected"
    if layers["network"]:
        cut_off = "from brickyard.media.confine import cut_off\ncut_off(os.getppid())\n"
        assert "connected" not in alone(cut_off + connect)
    if landlock.version() >= 4:
        lock = "from brickyard.media import landlock\nassert landlock.install(['/'], [])\n"
        assert alone(NEVER_MORE + lock + connect) == "PermissionError 13"
    if layers["system calls"]:
        seal = "from brickyard.media import seccomp\nassert seccomp.install()\n"
        assert alone(NEVER_MORE + seal + connect) == "PermissionError 1"
