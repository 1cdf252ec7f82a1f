from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from brickyard.kit.settings import LONGEST_SOCKET_FOLDER, Settings

LONGEST_ADDRESS = 107
"""Bytes of a Unix socket's path, without the zero at its end."""

folders = st.lists(st.text("abcäß/ .-", min_size=1, max_size=40), max_size=6).map(lambda parts: "/" + "/".join(parts))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BRICKYARD_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def test_without_an_environment_all_lies_below_one_folder() -> None:
    found = Settings()
    assert found.database_url is None
    assert found.home.is_absolute()
    assert {found.files_dir.parent, found.logs_dir.parent, found.postgres_dir.parent} == {found.home}
    assert found.url == "http://127.0.0.1:8400"


def test_each_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {"HOME": str(tmp_path), "PORT": "9000", "RUNNING_JOBS": "7", "SUPERVISED": "true", "DEVICE": "cuda"}
    for name, value in values.items():
        monkeypatch.setenv(f"BRICKYARD_{name}", value)
    found = Settings()
    assert (found.home, found.port, found.running_jobs, found.supervised) == (tmp_path, 9000, 7, True)
    assert found.device == "cuda"


def test_the_database_is_read_without_the_prefix_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://one/db")
    assert Settings().database_url == "postgresql://one/db"
    monkeypatch.setenv("BRICKYARD_DATABASE_URL", "postgresql://two/db")
    assert Settings().database_url == "postgresql://two/db"


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files have it: `DATABASE_URL=${DATABASE_URL:-}`."""
    for name in ("BRICKYARD_MODEL_STORE", "BRICKYARD_DATABASE_URL", "DATABASE_URL", "BRICKYARD_PORT"):
        monkeypatch.setenv(name, "")
    found = Settings()
    assert (found.model_store, found.database_url, found.port) == (None, None, 8400)
    monkeypatch.setenv("DATABASE_URL", "postgresql://one/db")
    assert Settings().database_url == "postgresql://one/db"


def test_folders_are_absolute_for_children_may_work_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRICKYARD_HOME", "data")
    monkeypatch.setenv("BRICKYARD_MODEL_STORE", "~/models")
    found = Settings()
    assert found.home == tmp_path / "data"
    assert found.model_store == Path.home() / "models"


@pytest.mark.parametrize("name", ["RUNNING_JOBS", "WORKER_SLOTS", "HEARTBEAT_S", "KEEP_RESULTS_DAYS", "BRICK_THREADS"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"BRICKYARD_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(folders, folders)
def test_every_socket_has_an_address_that_is_short_enough(
    monkeypatch: pytest.MonkeyPatch, home: str, temporary: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", temporary)
    found = Settings(home=Path(home))
    sockets = [found.broker_socket, found.brick_socket("translate"), found.run_dir / "pg" / ".s.PGSQL.5432.lock"]
    assert all(len(os.fsencode(path)) <= LONGEST_ADDRESS for path in sockets)
    assert len(os.fsencode(found.run_dir)) <= LONGEST_SOCKET_FOLDER


def test_sockets_lie_beside_the_data_where_they_can() -> None:
    assert Settings(home=Path("/srv/brickyard")).run_dir == Path("/srv/brickyard/run")


def test_two_long_homes_do_not_share_their_sockets() -> None:
    one, two = (Settings(home=Path("/srv") / ("x" * 80) / name) for name in ("one", "two"))
    assert one.run_dir != two.run_dir
    assert one.run_dir == Settings(home=one.home).run_dir
    assert str(os.getuid()) in one.run_dir.name


def test_pinned_models_are_named_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().pinned == frozenset()
    monkeypatch.setenv("BRICKYARD_PINNED_MODELS", " turbo, community-1 ,")
    assert Settings().pinned == {"turbo", "community-1"}
