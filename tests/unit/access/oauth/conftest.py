"""One database for the whole folder, emptied between tests: there are many, and each needs several tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from brickyard.kit import db
from brickyard.kit.postgres import SUPERUSER, Embedded
from tests.unit.access.oauth.scene import Scene

NAME = "oauth_of_tests"


@pytest.fixture(scope="package")
def kept(postgres: Embedded, template: str) -> Iterator[sa.Engine]:
    address = f"postgresql+psycopg://{SUPERUSER}@/{{}}?host={postgres.socket_dir}"
    admin = sa.create_engine(address.format("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {NAME} TEMPLATE {template}"))
    engine = db.connect(address.format(NAME))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {NAME} WITH (FORCE)"))


@pytest.fixture
def engine(kept: sa.Engine) -> sa.Engine:
    """What the platform's own signing key is stays from test to test: making one takes time."""
    with kept.begin() as connection:
        for statement in (
            "DELETE FROM oauth_clients",
            "DELETE FROM users WHERE id <> 'local'",
            "DELETE FROM teams",
        ):
            connection.execute(sa.text(statement))
    return kept


@pytest.fixture
def scene(engine: sa.Engine) -> Scene:
    return Scene(engine)
