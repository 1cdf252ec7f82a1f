"""The whole platform, as `brickyard up` runs it, on a folder of its own; one for all tests of a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from brickyard.cli.demo import recording
from brickyard.cli.remote import Remote, key_of
from brickyard.cli.up import Platform, free_port, running
from brickyard.kit.settings import Settings


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    home = Path(tempfile.mkdtemp(prefix="by-"))
    settings = Settings(home=home, port=free_port(), worker_lost_after_s=3.0).model_copy(update={"database_url": None})
    with running(settings, lambda _: None) as platform:
        yield platform
    shutil.rmtree(home)


def as_operator(settings: Settings) -> dict[str, str]:
    """Headers of requests by whoever runs the platform."""
    return {"authorization": f"Bearer {key_of(settings)}"}


@pytest.fixture
def remote(platform: Platform) -> Remote:
    return Remote.of(platform.settings)


@pytest.fixture(scope="session")
def wheel_audio() -> Path:
    """The folder of real recordings that comes with the speech model."""
    return recording().parent
