from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, Entry
from brickyard.access.chain import read_line
from brickyard.access.policy import Role
from brickyard.echo.editing.schemas import Batch
from brickyard.echo.editing.service import Editing
from brickyard.echo.evidence.contents import EDITED, TRANSCRIPT, name_of, read, revisions
from brickyard.kit.errors import NotFound
from brickyard.text.editing import SetText
from tests.unit.echo.retention.archive import MARKER, add_job, add_people, add_recording, fill

NOW = datetime.now(UTC)
ADA = Actor("ada", "ada", frozenset({Role.ANALYST}), "session", "s1")


@pytest.fixture
def audit(engine: sa.Engine) -> Audit:
    add_people(engine)
    return Audit(engine, b"k" * 32)


def test_everything_that_was_made_is_in_it(audit: Audit, engine: sa.Engine, tmp_path: Path) -> None:
    recording = add_recording(engine)
    job = add_job(engine, recording)
    fill(engine, tmp_path, recording, job)
    subject, parts = read(engine, audit, recording)
    assert (subject.id, subject.name, subject.owner, subject.sha256) == (recording, MARKER, "ada", "f00d")
    made = {TRANSCRIPT, "derived/summary.json"}
    assert set(parts) == made | {"jobs.json", "revisions.json", "edits.json", "audit.jsonl"}
    transcript, summary = json.loads(parts[TRANSCRIPT]), json.loads(parts["derived/summary.json"])
    assert transcript["document"] == summary["document"] == {"text": MARKER}
    assert (transcript["job"], summary["kind"]) == (str(job), "summary")
    [told] = json.loads(parts["jobs.json"])
    assert (told["id"], told["owner"], told["state"]) == (str(job), "ada", "succeeded")
    assert told["params"] == {"recording": str(recording), "language": "en", "summary_instruction": MARKER}
    assert [step["name"] for step in told["steps"]] == ["asr"]
    [revision] = json.loads(parts["revisions.json"])
    assert revision["sha256"] == sha256(parts[TRANSCRIPT]).hexdigest()
    assert (revision["number"], revision["kind"], revision["job"]) == (1, "machine", str(job))


def test_what_people_made_of_the_transcript_is_in_it_with_their_names(audit: Audit, engine: sa.Engine) -> None:
    recording = add_recording(engine)
    job = add_job(engine, recording)
    spoken = {"start": 0.0, "end": 1.0, "speaker": "Speaker 1", "text": "Good mourning", "words": []}
    values = {"recording": recording, "job": job, "document": json.dumps({"segments": [spoken], "duration": 1.0})}
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO transcripts (recording, job, document) VALUES (:recording, :job, :document)"), values
        )
    editing = Editing(engine, None, reindex=lambda _: None)
    [line] = editing.document(recording).segments
    change = SetText(segment=line.id, before=line.text, text="Good morning")
    editing.change(recording, ADA, Batch(base=1, batch="batch-01", changes=[change]))
    editing.close()
    _, parts = read(engine, audit, recording)
    edits = json.loads(parts["edits.json"])
    told = [(edit["number"], edit["kind"], edit["author"], edit["author_id"]) for edit in edits]
    assert told == [(1, "machine", "the platform", ""), (2, "edit", "ada", "ada")]
    assert "Good morning" in str(edits[1]["changes"])
    edited = json.loads(parts[EDITED])
    assert (edited["revision"], [piece["text"] for piece in edited["segments"]]) == (2, ["Good morning"])


def test_a_recording_of_which_nothing_was_made_has_a_pack_too(audit: Audit, engine: sa.Engine) -> None:
    _, parts = read(engine, audit, add_recording(engine))
    assert parts == {"jobs.json": b"[]", "revisions.json": b"[]", "edits.json": b"[]", "audit.jsonl": b""}
    with pytest.raises(NotFound):
        read(engine, audit, uuid4())


def test_the_audit_lines_are_those_of_the_recording_and_its_jobs(audit: Audit, engine: sa.Engine) -> None:
    recording, other = add_recording(engine), add_recording(engine)
    job = add_job(engine, recording)
    for kind, identity in (
        ("recording", recording),
        ("recording", other),
        ("job", job),
        ("job", other),
        ("user", recording),
    ):
        audit.append(Entry("u1", "ada", "session", "", "action", kind, str(identity)))
    audit.append(Entry("u1", "ada", "session", "", "action", "recording", str(recording)))
    _, parts = read(engine, audit, recording)
    lines = [read_line(text, number) for number, text in enumerate(parts["audit.jsonl"].decode().splitlines(), 1)]
    assert [line.seq for line in lines] == [1, 3, 6]
    assert all(len(line.hash) == 32 for line in lines)


def test_earlier_revisions_are_facts_without_content() -> None:
    jobs = [
        {"id": "a", "pipeline": "transcribe", "state": "succeeded", "ended_at": "1"},
        {"id": "b", "pipeline": "transcribe", "state": "failed", "ended_at": "2"},
        {"id": "c", "pipeline": "transcribe", "state": "succeeded", "ended_at": "3"},
        {"id": "d", "pipeline": "additions", "state": "succeeded", "ended_at": "4"},
    ]
    found = revisions(jobs, {"job": "c", "created_at": "3"}, b"text")
    assert [(one["number"], one["job"], one["sha256"]) for one in found] == [
        (1, "a", None),
        (2, "c", sha256(b"text").hexdigest()),
    ]
    gone = revisions([], {"job": "z", "created_at": "9"}, b"text")
    assert [(one["job"], one["at"], one["sha256"] is not None) for one in gone] == [("z", "9", True)]
    assert revisions([], None, None) == []


def test_names_of_parts_are_harmless() -> None:
    def named(kind: str, variant: str) -> str:
        return name_of({"kind": kind, "variant": variant}, 3)

    assert named("coverage", "") == "derived/coverage.json"
    assert named("translation", "fr") == "derived/translation-fr.json"
    assert named("summary", "../../etc/passwd") == "derived/summary-_etc_passwd-3.json"
    assert named("summary", "Ünï") == "derived/summary-_n_-3.json"


def test_the_same_database_gives_the_same_parts(audit: Audit, engine: sa.Engine, tmp_path: Path) -> None:
    recording = add_recording(engine, NOW - timedelta(days=1))
    fill(engine, tmp_path, recording, add_job(engine, recording))
    add_job(engine, recording, "failed")
    assert read(engine, audit, recording) == read(engine, audit, recording)
