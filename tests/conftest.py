"""What tests share: a real PostgreSQL, and the real recordings where they are at hand."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
import sqlalchemy as sa
from dbos import run_dbos_database_migrations

from brickyard.jobs import runs
from brickyard.kit import db
from brickyard.kit.postgres import SUPERUSER, Embedded
from brickyard.kit.quiet import silence

silence()

pytest_plugins = ["tests.running_platform"]

REPOSITORY = Path(__file__).parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=4, help="so many of each operation of the API")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Embedded]:
    """The embedded PostgreSQL, one for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="by-pg-"))
    server = Embedded(folder / "data", folder / "run")
    server.prepare()
    process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 30
    while not server.is_ready():
        assert process.poll() is None, "the embedded PostgreSQL ended while starting"
        assert time.monotonic() < give_up, "the embedded PostgreSQL was not ready within 30 s"
        time.sleep(0.05)
    yield server
    process.send_signal(signal.SIGINT)
    process.wait(10)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(postgres: Embedded) -> str:
    """A database with all tables, ours and those of the queue's engine, that others are copied from."""
    name = "template_of_tests"
    _administer(postgres, f"CREATE DATABASE {name}")
    engine = sa.create_engine(_url(postgres, name), poolclass=sa.NullPool)
    db.migrate(engine)
    run_dbos_database_migrations(system_database_url=_url(postgres, name), schema=runs.SCHEMA)
    engine.dispose()
    return name


@pytest.fixture
def engine(postgres: Embedded, template: str) -> Iterator[sa.Engine]:
    """A migrated database of the test's own."""
    name = f"t{uuid4().hex[:12]}"
    _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    engine = db.connect(_url(postgres, name))
    yield engine
    engine.dispose()
    _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recordings with references, kept beside the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the recordings with references are not at hand: {SHARED_DATA} is absent")
    return SHARED_DATA


def _administer(server: Embedded, statement: str) -> None:
    engine = sa.create_engine(_url(server, "postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def _url(server: Embedded, database: str) -> str:
    return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={server.socket_dir}"


# A deadline for each example would be a timing assertion.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
