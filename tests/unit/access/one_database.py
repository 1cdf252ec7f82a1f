"""One database for the tests of a module, emptied before each: to make one takes longer than most of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy as sa

from brickyard.access.actor import OPERATOR
from brickyard.kit import db
from brickyard.kit.postgres import SUPERUSER, Embedded

EMPTIED = ("links", "sessions", "teams", "sign_in_failures", "api_keys", "audit")


@contextmanager
def made(server: Embedded, template: str) -> Iterator[sa.Engine]:
    name = f"t{uuid4().hex[:12]}"
    outside = sa.create_engine(_url(server, "postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with outside.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine = db.connect(_url(server, name))
    yield engine
    engine.dispose()
    with outside.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    outside.dispose()


def emptied(engine: sa.Engine) -> sa.Engine:
    """Of people, but for the operator, and of all that hangs on them; and of the audit log, which refuses that else."""
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        for table in EMPTIED:
            connection.execute(sa.text(f"DELETE FROM {table}"))
        connection.execute(sa.text("DELETE FROM users WHERE id <> :operator"), {"operator": OPERATOR})
        connection.execute(sa.text("UPDATE users SET last_sign_in_at = NULL"))
        connection.execute(sa.text("ALTER TABLE audit ENABLE TRIGGER USER"))
    return engine


def _url(server: Embedded, database: str) -> str:
    return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={server.socket_dir}"
