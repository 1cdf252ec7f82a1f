from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from brickyard.kit.errors import BadMedia, BrickyardError, TooLarge
from brickyard.media import child
from brickyard.media.limits import ChildLimits

TIGHT = ChildLimits(memory_mib=1024, cpu_s=1, wall_s=20.0, written_mib=1)


def run(function: str, limits: ChildLimits = TIGHT, *, writes: Sequence[Path] = (), **arguments: Any) -> dict[str, Any]:
    return asyncio.run(child.run(f"tests.unit.media.misbehaviour:{function}", arguments, limits, writes=writes))


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_the_result_and_the_reports_come_back() -> None:
    seen: list[dict[str, Any]] = []
    result = asyncio.run(child.run("tests.unit.media.misbehaviour:answer", {"a": [1, "ö"]}, TIGHT, seen.append))
    assert result["arguments"] == {"a": [1, "ö"]}
    assert seen == [{"at": 1}, {"at": 2}]


def test_the_child_sees_no_input_and_none_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:password@host/db")
    result = run("answer")
    assert result["stdin"] == ""
    assert result["folder"] == "/"
    assert set(result["environment"]) <= {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "LC_CTYPE"}


def test_its_own_errors_arrive_as_what_they_are() -> None:
    with pytest.raises(TooLarge, match="the limit is 1; this is 2"):
        run("refuse")


def test_a_crash_is_the_fault_of_the_file() -> None:
    with pytest.raises(BadMedia, match="SIGSEGV"):
        run("crash")


def test_memory_is_limited() -> None:
    with pytest.raises(BadMedia, match="more than 1024 MiB"):
        run("fill")


def test_computing_is_limited() -> None:
    with pytest.raises(BadMedia, match="more than 1 s of computing"):
        run("spin")


def test_what_is_written_is_limited(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="more than 1 MiB"):
        run("write", writes=[tmp_path], path=str(tmp_path / "out"))


def test_time_is_limited_and_the_child_is_ended(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with pytest.raises(BadMedia, match=r"within 1\.5 s"):
        run("stall", ChildLimits(wall_s=1.5), writes=[tmp_path], mark=str(mark))
    assert gone(int(mark.read_text()))


def test_a_mistake_of_ours_is_not_blamed_on_the_file() -> None:
    with capture_logs() as logged, pytest.raises(BrickyardError) as caught:
        run("stumble")
    assert not isinstance(caught.value, BadMedia)
    assert "a mistake of ours" in logged[0]["said"]


def test_what_a_library_prints_is_no_answer() -> None:
    assert run("chatter") == {"forged": False}


@pytest.mark.parametrize(("function", "said"), [("flood", "more answers than"), ("drone", "makes no sense")])
def test_a_child_that_was_taken_over_does_not_fill_the_server(function: str, said: str) -> None:
    seen: list[dict[str, Any]] = []
    with pytest.raises(BadMedia, match=said):
        asyncio.run(child.run(f"tests.unit.media.misbehaviour:{function}", {}, ChildLimits(), seen.append))
    assert sum(len(str(news)) for news in seen) <= child.MOST_ANSWERED_BYTES


def test_one_that_nobody_listens_to_any_more_is_ended_all_the_same() -> None:
    """Its pipe is full and asyncio has stopped reading from it, as when it was refused in the middle of a flood."""

    async def flooded() -> int | None:
        command = (sys.executable, "-c", "while True: print('a' * 10_000)")
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        await asyncio.sleep(0.5)
        await asyncio.wait_for(child._end(process), 10)
        return process.returncode

    assert asyncio.run(flooded()) == -signal.SIGKILL


def test_what_is_asked_is_not_on_the_command_line() -> None:
    """It may hold keys, and command lines can be read by every user of the machine."""
    seen: list[str] = []

    def look(news: dict[str, Any]) -> None:
        seen.append((Path("/proc") / str(news["pid"]) / "cmdline").read_text())

    limits = ChildLimits(wall_s=1.0)
    with pytest.raises(BadMedia):
        asyncio.run(child.run("tests.unit.media.misbehaviour:stall", {"key": "5ec2e7"}, limits, look))
    [line] = seen
    assert "brickyard.media.inside" in line
    assert "5ec2e7" not in line


def test_nothing_of_what_was_asked_is_logged() -> None:
    with capture_logs() as logged, pytest.raises(BrickyardError):
        run("stumble", key="5ec2e7")
    assert len(logged) == 1
    assert "5ec2e7" not in str(logged)


def test_a_long_request_arrives_whole() -> None:
    text = "ö" * 500_000
    assert run("measure", text=text) == {"letters": len(text)}


def test_cancelling_ends_the_child() -> None:
    async def cancel_while_it_runs() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            child.run("tests.unit.media.misbehaviour:stall", {}, TIGHT, lambda news: started.set_result(news["pid"]))
        )
        pid = await started
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not psutil.pid_exists(asyncio.run(cancel_while_it_runs()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = (
        "import asyncio; from pathlib import Path; from brickyard.media import child;"
        "from brickyard.media.limits import ChildLimits;"
        f"call = child.run('tests.unit.media.misbehaviour:stall', {{'mark': {str(mark)!r}}}, ChildLimits(),"
        f"writes=[Path({str(tmp_path)!r})]);"
        "asyncio.run(call)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env={"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ) as parent:
        while not (mark.exists() and mark.read_text()):
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    assert gone(int(mark.read_text()))
