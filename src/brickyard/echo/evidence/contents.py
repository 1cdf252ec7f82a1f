"""What the database knows of a recording, as the parts of an evidence pack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.audit import Audit, Filter
from brickyard.access.chain import Line, canonical
from brickyard.echo import revised
from brickyard.echo.derived import OVER_A_TRANSCRIPT
from brickyard.echo.evidence.pack import Subject
from brickyard.kit.errors import NotFound

TRANSCRIPT = "transcript.json"
EDITED = "transcript-edited.json"
UNSAFE = re.compile(r"[^a-z0-9_-]+")

OWNER = "coalesce(nullif(users.display_name, ''), users.name, owner) AS owner"

JOBS = sa.text(f"""
    SELECT jobs.id, pipeline, {OWNER}, owner AS owner_id, priority, params, state, attempts, crashes, jobs.created_at,
           admitted_at, started_at, ended_at, error_code, error_message, warnings,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'started_at', steps.started_at,
                'ended_at', steps.ended_at, 'chunks', chunks_done) ORDER BY steps.started_at, name), '[]')
            FROM steps WHERE job = jobs.id) AS steps
    FROM jobs LEFT JOIN users ON users.id = owner WHERE params ->> 'recording' = :recording
    ORDER BY jobs.created_at, jobs.id""")

DERIVED = sa.text("""
    SELECT kind, variant, job, created_at, document FROM derived WHERE recording = :recording ORDER BY kind, variant""")

EDITS = sa.text("""
    SELECT number, kind, at, job, author AS author_id,
           CASE author WHEN '' THEN 'the platform' ELSE coalesce(nullif(display_name, ''), name, author) END AS author,
           changes, rejected
    FROM revisions LEFT JOIN users ON users.id = author WHERE recording = :recording ORDER BY number""")


def read(engine: sa.Engine, audit: Audit, recording: UUID) -> tuple[Subject, dict[str, bytes]]:
    """The recording, and its parts by name. Raises NotFound."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        subject = _subject(connection, recording)
        jobs = [_plain(row) for row in connection.execute(JOBS, {"recording": str(recording)})]
        transcript = _transcript(connection, recording)
        derived = [_plain(row) for row in connection.execute(DERIVED, {"recording": recording})]
        edits = [_plain(row) for row in connection.execute(EDITS, {"recording": recording})]
        newest = revised.newest(connection, recording)
    parts = {name_of(document, number): canonical(document) for number, document in enumerate(derived)}
    if transcript is not None:
        parts[TRANSCRIPT] = canonical(transcript)
    if newest is not None:
        told = {"revision": newest.number, "job": str(newest.job), **newest.document.model_dump(mode="json")}
        parts[EDITED] = canonical(told)
    parts["edits.json"] = _list(edits)
    parts["jobs.json"] = _list(jobs)
    parts["revisions.json"] = _list(revisions(jobs, transcript, parts.get(TRANSCRIPT)))
    known = {str(job["id"]) for job in jobs} | {
        str(each["job"]) for each in (*derived, transcript or {}) if "job" in each
    }
    parts["audit.jsonl"] = b"".join(canonical(line.told()) + b"\n" for line in _lines(audit, recording, known))
    return subject, parts


def revisions(
    jobs: Iterable[Mapping[str, Any]], transcript: Mapping[str, Any] | None, content: bytes | None
) -> list[dict[str, Any]]:
    """Which job made which transcript. A later job's replaces an earlier one's, of which the fact is left."""
    made = [
        (job["id"], job["ended_at"])
        for job in jobs
        if job["state"] == "succeeded" and job["pipeline"] not in OVER_A_TRANSCRIPT
    ]
    current = None if transcript is None else transcript["job"]
    if transcript is not None and current not in [job for job, _ in made]:
        made.append((current, transcript["created_at"]))
    return [
        {
            "number": number,
            "author": "the platform",
            "kind": "machine",
            "job": job,
            "at": at,
            "sha256": sha256(content).hexdigest() if content is not None and job == current else None,
        }
        for number, (job, at) in enumerate(made, 1)
    ]


def name_of(document: Mapping[str, Any], number: int) -> str:
    """What it is, in letters that every system has in file names; a number where the variant has others."""
    variant = str(document["variant"])
    safe = UNSAFE.sub("_", variant.lower())
    mark = "" if safe == variant else f"-{number}"
    kind = UNSAFE.sub("_", str(document["kind"]).lower())
    return f"derived/{kind}{'-' if safe else ''}{safe}{mark}.json"


def _subject(connection: sa.Connection, recording: UUID) -> Subject:
    query = sa.text(f"""
        SELECT recordings.id, recordings.name, sha256, size_bytes, duration_s, container, {OWNER}, recordings.created_at
        FROM recordings LEFT JOIN users ON users.id = owner WHERE recordings.id = :recording""")
    row = connection.execute(query, {"recording": recording}).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {recording}, or it is not yours.")
    return Subject(**{**row._mapping, "created_at": row.created_at.astimezone(UTC)})


def _transcript(connection: sa.Connection, recording: UUID) -> dict[str, Any] | None:
    query = sa.text("SELECT job, created_at, document FROM transcripts WHERE recording = :recording")
    row = connection.execute(query, {"recording": recording}).one_or_none()
    return None if row is None else _plain(row)


def _lines(audit: Audit, recording: UUID, jobs: Iterable[str]) -> list[Line]:
    about = [("recording", str(recording)), *(("job", job) for job in jobs)]
    found = [line for kind, own in about for line in audit.lines(wanted=Filter(object_kind=kind, object_id=own))]
    return sorted(found, key=lambda line: line.seq)


def _plain(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row._mapping.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, UUID) else value


def _list(values: list[dict[str, Any]]) -> bytes:
    return b"[" + b",".join(canonical(value) for value in values) + b"]"
