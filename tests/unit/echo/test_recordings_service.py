from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.actor import Actor
from brickyard.access.master import MasterKey
from brickyard.access.policy import Role
from brickyard.echo.recordings.schemas import (
    AccessName,
    Additions,
    PriorityName,
    Redo,
    Submitted,
    TranscribeOptions,
    UploadFields,
)
from brickyard.echo.recordings.service import UNNAMED, Recordings, clean_name
from brickyard.echo.recordings.vault import Vault
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import JobStore
from brickyard.kit.errors import BadInput, BadMedia, Conflict, NotFound, TooLarge, TooManyRequests, Unsupported
from brickyard.media.limits import Limits
from brickyard.text.prompts import Template
from tests.unit.echo.sounds import left, speech_file

OPTIONS = TranscribeOptions()
SPEECH = speech_file()
MASTER = MasterKey([bytes(32)])
ADA = Actor("ada", "ada", frozenset({Role.ANALYST}), "session", "s")
BEN = Actor("ben", "ben", frozenset({Role.ANALYST}), "session", "t")


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
    return taking(engine, folder)


def taking(engine: sa.Engine, folder: Path, limits: Limits | None = None, *, encrypt: bool = True) -> Recordings:
    vault = Vault(engine, MASTER, encrypt)
    files = RecordingFiles(folder, 10**7, vault.key_of)

    def erase(recording: UUID, actor: Actor, reason: str) -> None:
        raise AssertionError("nobody deletes here")

    return Recordings(engine, files, vault, limits or Limits(), refuse_french, erase, keep_jobs_s=60.0)


def add(
    recordings: Recordings, content: bytes | None = None, name: str = "a.wav", actor: Actor = ADA, **fields: object
) -> Submitted:
    with recordings.receiver() as receiver:
        receiver.write(SPEECH.read_bytes() if content is None else content)
        arrived = receiver.finish()
    return asyncio.run(recordings.add(name, arrived, UploadFields(**fields), actor))


@pytest.mark.slow
def test_a_recording_is_kept_as_it_came_and_its_job_waits(recordings: Recordings, engine: sa.Engine) -> None:
    submitted = add(
        recordings, name="C:\\talks\\beckett.wav", language="en", speakers=2, priority=PriorityName.interactive
    )
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
    by = {"user": "ada", "via": "session", "credential": "s"}
    assert asked == {"recording": str(found.id), "by": by, "language": "en", "speakers": 2, "diarize": True}
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
            add(recordings, content, language=language)
        assert left(folder) == []
        assert (count(engine, "recordings"), count(engine, "jobs")) == (0, 0)


@pytest.mark.slow
def test_a_recording_over_the_limit_of_time_is_refused(engine: sa.Engine, folder: Path) -> None:
    short = taking(engine, folder, Limits(max_duration_s=1.0))
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


def transcribed(recordings: Recordings, engine: sa.Engine) -> UUID:
    """A recording of Ada's whose job has ended, with a transcript."""
    first = add(recordings)
    ended(engine, first.job)
    own = {"recording": first.recording.id, "job": first.job}
    put = "INSERT INTO transcripts (recording, job, document) VALUES (:recording, :job, '{}')"
    with engine.begin() as connection:
        connection.execute(sa.text(put), own)
    return first.recording.id


@pytest.mark.slow
def test_more_is_made_of_a_transcript_that_is_there(recordings: Recordings, engine: sa.Engine) -> None:
    recording = transcribed(recordings, engine)
    wanted = Additions(translate_into=["fr"], summary=Template.minutes, priority=PriorityName.batch)
    made = JobStore(engine).get(recordings.add_to(recording, wanted, ADA).job)
    assert (made.pipeline, made.priority, made.work_s > 1) == ("additions", Priority.BATCH, True)
    assert (made.params["translate_into"], made.params["summary"]) == (["fr"], "minutes")
    with pytest.raises(Conflict, match="already waiting, running or paused"):
        recordings.transcribe_again(recording, OPTIONS, ADA)
    with pytest.raises(Conflict, match="already waiting, running or paused"):
        recordings.redo(recording, Redo(start=0, end=1), ADA)
    with pytest.raises(BadInput, match="translate_into, a template in summary, or ocr"):
        recordings.add_to(recording, Additions(), ADA)


