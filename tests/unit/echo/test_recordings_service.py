from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.recordings.schemas import PriorityName, Submitted, TranscribeOptions
from brickyard.echo.recordings.service import UNNAMED, Recordings, clean_name
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import JobStore
from brickyard.kit.errors import BadMedia, Conflict, NotFound, TooLarge, Unsupported
from brickyard.media.limits import Limits
from tests.unit.echo.sounds import left, speech_file

OPTIONS = TranscribeOptions()
SPEECH = speech_file()


# ---- names


@given(st.text(max_size=400))
def test_a_name_is_one_line_of_some_length_without_folders(name: str) -> None:
    cleaned = clean_name(name)
    assert 1 <= len(cleaned) <= 200
    assert cleaned == cleaned.strip()
    assert cleaned.isprintable()
    assert not set("/\\") & set(cleaned)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("interview.m4a", "interview.m4a"),
        ("C:\\Users\\ada\\interview.m4a", "interview.m4a"),
        ("../../etc/passwd", "passwd"),
        ("Gespräch 1 (roh).wav", "Gespräch 1 (roh).wav"),
        ("a\r\nX-Evil: 1.wav", "aX-Evil: 1.wav"),
        ("x" * 300, "x" * 200),
        ("", UNNAMED),
        ("\x00\x1f", UNNAMED),
        ("folder/", "folder"),
    ],
)
def test_names_as_people_give_them(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


# ---- taking in


def refuse_french(options: TranscribeOptions) -> None:
    if options.language == "fr":
        raise Unsupported("not fr")


def count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def recordings(engine: sa.Engine, folder: Path) -> Recordings:
    return Recordings(engine, RecordingFiles(folder, 10**7), Limits(), refuse_french, keep_jobs_s=60.0)


def add(
    recordings: Recordings, content: bytes | None = None, name: str = "a.wav", options: TranscribeOptions = OPTIONS
) -> Submitted:
    stream = io.BytesIO(SPEECH.read_bytes() if content is None else content)
    return asyncio.run(recordings.add(name, stream, options, "ada"))


@pytest.mark.slow
def test_a_recording_is_kept_as_it_came_and_its_job_waits(recordings: Recordings, engine: sa.Engine) -> None:
    options = TranscribeOptions(language="en", speakers=2, diarize=True, priority=PriorityName.interactive)
    submitted = add(recordings, name="C:\\talks\\beckett.wav", options=options)
    found = submitted.recording
    assert (found.name, found.container, found.has_video) == ("beckett.wav", "wav", False)
    assert found.size_bytes == SPEECH.stat().st_size
    assert found.duration_s > 1
    assert found.latest_job == submitted.job
    assert recordings.files.source(found.id).read_bytes() == SPEECH.read_bytes()
    job = JobStore(engine).get(submitted.job)
    assert (job.state, job.priority, job.owner, job.work_s) == (
        JobState.WAITING,
        Priority.INTERACTIVE,
        "ada",
        found.duration_s,
    )
    asked = {name: value for name, value in job.params.items() if value not in (None, [], False)}
    assert asked == {"recording": str(found.id), "language": "en", "speakers": 2, "diarize": True}
    with engine.connect() as connection:
        digest = connection.execute(sa.text("SELECT sha256 FROM recordings")).scalar_one()
    assert digest == hashlib.sha256(SPEECH.read_bytes()).hexdigest()


REFUSED = (
    (b"Dear diary, today nobody spoke.\n" * 99, None, BadMedia),
    (b"", None, BadMedia),
    (bytes(10**7 + 1), None, TooLarge),
    (None, "fr", Unsupported),
)


@pytest.mark.slow
def test_of_what_is_refused_nothing_is_left(recordings: Recordings, engine: sa.Engine, folder: Path) -> None:
    for content, language, error in REFUSED:
        with pytest.raises(error):
            add(recordings, content, options=TranscribeOptions(language=language))
        assert left(folder) == []
        assert (count(engine, "recordings"), count(engine, "jobs")) == (0, 0)


@pytest.mark.slow
def test_a_recording_over_the_limit_of_time_is_refused(engine: sa.Engine, folder: Path) -> None:
    short = Recordings(engine, RecordingFiles(folder, 10**7), Limits(max_duration_s=1.0), refuse_french, 60.0)
    with pytest.raises(TooLarge, match="limit is 0:00:01"):
        add(short)
    assert left(folder) == []


@pytest.mark.slow
def test_where_the_file_cannot_be_kept_there_is_no_row_and_no_job(
    recordings: Recordings, engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(RecordingFiles, "keep", full)
    with pytest.raises(OSError, match="disk is full"):
        add(recordings)
    assert left(folder) == []
    assert (count(engine, "recordings"), count(engine, "jobs")) == (0, 0)


@pytest.mark.slow
def test_where_the_database_refuses_the_file_goes_again(
    recordings: Recordings, engine: sa.Engine, folder: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE jobs ADD CHECK (owner <> 'ada')"))
    with pytest.raises(sa.exc.IntegrityError):
        add(recordings)
    assert left(folder) == []
    assert list((folder / "recordings").iterdir()) == []
    assert count(engine, "recordings") == 0


# ---- again, and away


def ended(engine: sa.Engine, job: UUID) -> None:
    JobStore(engine).cancel(job)


@pytest.mark.slow
def test_a_recording_is_transcribed_again_when_its_job_has_ended(recordings: Recordings, engine: sa.Engine) -> None:
    first = add(recordings)
    with pytest.raises(Conflict, match="already waiting, running or paused"):
        recordings.transcribe_again(first.recording.id, OPTIONS, "ada")
    ended(engine, first.job)
    second = recordings.transcribe_again(first.recording.id, TranscribeOptions(speakers=3), "ada")
    assert second.job != first.job
    assert second.recording.latest_job == second.job
    assert JobStore(engine).get(second.job).params["speakers"] == 3
    with pytest.raises(Unsupported):
        recordings.transcribe_again(first.recording.id, TranscribeOptions(language="fr"), "ada")


@pytest.mark.slow
def test_a_recording_is_not_deleted_under_a_living_job(recordings: Recordings, engine: sa.Engine) -> None:
    submitted = add(recordings)
    for state in ("waiting", "running", "paused"):
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE jobs SET state = :state"), {"state": state})
        with pytest.raises(Conflict, match="Cancel it first"):
            recordings.delete(submitted.recording.id, "ada")
    assert recordings.files.source(submitted.recording.id).exists()


@pytest.mark.slow
def test_a_recording_goes_with_its_files_and_its_transcript(
    recordings: Recordings, engine: sa.Engine, folder: Path
) -> None:
    submitted = add(recordings)
    identity = submitted.recording.id
    ended(engine, submitted.job)
    recordings.files.audio(identity).write_bytes(b"decoded")
    empty = Transcript(
        recording=identity, job=submitted.job, duration=1, language="en", engines={}, speakers=[], segments=[], turns=[]
    )
    transcripts.put(engine, empty)
    recordings.delete(identity, "ada")
    assert left(folder) == []
    assert (count(engine, "recordings"), count(engine, "transcripts")) == (0, 0)
    with pytest.raises(NotFound):
        recordings.get(identity, "ada")


@pytest.mark.slow
def test_other_peoples_recordings_are_not_there(recordings: Recordings) -> None:
    identity = add(recordings).recording.id
    for act in (
        lambda: recordings.get(identity, "ben"),
        lambda: recordings.delete(identity, "ben"),
        lambda: recordings.transcribe_again(identity, OPTIONS, "ben"),
        lambda: recordings.get(uuid4(), "ada"),
    ):
        with pytest.raises(NotFound):
            act()
    assert recordings.newest("ben") == []
    assert [found.id for found in recordings.newest("ada")] == [identity]


@pytest.mark.slow
def test_sweeping_keeps_what_is_known(recordings: Recordings) -> None:
    identity = add(recordings).recording.id
    assert recordings.sweep() == []
    assert recordings.files.source(identity).exists()
