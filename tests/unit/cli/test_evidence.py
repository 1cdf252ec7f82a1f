"""The commands as they are typed, on a database of the test's own; packs are verified without one."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from brickyard.access.audit import Audit, Filter
from brickyard.access.master import MasterKey
from brickyard.cli.evidence import app
from brickyard.echo.evidence.pack import archive, pack
from brickyard.echo.evidence.service import Evidence
from brickyard.kit.errors import BadInput, Conflict, NotFound
from tests.unit.echo.evidence.packs import KEY, NOON, OTHER_KEY, PACK, PARTS, SUBJECT, fingerprint_of, members_of
from tests.unit.echo.retention.archive import add_job, add_people, add_recording, fill


def run(*words: object) -> Result:
    """What it raises is raised, as in the program, whose `main` prints it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.zip"
    path.write_bytes(PACK)
    return path


def test_a_pack_is_made_and_verified(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BRICKYARD_HOME", str(tmp_path / "home"))
    master = MasterKey.create(tmp_path / "home" / "master.key")
    add_people(engine)
    recording = add_recording(engine)
    fill(engine, tmp_path / "files", recording, add_job(engine, recording))
    output = tmp_path / "evidence.zip"
    made = run("make", recording, "--output", output).output
    audit = Audit(engine, master.derive("audit"))
    [line] = audit.page(Filter(action="recording.evidence"), 9)
    assert (line.actor_name, line.via, line.object_id) == ("operator", "command line", str(recording))
    key = Evidence(engine, audit, master).public_key().fingerprint
    assert key in made
    with pytest.raises(Conflict, match="exists already"):
        run("make", recording, "--output", output)
    with pytest.raises(NotFound):
        run("make", UUID(int=5), "--output", tmp_path / "none.zip")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = run("verify", output, "--key", key)
    assert result.exit_code == 0
    assert "which you named" in result.output


def test_it_says_what_is_proven_and_what_is_not(file: Path, tmp_path: Path) -> None:
    nameless = run("verify", file)
    assert nameless.exit_code == 0
    assert "Not proven: who that is" in nameless.output
    assert "Not proven by any pack" in nameless.output
    named = run("verify", file, "--key", fingerprint_of(KEY).upper()).output
    assert "which you named" in named
    assert "Not proven: who that is" not in named
    published = tmp_path / "key.json"
    published.write_text('{"public_key": "' + KEY.public_key().public_bytes_raw().hex() + '"}')
    assert run("verify", file, "--key", published).output == named


def test_a_tampered_pack_ends_with_one(file: Path) -> None:
    file.write_bytes(archive({**members_of(PACK), "jobs.json": b"[1]"}))
    result = run("verify", file)
    assert result.exit_code == 1
    assert "'jobs.json' was changed" in result.output
    assert "proves nothing" in result.output
    file.write_bytes(pack("1.0", NOON, SUBJECT, PARTS, OTHER_KEY))
    assert run("verify", file, "--key", fingerprint_of(KEY)).exit_code == 1
    file.write_bytes(PACK[:-1])
    with pytest.raises(BadInput, match="no evidence pack"):
        run("verify", file)


def test_the_original_is_held_against_it(tmp_path: Path) -> None:
    original, file = tmp_path / "talk.wav", tmp_path / "evidence.zip"
    original.write_bytes(b"0123456789")
    subject = SUBJECT.model_copy(update={"sha256": sha256(b"0123456789").hexdigest(), "name": "a\x1b[31m.wav"})
    file.write_bytes(pack("1.0", NOON, subject, PARTS, KEY))
    good = run("verify", file, "--original", original)
    assert good.exit_code == 0
    assert "is the recording that the pack is about" in good.output
    assert "\x1b" not in good.output
    original.write_bytes(b"another")
    bad = run("verify", file, "--original", original)
    assert bad.exit_code == 1
    assert "is not the recording of this pack" in bad.output


def test_what_cannot_be_used_is_told_of(file: Path, tmp_path: Path) -> None:
    for key in ("abc", str(file), str(tmp_path / "none")):
        with pytest.raises(BadInput, match="--key"):
            run("verify", file, "--key", key)
    with pytest.raises(BadInput, match="can't be read"):
        run("verify", tmp_path / "none")
    with pytest.raises(BadInput, match="can't be read"):
        run("verify", file, "--original", tmp_path / "none")