@pytest.mark.slow
def test_one_stretch_is_heard_again(recordings: Recordings, engine: sa.Engine) -> None:
    recording = transcribed(recordings, engine)
    duration_s = recordings.get(recording, ADA).duration_s
    for start, end, why in ((1.0, 1.0, "end must come"), (2.0, 1.0, "end must come"), (0.0, 301.0, "by 300 s at")):
        with pytest.raises(BadInput, match=why):
            recordings.redo(recording, Redo(start=start, end=end), ADA)
    with pytest.raises(BadInput, match="the recording ends at"):
        recordings.redo(recording, Redo(start=0.0, end=duration_s + 1), ADA)
    made = JobStore(engine).get(recordings.redo(recording, Redo(start=0.5, end=duration_s), ADA).job)
    assert (made.pipeline, made.priority) == ("redo", Priority.INTERACTIVE)
    assert (made.params["start"], made.params["end"], made.params["channel"]) == (0.5, duration_s, 0)


@pytest.mark.slow
def test_without_a_transcript_nothing_is_added_to_it(recordings: Recordings, engine: sa.Engine) -> None:
    first = add(recordings)
    ended(engine, first.job)
    with pytest.raises(NotFound, match="no transcript yet"):
        recordings.add_to(first.recording.id, Additions(ocr=True), ADA)
    with pytest.raises(NotFound, match="no transcript yet"):
        recordings.redo(first.recording.id, Redo(start=0, end=1), ADA)


@pytest.mark.slow
def test_a_recording_is_transcribed_again_when_its_job_has_ended(recordings: Recordings, engine: sa.Engine) -> None:
    first = add(recordings)
    with pytest.raises(Conflict, match="already waiting, running or paused"):
        recordings.transcribe_again(first.recording.id, OPTIONS, ADA)
    ended(engine, first.job)
    second = recordings.transcribe_again(first.recording.id, TranscribeOptions(speakers=3), ADA)
    assert second.job != first.job
    assert second.recording.latest_job == second.job
    assert JobStore(engine).get(second.job).params["speakers"] == 3
    with pytest.raises(Unsupported):
        recordings.transcribe_again(first.recording.id, TranscribeOptions(language="fr"), ADA)


@pytest.mark.slow
def test_what_is_kept_is_sealed_with_a_key_of_its_own(recordings: Recordings, engine: sa.Engine, folder: Path) -> None:
    first, second = add(recordings).recording.id, add(recordings).recording.id
    keys = {recordings.vault.key_of(identity) for identity in (first, second)}
    assert len(keys) == 2
    assert None not in keys
    for identity in (first, second):
        assert SPEECH.read_bytes()[:4096] not in recordings.files.source(identity).path.read_bytes()
    stored, digest = recordings.media(first)
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == digest
    plain = add(taking(engine, folder, encrypt=False)).recording.id
    assert recordings.files.source(plain).path.read_bytes() == SPEECH.read_bytes()


@pytest.mark.slow
def test_recordings_are_listed_for_who_may_see_them(recordings: Recordings, engine: sa.Engine) -> None:
    identity = add(recordings).recording.id
    with pytest.raises(NotFound):
        recordings.get(uuid4(), ADA)
    assert recordings.newest(BEN) == []
    [mine] = recordings.newest(ADA)
    assert (mine.id, mine.access, mine.owner, mine.is_held) == (identity, AccessName.own, "ada", False)


@pytest.mark.slow
def test_a_key_has_only_so_many_jobs_at_once(recordings: Recordings, engine: sa.Engine) -> None:
    key = replace(ADA, via="key", credential=str(uuid4()), jobs_at_once=1)
    recordings.check_jobs_of(key)
    submitted = add(recordings, actor=key)
    with pytest.raises(TooManyRequests, match="may have 1 at a time"):
        recordings.check_jobs_of(key)
    recordings.check_jobs_of(ADA)
    ended(engine, submitted.job)
    recordings.check_jobs_of(key)


@pytest.mark.slow
def test_a_team_that_is_not_ones_own_is_refused(recordings: Recordings, folder: Path) -> None:
    with pytest.raises(NotFound, match="member"):
        add(recordings, team=uuid4())
    assert left(folder) == []
