from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from brickyard.access.audit import Audit, Filter
from brickyard.echo.retention import store
from brickyard.echo.retention.rules import Because
from brickyard.echo.retention.service import Retention
from brickyard.files.recordings import RecordingFiles
from brickyard.kit.errors import Conflict, NotFound
from tests.unit.echo.retention.archive import (
    ADA,
    AUDITOR,
    HOLD_IT,
    KEY,
    MARKER,
    add_job,
    add_people,
    add_recording,
    add_team,
    fill,
    found_in,
    left_on_disk,
)

LONG_AGO = datetime.now(UTC) - timedelta(days=10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def audit(engine: sa.Engine) -> Audit:
    return Audit(engine, b"k" * 32)


@pytest.fixture
def retention(engine: sa.Engine, folder: Path, audit: Audit) -> Retention:
    add_people(engine)
    return Retention(engine, RecordingFiles(folder, 10**7), audit, keep_days=30, backup_days=14)


def is_there(engine: sa.Engine, recording: UUID) -> bool:
    with engine.connect() as connection:
        query = sa.text("SELECT EXISTS (SELECT FROM recordings WHERE id = :id)")
        return bool(connection.execute(query, {"id": recording}).scalar())


def told(audit: Audit) -> list[tuple[str, str, object]]:
    return [(line.actor, line.action, dict(line.details)) for line in audit.lines()]


# ---- deletion


def test_nothing_is_left_of_a_recording(retention: Retention, engine: sa.Engine, folder: Path) -> None:
    recording, other = add_recording(engine), add_recording(engine)
    fill(engine, folder, recording, add_job(engine, recording))
    assert found_in(engine, MARKER) >= HOLD_IT
    assert len(left_on_disk(folder, MARKER)) == 3
    retention.erase(recording, ADA, "asked for")
    assert found_in(engine, MARKER) == set()
    assert found_in(engine, KEY.decode()) == set()
    assert found_in(engine, str(recording)) == {"deletions", "audit"}
    assert left_on_disk(folder, MARKER) == []
    assert not (folder / "recordings" / str(recording)).exists()
    assert is_there(engine, other)


def test_nothing_of_others_goes_with_it(retention: Retention, engine: sa.Engine, folder: Path) -> None:
    recording, other = add_recording(engine), add_recording(engine)
    add_job(engine, recording)
    fill(engine, folder, other, add_job(engine, other))
    before = found_in(engine, MARKER)
    retention.erase(recording, ADA, "asked for")
    assert found_in(engine, MARKER) == before
    assert len(left_on_disk(folder, MARKER)) == 3


def test_what_went_is_reported_without_its_name(
    retention: Retention, engine: sa.Engine, folder: Path, audit: Audit
) -> None:
    recording = add_recording(engine)
    fill(engine, folder, recording, add_job(engine, recording))
    retention.erase(recording, ADA, "asked for")
    [gone] = retention.deletions()
    assert (gone.recording, gone.owner, gone.deleted_by, gone.reason) == (recording, "ada", "ada", "asked for")
    assert (gone.sha256, gone.size_bytes, gone.duration_s) == ("f00d", 10, 9.5)
    assert gone.destroyed == {
        "key": True, "transcripts": 1, "documents": 1, "passages": 1, "shares": 1, "comments": 0, "jobs": 1,
        "messages": 2,
    }  # fmt: skip
    assert gone.backups_until - gone.deleted_at == timedelta(days=14)
    assert told(audit) == [("ada", "recording.deleted", {"reason": "asked for", "destroyed": gone.destroyed})]
    assert retention.deletions(before=gone.deleted_at) == []


@pytest.mark.parametrize("state", ["waiting", "running", "paused"])
def test_work_that_is_not_done_forbids_deletion(
    retention: Retention, engine: sa.Engine, state: str, audit: Audit
) -> None:
    recording = add_recording(engine)
    add_job(engine, recording)
    add_job(engine, recording, state)
    with pytest.raises(Conflict, match="still working"):
        retention.erase(recording, ADA, "asked for")
    assert is_there(engine, recording)
    assert told(audit) == []


def test_what_is_not_there_cannot_be_deleted(retention: Retention, engine: sa.Engine) -> None:
    with pytest.raises(NotFound):
        retention.erase(uuid4(), ADA, "asked for")
    recording = add_recording(engine)
    retention.erase(recording, ADA, "asked for")
    with pytest.raises(NotFound):
        retention.erase(recording, ADA, "asked for")


def test_what_cannot_be_recorded_is_not_done(engine: sa.Engine, folder: Path) -> None:
    class Full(Audit):
        def append(self, *_: object) -> int:
            raise OSError("no room")

    recording = add_recording(engine)
    fill_files = folder / "recordings" / str(recording)
    fill_files.mkdir(parents=True)
    retention = Retention(engine, RecordingFiles(folder, 10**7), Full(engine, b"k" * 32))
    with pytest.raises(OSError, match="no room"):
        retention.erase(recording, ADA, "asked for")
    assert is_there(engine, recording)
    assert fill_files.is_dir()
    assert retention.deletions() == []


# ---- holds and days


def test_a_hold_forbids_deletion_until_it_is_released(retention: Retention, engine: sa.Engine, audit: Audit) -> None:
    recording = add_recording(engine, LONG_AGO, days=1)
    retention.hold(recording, "case 12", AUDITOR)
    kept = retention.kept(recording)
    assert kept.hold is not None
    assert (kept.hold.by, kept.hold.reason, kept.expires_at, kept.because) == ("eve", "case 12", None, Because.HOLD)
    with pytest.raises(Conflict, match="legal hold"):
        retention.erase(recording, ADA, "asked for")
    assert retention.sweep() == []
    retention.hold(recording, "case 12 and 13", ADA)
    again = retention.kept(recording).hold
    assert again is not None
    assert (again.since, again.reason) == (kept.hold.since, "case 12 and 13")
    retention.release(recording, AUDITOR)
    retention.release(recording, AUDITOR)
    assert retention.kept(recording).hold is None
    assert retention.sweep() == [recording]
    assert [action for _, action, _ in told(audit)] == [
        "recording.held", "recording.held", "recording.released", "recording.deleted",
    ]  # fmt: skip


def test_days_are_set_and_taken_back(retention: Retention, engine: sa.Engine, audit: Audit) -> None:
    recording = add_recording(engine, LONG_AGO, team=add_team(engine, 20))
    retention.keep_for(recording, 5, ADA)
    kept = retention.kept(recording)
    assert (kept.days, kept.team_days, kept.platform_days, kept.because) == (5, 20, 30, Because.RECORDING)
    assert kept.expires_at == LONG_AGO + timedelta(days=5)
    retention.keep_for(recording, None, ADA)
    assert retention.kept(recording).because is Because.TEAM
    assert [details for _, _, details in told(audit)] == [{"from": None, "to": 5}, {"from": 5, "to": None}]
    with pytest.raises(NotFound):
        retention.keep_for(uuid4(), 3, ADA)
    with pytest.raises(NotFound):
        retention.hold(uuid4(), "x", ADA)


# ---- sweeping


def test_only_what_is_over_is_swept(retention: Retention, engine: sa.Engine, audit: Audit) -> None:
    short, long = add_team(engine, 5), add_team(engine, 50)
    over = [add_recording(engine, LONG_AGO, days=3), add_recording(engine, LONG_AGO - timedelta(days=1), team=short)]
    over.append(add_recording(engine, LONG_AGO - timedelta(days=40)))
    stays = [add_recording(engine, LONG_AGO), add_recording(engine, LONG_AGO - timedelta(days=30), team=long)]
    stays.append(add_recording(engine, LONG_AGO, team=short, days=11))
    worked_on = add_recording(engine, LONG_AGO, days=3)
    job = add_job(engine, worked_on, "running")
    assert {each.recording for each in retention.outlook() if each.is_due} == set(over)
    assert set(retention.sweep()) == set(over)
    assert all(is_there(engine, recording) for recording in [*stays, worked_on])
    assert {(line.actor, line.details["reason"]) for line in audit.page(Filter(action="recording.deleted"), 9)} == {
        ("platform", "its own days"), ("platform", "its team's days"), ("platform", "the platform's days"),
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET state = 'cancelled' WHERE id = :job"), {"job": job})
    assert retention.sweep() == [worked_on]


def test_one_process_sweeps_at_a_time(retention: Retention, engine: sa.Engine) -> None:
    recording = add_recording(engine, LONG_AGO, days=1)
    with engine.begin() as connection:
        assert store.may_sweep(connection)
        assert retention.sweep() == []
    assert retention.sweep() == [recording]


def test_many_sweepers_delete_each_recording_once(retention: Retention, engine: sa.Engine) -> None:
    for _ in range(6):
        add_recording(engine, LONG_AGO, days=1)
    swept: list[UUID] = []
    threads = [threading.Thread(target=lambda: swept.extend(retention.sweep())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(swept) == len(set(swept)) == 6


def test_a_sweep_clears_what_a_crash_and_a_late_job_left(retention: Retention, engine: sa.Engine, folder: Path) -> None:
    recording = add_recording(engine)
    retention.erase(recording, ADA, "asked for")
    left = folder / "recordings" / str(recording)
    left.mkdir()
    (left / "source").write_text(MARKER)
    add_job(engine, recording, "failed")
    alive = add_job(engine, recording, "running")
    assert retention.sweep() == []
    assert not left.exists()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT id FROM jobs")).scalars().all() == [alive]


def test_rests_of_deleted_rows_leave_the_database(retention: Retention, engine: sa.Engine) -> None:
    for _ in range(40):
        add_recording(engine, LONG_AGO, days=1)
    assert len(retention.sweep()) == 40
    with engine.connect() as connection:
        query = sa.text("SELECT pg_relation_size('recordings')")
        assert connection.execute(query).scalar() == 0


def test_what_an_administrator_set_holds_in_place_of_the_settings(
    retention: Retention, engine: sa.Engine, audit: Audit
) -> None:
    recording = add_recording(engine, LONG_AGO)
    assert retention.sweep() == []
    retention.set_platform(5, ADA)
    assert retention.kept(recording).platform_days == 5
    assert retention.sweep() == [recording]
    retention.set_platform(None, ADA)
    assert retention.of_platform().days == 30
    told = [line.details for line in audit.lines() if line.action == "retention.changed"]
    assert told == [{"from": None, "to": 5}, {"from": 5, "to": None}]
