from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from psycopg import errors as postgres_errors
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, ProgrammingError

from brickyard.kit import db
from brickyard.kit.errors import Unavailable
from brickyard.kit.postgres import SUPERUSER, Embedded


def failure(cause: Exception, kind: type[OperationalError | InterfaceError] = OperationalError) -> OperationalError:
    return kind("SELECT 1", {}, cause)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://ada@db:5432/brickyard", "postgresql+psycopg://ada@db:5432/brickyard"),
        ("postgres://ada:pw@db/x?sslmode=require", "postgresql+psycopg://ada:pw@db/x?sslmode=require"),
        ("postgresql+psycopg://ada@/x?host=%2Frun", "postgresql+psycopg://ada@/x?host=%2Frun"),
        ("postgresql://ada@db/postgres://", "postgresql+psycopg://ada@db/postgres://"),
    ],
)
def test_an_address_names_our_driver(url: str, named: str) -> None:
    assert db.sqlalchemy_url(url) == named


# ---- is_outage


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (failure(postgres_errors.AdminShutdown()), True),
        (failure(postgres_errors.CrashShutdown()), True),
        (failure(postgres_errors.CannotConnectNow()), True),
        (failure(postgres_errors.ConnectionFailure()), True),
        (failure(ConnectionRefusedError("no sqlstate at all")), True),
        (failure(Exception("closed"), InterfaceError), True),
        (failure(postgres_errors.DiskFull()), False),
        (failure(postgres_errors.QueryCanceled()), False),
        (failure(postgres_errors.DeadlockDetected()), False),
        (IntegrityError("INSERT", {}, Exception("twice")), False),
        (ProgrammingError("SELEC", {}, Exception("syntax")), False),
        (ConnectionResetError(), False),
    ],
)
def test_only_a_server_that_is_away_is_an_outage(error: Exception, outage: bool) -> None:
    assert db.is_outage(error) is outage


def test_a_connection_that_broke_is_an_outage_whatever_it_says() -> None:
    error = OperationalError("SELECT 1", {}, postgres_errors.DiskFull(), connection_invalidated=True)
    assert db.is_outage(error)


# ---- patiently


class Flaky:
    """Fails as often as told, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "here"


AWAY = failure(postgres_errors.CannotConnectNow("the database system is starting up"))


def test_a_server_that_comes_back_is_waited_for() -> None:
    call = Flaky(AWAY, AWAY)
    assert db.patiently(call) == "here"
    assert call.calls == 3


def test_patience_ends_with_what_is_wrong_and_what_is_safe() -> None:
    call = Flaky(*[AWAY] * 99)
    with pytest.raises(
        Unavailable, match=r"not answered for 0 s \(the database .* starting up\).*finished is safe"
    ) as error:
        db.patiently(call, patience_s=0.25)
    assert error.value.__cause__ is AWAY
    assert 1 < call.calls < 99


@pytest.mark.parametrize(
    "error", [failure(postgres_errors.DiskFull()), IntegrityError("INSERT", {}, Exception("twice")), KeyError("x")]
)
def test_what_is_no_outage_passes_at_once(error: Exception) -> None:
    call = Flaky(error)
    with pytest.raises(type(error)):
        db.patiently(call)
    assert call.calls == 1


# ---- with a server


@pytest.mark.slow
def test_migrating_again_changes_nothing_and_several_may_do_it_at_once(postgres: Embedded, engine: sa.Engine) -> None:
    tables = set(sa.inspect(engine).get_table_names())
    assert {"recordings", "jobs", "steps", "chunks", "transcripts"} <= tables
    failed: list[BaseException] = []

    def migrate() -> None:
        try:
            db.migrate(engine)
        except sa.exc.SQLAlchemyError as error:
            failed.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert set(sa.inspect(engine).get_table_names()) == tables
    with engine.connect() as connection:
        held = connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar_one()
    assert held == 0


@pytest.mark.slow
def test_a_query_that_is_ended_by_the_server_is_an_outage_and_works_again(engine: sa.Engine) -> None:
    calls: list[int] = []

    def answer() -> int:
        with engine.connect() as connection:
            own: int = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            calls.append(own)
            if len(calls) == 1:
                connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return own

    assert db.patiently(answer, patience_s=10) == calls[-1]
    assert len(calls) == 2


def test_a_socket_without_a_server_is_an_outage(tmp_path: Path) -> None:
    nowhere = db.connect(f"postgresql://{SUPERUSER}@/x?host={tmp_path}")
    with pytest.raises(OperationalError) as error, nowhere.connect():
        pass
    assert db.is_outage(error.value)
