"""Recordings made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.media import samples


@pytest.fixture(scope="session")
def reader() -> samples.Signal:
    """Five seconds of one person reading."""
    return samples.speech("two_cities", 5)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory, reader: samples.Signal) -> dict[str, Path]:
    """`reader` in every allowed kind, by the name of the kind."""
    folder = tmp_path_factory.mktemp("recordings")
    # The names say nothing of the kind: it must be told from the content.
    return {kind: samples.make(folder / f"{number}.bin", kind, reader) for number, kind in enumerate(samples.KINDS)}
