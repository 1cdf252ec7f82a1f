"""Which workers are alive. A worker beats; one that has not for a while is taken for dead and loses its jobs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import psutil
import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Worker:
    id: str
    host: str
    pid: int
    slots: int
    started_at: datetime
    beat_at: datetime


class Workers:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, slots: int) -> Worker:
        """A new worker with an id of its own: a restarted process is another worker, so nothing of the old one can
        be taken for its own."""
        host, pid = socket.gethostname(), os.getpid()
        query = sa.text("""
            INSERT INTO workers (id, host, pid, slots) VALUES (:id, :host, :pid, :slots)
            RETURNING id, host, pid, slots, started_at, beat_at""")
        values = {"id": f"{host}-{pid}-{uuid4().hex[:6]}", "host": host, "pid": pid, "slots": slots}
        with self._engine.begin() as connection:
            return Worker(**connection.execute(query, values).one()._mapping)

    def beat(self, worker: str) -> bool:
        """Say that we live. False where others have taken us for dead: then this process must end."""
        query = sa.text("UPDATE workers SET beat_at = clock_timestamp() WHERE id = :id")
        with self._engine.begin() as connection:
            return connection.execute(query, {"id": worker}).rowcount == 1

    def leave(self, worker: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM workers WHERE id = :id"), {"id": worker})

    def all(self) -> list[Worker]:
        query = sa.text("SELECT id, host, pid, slots, started_at, beat_at FROM workers ORDER BY started_at")
        with self._engine.connect() as connection:
            return [Worker(**row._mapping) for row in connection.execute(query)]

    def bury(self, lost_after_s: float) -> list[str]:
        """Remove workers that are silent for too long, or whose process on this host has ended; returns their ids."""
        with self._engine.connect() as connection:
            now = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        silent_since = now - timedelta(seconds=lost_after_s)
        dead = [w.id for w in self.all() if w.beat_at < silent_since or _has_ended(w)]
        if not dead:
            return []
        query = sa.text("""
            DELETE FROM workers WHERE id = ANY(:dead) AND (beat_at < :silent_since OR host = :host) RETURNING id""")
        values = {"dead": dead, "silent_since": silent_since, "host": socket.gethostname()}
        with self._engine.begin() as connection:
            return list(connection.execute(query, values).scalars())


def _has_ended(worker: Worker) -> bool:
    if worker.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(worker.pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.create_time() > worker.started_at.timestamp() + 1
    except psutil.NoSuchProcess:
        return True
