"""A database for a whole module, for tests that make many people and little else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from brickyard.kit.postgres import Embedded
from tests.unit.access import one_database


@pytest.fixture(scope="module")
def shared_engine(postgres: Embedded, template: str) -> Iterator[sa.Engine]:
    """Ask for it through `one_database.emptied`."""
    with one_database.made(postgres, template) as engine:
        yield engine
