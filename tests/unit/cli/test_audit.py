"""The commands as they are typed, on a database of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from brickyard.access.audit import Audit, Entry
from brickyard.access.chain import Anchor
from brickyard.access.master import MasterKey
from brickyard.cli.audit import app
from brickyard.kit.errors import BadInput, Conflict, NotFound


@pytest.fixture
def audit(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BRICKYARD_HOME", str(tmp_path / "home"))
    return Audit(engine, MasterKey.create(tmp_path / "home" / "master.key").derive("audit"))


@pytest.fixture
def log(audit: Audit) -> Audit:
    for number in range(1, 5):
        audit.append(Entry("u1", "ada", "session", "10.0.0.7", "recording.content", "recording", f"r{number}"))
    return audit


def run(*words: object) -> Result:
    """What it raises is raised, as in the program, whose `main` prints it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def tamper(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(sa.text(statement))


def test_a_good_log_is_told_of(log: Audit) -> None:
    result = run("verify")
    assert result.exit_code == 0
    assert "All lines from 1 to 4 are as they were written" in result.output
    assert "only an anchor tells" in result.output


def test_a_changed_line_ends_the_command_with_one(log: Audit, engine: sa.Engine) -> None:
    tamper(engine, "UPDATE audit SET object_id = 'r9' WHERE seq = 2")
    result = run("verify")
    assert result.exit_code == 1
    assert "Line 2 was changed" in result.output
    assert run("verify", "--from", 3).exit_code == 0


def test_an_anchor_shows_that_the_end_was_cut_off(log: Audit, engine: sa.Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    assert "reaches to line 4" in run("anchor", anchor).output
    assert Anchor(**json.loads(anchor.read_text())) == log.head()
    assert "The anchor at line 4 holds" in run("verify", "--anchor", anchor).output
    tamper(engine, "DELETE FROM audit WHERE seq >= 3")
    assert run("verify").exit_code == 0
    result = run("verify", "--anchor", anchor)
    assert result.exit_code == 1
    assert "stops at line 2, and the anchor was made at line 4" in result.output


def test_an_anchor_that_does_not_hold_is_not_replaced(log: Audit, engine: sa.Engine, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    run("anchor", anchor)
    before = anchor.read_text()
    log.append(Entry("u1", "ada", "session", "", "recording.add"))
    run("anchor", anchor)
    assert json.loads(anchor.read_text())["seq"] == 5
    tamper(engine, "DELETE FROM audit WHERE seq = 5")
    with pytest.raises(Conflict, match="does not agree"):
        run("anchor", anchor)
    assert json.loads(anchor.read_text())["seq"] == 5
    assert before != anchor.read_text()


def test_an_export_is_verified_without_the_database(
    log: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, anchor = tmp_path / "audit.jsonl", tmp_path / "anchor.json"
    assert "5 lines" in run("export", "--output", export).output
    run("anchor", anchor)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert "All lines from 1 to 5" in run("verify", "--file", export, "--anchor", anchor).output
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:2] + lines[3:]))
    result = run("verify", "--file", export)
    assert result.exit_code == 1
    assert "Line 3 is missing" in result.output
    export.write_text(lines[0].replace("ada", "eve"))
    assert run("verify", "--file", export).exit_code == 1
    export.write_text("".join(lines[:3]))
    assert run("verify", "--file", export, "--anchor", anchor).exit_code == 1


def test_an_export_is_recorded_and_overwrites_nothing(log: Audit, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        run("export", "--output", taken)
    assert taken.read_text() == "mine"
    lines = [json.loads(line) for line in run("export").stdout.splitlines()]
    assert (lines[-1]["actor_name"], lines[-1]["via"], lines[-1]["action"]) == (
        "operator",
        "command line",
        "audit.read",
    )


def test_the_tail_ends_with_the_newest(log: Audit) -> None:
    output = run("tail", "-n", 2).output.splitlines()
    assert "audit.read" in output[-1]
    assert "recording r4" in output[-2]
    assert "r2" in run("tail", "--object", "r2", "--actor", "ada", "--action", "recording.content").output


def test_what_cannot_be_read_is_told_of(log: Audit, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe")
    for words in (("verify", "--file", broken), ("verify", "--anchor", broken), ("verify", "--file", tmp_path / "no")):
        with pytest.raises(BadInput, match="can't be read"):
            run(*words)
    broken.write_text("{}\n")
    with pytest.raises(BadInput, match="Line 1 of the file"):
        run("verify", "--file", broken)
    with pytest.raises(BadInput, match="--from"):
        run("verify", "--file", broken, "--from", 2)


def test_an_empty_log_has_nothing_to_anchor(audit: Audit, tmp_path: Path) -> None:
    assert "is empty" in run("verify").output
    with pytest.raises(NotFound, match="nothing to anchor"):
        run("anchor", tmp_path / "anchor.json")
