from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.unit.cli.world import World


@pytest.fixture
def world(engine: sa.Engine, tmp_path: Path) -> Iterator[World]:
    """The whole web application. What it takes is imported for those alone who ask for it."""
    from fastapi.testclient import TestClient

    from brickyard.access.master import MasterKey
    from brickyard.cli import web
    from brickyard.kit.settings import Settings
    from tests.unit.cli.world import World

    settings = Settings(home=tmp_path, master_key_file=tmp_path / "master.key")
    app = web.application(settings, engine, MasterKey.create(settings.master_key))
    with TestClient(app, raise_server_exceptions=False, base_url=settings.url) as client:
        yield World(app, engine, client)
