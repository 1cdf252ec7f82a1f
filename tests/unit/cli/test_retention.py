"""The commands as they are typed, on a database of the test's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from brickyard.access.master import MasterKey
from brickyard.cli.retention import app
from tests.unit.echo.retention.archive import add_job, add_people, add_recording, fill

LONG_AGO = datetime.now(UTC) - timedelta(days=10)


@pytest.fixture(autouse=True)
def home(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BRICKYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRICKYARD_KEEP_RECORDINGS_DAYS", "60")
    MasterKey.create(tmp_path / "home" / "master.key")
    add_people(engine)
    return tmp_path / "home"


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_what_is_over_is_reported_and_swept(engine: sa.Engine, home: Path) -> None:
    over, kept = add_recording(engine, LONG_AGO, days=3), add_recording(engine, LONG_AGO)
    fill(engine, home / "files", over, add_job(engine, over))
    report = run("report").output
    [line] = [line for line in report.splitlines() if str(over) in line]
    assert "its own days" in line
    assert line.split()[-1] == "over"
    [line] = [line for line in report.splitlines() if str(kept) in line]
    assert f"{LONG_AGO + timedelta(days=60):%Y-%m-%d}" in line
    dry = run("sweep", "--dry-run").output
    assert f"{over} would be deleted" in dry
    assert "1 would be deleted." in dry
    assert (home / "files" / "recordings" / str(over)).is_dir()
    swept = run("sweep").output
    assert f"{over} is deleted" in swept
    assert not (home / "files" / "recordings" / str(over)).exists()
    assert "0 were deleted" in run("sweep").output
    [line] = [line for line in run("report").output.splitlines() if str(over) in line]
    assert "platform" in line


def test_work_that_postpones_the_end_is_told_of(engine: sa.Engine) -> None:
    worked_on = add_recording(engine, LONG_AGO, days=3)
    add_job(engine, worked_on, "running")
    [line] = [line for line in run("report").output.splitlines() if str(worked_on) in line]
    assert "a job works on it" in line
    assert "0 would be deleted" in run("sweep", "--dry-run").output
