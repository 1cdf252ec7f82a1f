"""`brickyard up`: the whole platform on one machine, the same processes and protocol as in production."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO

import httpx
import sqlalchemy as sa

from brickyard.cli import operator
from brickyard.cli.bricks import BRICKS
from brickyard.kit import db
from brickyard.kit.errors import Conflict
from brickyard.kit.postgres import Embedded
from brickyard.kit.processes import Child, Supervisor
from brickyard.kit.quiet import quiet_environment
from brickyard.kit.settings import Settings

Say = Callable[[str], None]


class Platform:
    """All processes of one machine. `start` returns when every one answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database_url = ""
        self.first_link: str | None = None
        """Where the first administrator is made, once; None where there is one."""
        self._supervisor = Supervisor(settings.logs_dir, {})

    def start(self, say: Say) -> None:
        settings = self.settings
        for folder in (settings.home, settings.run_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_port(settings)
        self.database_url = url = settings.database_url or self._start_postgres(say)
        engine = db.connect(url, pool_size=2)
        db.migrate(engine)
        operator.prepare(settings, engine)
        self.first_link = operator.first_administrator_link(settings, engine)
        self._supervisor.environment = _environment(settings, url)
        say("starting the broker")
        self._supervisor.start([self._child("broker", ready=lambda: _accepts(settings.broker_socket))])
        say(f"starting the bricks ({', '.join(BRICKS)}), the worker and the web server")
        children = [self._child("brick", name, ready=_brick_ready(settings.brick_socket(name))) for name in BRICKS]
        work = self._child("work", ready=lambda: False)
        work.ready = lambda: work.process is not None and _has_worker(engine, work.process.pid)
        web = self._child("serve", ready=lambda: _answers(f"{settings.url}/health"))
        self._supervisor.start([*children, work, web])
        engine.dispose()

    def operator_link(self) -> str:
        """Opens the app as the operator, once, within the hour."""
        engine = db.connect(self.database_url, pool_size=1)
        try:
            return operator.sign_in_link(self.settings, engine, timedelta(hours=1))
        finally:
            engine.dispose()

    def stop(self) -> None:
        self._supervisor.stop()

    def pids(self) -> dict[str, int]:
        return self._supervisor.pids()

    def _start_postgres(self, say: Say) -> str:
        settings = self.settings
        server = Embedded(settings.postgres_dir, settings.run_dir / "pg")
        say(f"starting PostgreSQL in {settings.postgres_dir}")
        server.prepare()
        self._supervisor.environment = dict(os.environ)
        child = Child(
            "postgres",
            server.command(),
            ready=server.is_ready,
            before_start=server.prepare,
            stop_signal=signal.SIGINT,
        )
        self._supervisor.start([child])
        server.create_database()
        return server.url

    def _child(self, *arguments: str, ready: Callable[[], bool]) -> Child:
        return Child("-".join(arguments), [sys.executable, "-m", "brickyard.cli", *arguments], ready)


@contextmanager
def running(settings: Settings, say: Say) -> Iterator[Platform]:
    """The platform while the block runs; nothing of it is left afterwards, whatever happens."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.home / "up.lock").open("w") as lock:
        _lock(lock, settings)
        platform = Platform(settings)
        try:
            platform.start(say)
            yield platform
        finally:
            say("stopping")
            platform.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _check_port(settings: Settings) -> None:
    if not port_is_free(settings.host, settings.port):
        raise Conflict(
            f"Port {settings.port} on {settings.host} is taken by another program. "
            "Stop that, or choose another port with BRICKYARD_PORT."
        )


def _lock(lock: IO[str], settings: Settings) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            f"A platform is running already on {settings.home}. Use that one, stop it, or set another BRICKYARD_HOME."
        ) from error


def _environment(settings: Settings, url: str) -> dict[str, str]:
    """What the children get: these settings, one thread each for numeric libraries, whose pools would spin, and two
    heaps each, since with one for every thread each would keep what its largest chunk took."""
    own = {
        f"BRICKYARD_{name.upper()}": str(value) for name, value in settings.model_dump().items() if value is not None
    }
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX")
    frugal = {**dict.fromkeys(names, "1"), "MALLOC_ARENA_MAX": "2"}
    return {
        **os.environ,
        **quiet_environment(),
        **frugal,
        **own,
        "BRICKYARD_DATABASE_URL": url,
        "BRICKYARD_SUPERVISED": "true",
    }


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _brick_ready(path: Path) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=5.0) as client:
                return client.get("http://brick/health").is_success
        except httpx.TransportError:
            return False

    return ready


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _has_worker(engine: sa.Engine, pid: int) -> bool:
    with engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM workers WHERE pid = :pid")
        return bool(connection.execute(query, {"pid": pid}).scalar_one())
