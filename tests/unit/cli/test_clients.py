from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from brickyard.access.audit import Audit
from brickyard.access.master import MasterKey
from brickyard.access.oauth import clients
from brickyard.access.oauth.signing import SigningKeys
from brickyard.access.policy import Role
from brickyard.cli.clients import app
from brickyard.kit.errors import BadInput, NotFound

BACK = "https://grafana.test/login/generic_oauth"


@pytest.fixture
def here(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """The database and the master key that the commands find."""
    MasterKey.create(tmp_path / "master.key")
    monkeypatch.setenv("BRICKYARD_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BRICKYARD_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    monkeypatch.setenv("BRICKYARD_PUBLIC_URL", "https://echo.example.org/")
    return engine


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_what_an_app_needs_is_printed_once(here: sa.Engine) -> None:
    made = run("add", "Grafana", "--redirect-uri", BACK, "--role", "auditor", "--scope", "openid", "--scope", "groups")
    assert made.exit_code == 0, made.output
    shown = dict(line.split() for line in made.stdout.splitlines())
    client = clients.find(here, shown["client_id"])
    assert client is not None
    assert client.check_client_secret(shown["client_secret"])
    assert shown["issuer"] == "https://echo.example.org"
    assert (client.roles, client.scopes, client.redirect_uris) == ({Role.AUDITOR}, {"openid", "groups"}, (BACK,))
    listed = run("list").stdout
    assert "Grafana" in listed
    assert "auditor" in listed
    assert shown["client_secret"] not in listed


def test_a_public_client_has_no_secret(here: sa.Engine) -> None:
    made = run("add", "Desk", "--redirect-uri", "http://127.0.0.1/back", "--public")
    assert "client_secret" not in made.stdout
    assert "public" in run("list").stdout


def test_what_is_removed_or_unsafe_is_refused(here: sa.Engine) -> None:
    client_id = run("add", "Grafana", "--redirect-uri", BACK).stdout.split()[1]
    assert run("remove", client_id).stdout == f"Grafana ({client_id}) is removed.\n"
    assert isinstance(run("remove", client_id).exception, NotFound)
    assert isinstance(run("add", "Grafana", "--redirect-uri", "http://grafana.test/").exception, BadInput)
    assert clients.every(here) == []


def test_what_is_done_here_is_in_the_audit_log(here: sa.Engine) -> None:
    client_id = run("add", "Grafana", "--redirect-uri", BACK).stdout.split()[1]
    run("remove", client_id)
    lines = list(Audit(here, bytes(32)).lines())
    assert [(line.action, line.actor, line.object_id) for line in lines] == [
        ("client.change", "local", ""),
        ("client.change", "local", client_id),
    ]
    assert lines[0].details == {"added": "Grafana"}


def test_the_next_key_is_made(here: sa.Engine, tmp_path: Path) -> None:
    master = MasterKey.load(tmp_path / "master.key")
    SigningKeys(here, master).signer()
    assert run("rotate-key").stdout == "oidc_signing_2 is made.\n"
    assert len(SigningKeys(here, master).public()["keys"]) == 2
