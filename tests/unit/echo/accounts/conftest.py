"""One database for each module here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from brickyard.kit.postgres import Embedded
from tests.unit.access import one_database


@pytest.fixture(scope="module")
def shared_engine(postgres: Embedded, template: str) -> Iterator[sa.Engine]:
    with one_database.made(postgres, template) as engine:
        yield engine


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return one_database.emptied(shared_engine)
