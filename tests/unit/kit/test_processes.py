from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from brickyard.kit.errors import Unavailable
from brickyard.kit.processes import Child, Supervisor
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    yield own
    own.stop(patience_s=1.0)


def child(name: str, code: str = SLEEP, ready: Callable[[], bool] = lambda: True, **values: float) -> Child:
    return Child(name, [sys.executable, "-c", code], ready, **values)  # type: ignore[arg-type]


def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    give_up = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def counting(marks: Path, then: str) -> str:
    """A program that leaves a mark each time it is started."""
    return f"import os, time; open({str(marks)!r}, 'a').write('x'); {then}"


def starts(marks: Path) -> int:
    return len(marks.read_text()) if marks.exists() else 0


# ---- start


def test_starting_returns_when_every_child_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    flags = [tmp_path / "a", tmp_path / "b"]
    supervisor.start(
        [
            child(flag.name, f"import time; time.sleep({n / 10}); open({str(flag)!r}, 'w'); {SLEEP}", flag.exists)
            for n, flag in enumerate(flags)
        ]
    )
    assert all(flag.exists() for flag in flags)
    assert set(supervisor.pids()) == {"a", "b"}


def test_a_child_that_ends_while_starting_is_told_with_its_last_words(supervisor: Supervisor) -> None:
    broken = child("broken", "import sys; sys.exit('the port is taken')", ready=lambda: False)
    with pytest.raises(Unavailable, match=r"broken ended while starting(.|\n)*the port is taken"):
        supervisor.start([broken])
    time.sleep(0.5)
    assert broken.restarts == 0, "one that never was ready is not started again"


def test_a_child_that_ends_while_starting_is_told_even_beside_others_that_run(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.start([child("first")])
    marks = tmp_path / "marks"
    with pytest.raises(Unavailable, match="second ended while starting"):
        supervisor.start([child("second", counting(marks, "raise SystemExit(3)"), ready=lambda: False)])
    assert starts(marks) == 1
    assert set(supervisor.pids()) == {"first"}


def test_a_child_that_is_never_ready_is_told(supervisor: Supervisor) -> None:
    with pytest.raises(Unavailable, match="slow was not ready within 0 s"):
        supervisor.start([child("slow", ready=lambda: False, ready_within_s=0.2)])


def test_what_children_say_goes_to_a_file_each(supervisor: Supervisor, tmp_path: Path) -> None:
    said = tmp_path / "logs" / "talker.log"
    supervisor.start([child("talker", f"print('hello', flush=True); {SLEEP}", lambda: "hello" in said.read_text())])
    assert said.read_text() == "hello\n"


# ---- keeping alive


def test_a_child_that_is_killed_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start([child("one"), child("other")])
    before = supervisor.pids()
    os.kill(before["one"], signal.SIGKILL)
    until(lambda: supervisor.pids().get("one", before["one"]) != before["one"])
    assert supervisor.pids()["other"] == before["other"]


def test_a_child_is_prepared_before_each_start(supervisor: Supervisor) -> None:
    prepared: list[int] = []
    own = Child("one", [sys.executable, "-c", SLEEP], lambda: True, before_start=lambda: prepared.append(1))
    supervisor.start([own])
    os.kill(supervisor.pids()["one"], signal.SIGKILL)
    until(lambda: len(prepared) == 2)


def test_one_that_keeps_falling_over_does_not_keep_others_down(supervisor: Supervisor, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    faulty = child("faulty", counting(marks, "raise SystemExit(3)"))
    supervisor.start([faulty, child("sound")])
    until(lambda: starts(marks) >= 2)
    faulty.restarts = 2000  # it has done so for a day
    until(lambda: not faulty.is_alive() and (faulty.restart_at or 0.0) > time.monotonic() + 5)
    before = supervisor.pids()["sound"]
    os.kill(before, signal.SIGKILL)
    until(lambda: supervisor.pids().get("sound", before) != before)


def test_a_child_that_cannot_be_started_again_is_tried_later(supervisor: Supervisor) -> None:
    away = threading.Event()

    def prepare() -> None:
        if away.is_set():
            raise Unavailable("the disk is full")

    own = Child("one", [sys.executable, "-c", SLEEP], lambda: True, before_start=prepare)
    supervisor.start([own])
    away.set()
    os.kill(supervisor.pids()["one"], signal.SIGKILL)
    until(lambda: own.restarts >= 2)
    away.clear()
    until(lambda: "one" in supervisor.pids())


# ---- stopping


def test_stopping_ends_all_the_last_one_first(tmp_path: Path) -> None:
    said = tmp_path / "ends"
    dutiful = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(said)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open(sys.argv[2], 'w')\n"
        "time.sleep(600)"
    )
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    flags = {name: tmp_path / name for name in ("first", "second", "third")}
    own.start([Child(n, [sys.executable, "-c", dutiful, n, str(flag)], flag.exists) for n, flag in flags.items()])
    pids = own.pids().values()
    own.stop()
    assert said.read_text() == "third second first "
    assert own.pids() == {}
    assert not any(is_running(pid) for pid in pids)


def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    stubborn = f"import signal; signal.signal(15, signal.SIG_IGN); open({str(flag)!r}, 'w'); {SLEEP}"
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    own.start([child("stubborn", stubborn, flag.exists)])
    pid = own.pids()["stubborn"]
    own.stop(patience_s=0.2)
    assert not is_running(pid)


def test_a_child_gets_the_signal_that_ends_it_cleanly(tmp_path: Path) -> None:
    flag, said = tmp_path / "ready", tmp_path / "said"
    code = (
        "import signal, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: open({str(said)!r}, 'w').write('int') and exit())\n"
        f"open({str(flag)!r}, 'w')\n"
        "time.sleep(600)"
    )
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    own.start([Child("db", [sys.executable, "-c", code], flag.exists, stop_signal=signal.SIGINT)])
    own.stop()
    assert said.read_text() == "int"


def test_a_child_that_is_being_started_again_while_all_stop_is_ended_too(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def prepare() -> None:
        if go_on.is_set():
            begun.set()
            time.sleep(0.5)

    marks = tmp_path / "marks"
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    one = Child("one", [sys.executable, "-c", counting(marks, SLEEP)], marks.exists, before_start=prepare)
    own.start([one])
    go_on.set()
    os.kill(own.pids()["one"], signal.SIGKILL)
    assert begun.wait(10)
    own.stop()
    time.sleep(0.7)
    assert own.pids() == {}


def test_nothing_is_started_again_after_stopping(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    own = Supervisor(tmp_path / "logs", dict(os.environ))
    own.start([child("one", counting(marks, SLEEP), marks.exists)])
    own.stop()
    time.sleep(1.0)
    assert starts(marks) == 1
    own.stop()


# ---- end_with_parent


def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.kit.supervised", str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": "src:."},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert is_running(pid)
        supervisor.kill()
    until(lambda: not is_running(pid))
