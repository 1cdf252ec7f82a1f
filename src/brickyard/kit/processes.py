"""A small supervisor: starts child processes in order, waits until each is ready, starts again what falls over.

A child whose supervisor is gone ends by itself: it holds the reading end of a pipe (its standard input) that only the
supervisor keeps open. So nothing is left behind, even after kill -9 of the supervisor.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from brickyard.kit.errors import Unavailable
from brickyard.kit.logs import get

log = get(__name__)

RESTART_PAUSE_S = 0.3
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 20.0


@dataclass
class Child:
    """One process to keep alive. `ready` is asked until it says yes; `stop_signal` ends it cleanly."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    before_start: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_s: float = 60.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    watched: bool = field(default=False, init=False)
    """Whether it has been ready once; only then is it started again when it falls over."""
    restarts: int = field(default=0, init=False)
    started_at: float = field(default=0.0, init=False)
    restart_at: float | None = field(default=None, init=False)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps children alive until `stop`. Their output goes to one file each in `logs_dir`."""

    def __init__(self, logs_dir: Path, environment: dict[str, str]) -> None:
        self._logs_dir = logs_dir
        self.environment = environment
        self._children: list[Child] = []
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, daemon=True, name="supervisor")

    def start(self, children: Sequence[Child]) -> None:
        """Start all at once and wait until each is ready. Raises Unavailable, with the log's end, if one is not."""
        for child in children:
            self._spawn(child)
            self._children.append(child)
        for child in children:
            self._await_ready(child)
            child.watched = True
        if not self._watch.is_alive():
            self._watch.start()

    def stop(self, patience_s: float = 10.0) -> None:
        """End all children, last started first; kill what does not end in time."""
        self._stopping.set()
        if self._watch.is_alive():
            # It may be starting a child again at this moment, which has to be ended too.
            self._watch.join()
        for child in reversed(self._children):
            self._end(child, patience_s)

    def pids(self) -> dict[str, int]:
        """Of the children that are alive now, by name."""
        return {c.name: c.process.pid for c in self._children if c.process and c.is_alive()}

    def _end(self, child: Child, patience_s: float) -> None:
        if child.process is None:
            return
        if child.is_alive():
            child.process.send_signal(child.stop_signal)
        try:
            child.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            log.warning("child did not stop in time and is killed", child=child.name, patience_s=patience_s)
            child.process.kill()
            child.process.wait()
        if child.process.stdin:
            child.process.stdin.close()

    def _spawn(self, child: Child) -> None:
        child.before_start()
        self._logs_dir.mkdir(parents=True, exist_ok=True)
        with (self._logs_dir / f"{child.name}.log").open("ab") as output:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )
        child.started_at = time.monotonic()

    def _await_ready(self, child: Child) -> None:
        give_up = time.monotonic() + child.ready_within_s
        while not child.ready():
            if not child.is_alive():
                raise Unavailable(f"{child.name} ended while starting. Its last words:\n{self._last_words(child)}")
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"{child.name} was not ready within {child.ready_within_s:.0f} s. "
                    f"Its last words:\n{self._last_words(child)}"
                )
            time.sleep(0.05)

    def _last_words(self, child: Child, lines: int = 15) -> str:
        text = (self._logs_dir / f"{child.name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _keep_alive(self) -> None:
        while not self._stopping.wait(0.1):
            for child in self._children:
                if not child.watched or child.is_alive() or self._stopping.is_set():
                    continue
                self._restart(child)

    def _restart(self, child: Child) -> None:
        """Start again, after a pause that doubles for a child that keeps falling over at once.

        Does not wait itself: while one child pauses, the others are looked after.
        """
        now = time.monotonic()
        if child.restart_at is None:
            if now - child.started_at > STEADY_AFTER_S:
                child.restarts = 0
            code = child.process.returncode if child.process else None
            log.warning("child ended and is started again", child=child.name, code=code, restarts=child.restarts)
            child.restart_at = now + min(LONGEST_PAUSE_S, RESTART_PAUSE_S * 2 ** min(child.restarts, 10))
        if now < child.restart_at:
            return
        child.restart_at = None
        child.restarts += 1
        try:
            self._spawn(child)
        except (OSError, Unavailable) as error:
            log.error("child could not be started", child=child.name, error=str(error))


def end_with_parent() -> None:
    """Called once in a child: when the supervisor's end of our standard input closes, end this process."""

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
