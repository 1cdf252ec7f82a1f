"""The one door to PostgreSQL: an engine, migrations, and patience with a server that restarts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import InterfaceError, OperationalError

from brickyard.kit.errors import Unavailable

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MIGRATION_LOCK = 8_400_000

T = TypeVar("T")


def sqlalchemy_url(url: str) -> str:
    """The same address with our driver named: `postgresql://…` → `postgresql+psycopg://…`."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def connect(url: str, pool_size: int = 8) -> sa.Engine:
    return sa.create_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5},
    )


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version. Safe to call from several processes at once."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def is_outage(error: BaseException) -> bool:
    """Whether the server went away, rather than refused what was asked."""
    if isinstance(error, InterfaceError):
        return True
    return isinstance(error, OperationalError) and (error.connection_invalidated or _no_server(error))


def _no_server(error: OperationalError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def patiently(call: Callable[[], T], patience_s: float = 60.0) -> T:
    """Call again while the server is away, for up to `patience_s`. `call` must be safe to repeat.

    Raises Unavailable when the server stays away; every other error passes unchanged.
    """
    give_up = time.monotonic() + patience_s
    pause_s = 0.1
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError) as error:
            if not is_outage(error):
                raise
            if time.monotonic() + pause_s > give_up:
                raise Unavailable(
                    f"PostgreSQL has not answered for {patience_s:.0f} s ({error.orig}). Check that it runs and that "
                    "its address is right; what was finished is safe and work goes on when it is back."
                ) from error
        time.sleep(pause_s * random.uniform(0.7, 1.3))
        pause_s = min(2.0, pause_s * 2)
