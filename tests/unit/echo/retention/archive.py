"""Recordings with everything that is ever made of one, and a search for what is left of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.policy import Role
from brickyard.jobs.job import NewJob
from brickyard.jobs.store import submit

ADA = Actor("ada", "ada", frozenset({Role.ANALYST}), "session", "s1", "10.0.0.7")
AUDITOR = Actor("eve", "eve", frozenset({Role.AUDITOR}), "session", "s2")
MARKER = "xq7 the heron flew at dawn"
KEY = b"wrapped-" + bytes(40)


def add_people(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for name in ("ada", "bob", "eve"):
            connection.execute(sa.text("INSERT INTO users (id, name) VALUES (:name, :name)"), {"name": name})


def add_team(engine: sa.Engine, days: int | None) -> UUID:
    team = uuid4()
    with engine.begin() as connection:
        query = sa.text("INSERT INTO teams (id, name, retention_days) VALUES (:id, :name, :days)")
        connection.execute(query, {"id": team, "name": f"team {team}", "days": days})
    return team


def add_recording(engine: sa.Engine, created_at: datetime | None = None, **values: Any) -> UUID:
    row = {"id": uuid4(), "created_at": created_at or datetime.now(UTC), "team": None, "days": None, **values}
    query = sa.text("""
        INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video, created_at, team,
                                retention_days, wrapped_key)
        VALUES (:id, 'ada', 'a.wav', 'f00d', 10, 'wav', 9.5, false, :created_at, :team, :days, '\\x00')""")
    with engine.begin() as connection:
        connection.execute(query, row)
    recording: UUID = row["id"]
    return recording


def add_job(engine: sa.Engine, recording: UUID, state: str = "succeeded") -> UUID:
    with engine.begin() as connection:
        job = submit(connection, NewJob("transcribe", "ada", {"recording": str(recording), "language": "en"}))
        query = sa.text(
            "UPDATE jobs SET state = CAST(:state AS text), ended_at = CASE WHEN :ended THEN now() END WHERE id = :job"
        )
        ended = state in ("succeeded", "failed", "cancelled")
        connection.execute(query, {"job": job, "state": state, "ended": ended})
    return job


MADE = """
    UPDATE recordings SET name = :marker, wrapped_key = :key WHERE id = :recording;
    UPDATE jobs SET params = params || jsonb_build_object('summary_instruction', CAST(:marker AS text)),
                    result = to_jsonb(CAST(:marker AS text)), warnings = jsonb_build_array(CAST(:marker AS text)),
                    error_message = :marker WHERE id = :job;
    INSERT INTO steps (job, name) VALUES (:job, 'asr');
    INSERT INTO chunks (job, step, index, result, worker, busy_s) VALUES (:job, 'asr', 0, :json, 'w', 1);
    INSERT INTO foretold (job, seconds) VALUES (:job, 1);
    INSERT INTO webhooks (job, url, secret) VALUES (:job, :marker, 's');
    INSERT INTO deliveries (id, job, url, secret, body) VALUES (gen_random_uuid(), :job, 'u', 's', :body);
    INSERT INTO deliveries (id, job, url, secret, body) VALUES (gen_random_uuid(), gen_random_uuid(), 'u', 's', :body);
    INSERT INTO transcripts (recording, job, document) VALUES (:recording, :job, :json);
    INSERT INTO derived (recording, kind, job, document) VALUES (:recording, 'summary', :job, :json);
    INSERT INTO passages (recording, kind, index, start_s, end_s, text) VALUES (:recording, 't', 0, 0, 1, :marker);
    INSERT INTO shares (recording, user_id, level, created_by) VALUES (:recording, 'bob', 1, 'ada');
    INSERT INTO dbos.workflow_status (workflow_uuid, status, name, output) VALUES (:job_text, 'SUCCESS', 'n', :marker);
    INSERT INTO dbos.workflow_input (workflow_uuid, inputs, retention_timestamp) VALUES (:job_text, :marker, 0);
    INSERT INTO dbos.workflow_output (workflow_uuid, output, retention_timestamp) VALUES (:job_text, :marker, 0);
    INSERT INTO dbos.operation_outputs (workflow_uuid, function_id, function_name, output)
        VALUES (:job_text, 1, 'f', :marker);
    INSERT INTO dbos.workflow_events (workflow_uuid, key, value) VALUES (:job_text, 'k', :marker);
    INSERT INTO dbos.streams (workflow_uuid, key, value, "offset") VALUES (:job_text, 'k', :marker, 0);
    INSERT INTO dbos.notifications (destination_uuid, message) VALUES (:job_text, :marker)"""

HOLD_IT = {
    "recordings", "jobs", "chunks", "webhooks", "deliveries", "transcripts", "derived", "passages", "workflow_status",
    "workflow_input", "workflow_output", "operation_outputs", "workflow_events", "streams", "notifications",
}  # fmt: skip


def fill(engine: sa.Engine, folder: Path, recording: UUID, job: UUID) -> None:
    """With the marker wherever something that was said, named or asked for may lie."""
    values = {
        "recording": recording,
        "job": job,
        "job_text": str(job),
        "marker": MARKER,
        "key": KEY,
        "json": json.dumps({"text": MARKER}),
        "body": json.dumps({"data": {"params": {"recording": str(recording), "summary_instruction": MARKER}}}),
    }
    with engine.begin() as connection:
        for statement in MADE.split(";\n"):
            connection.execute(sa.text(statement), values)
    own = folder / "recordings" / str(recording)
    for path in (own / "source", own / "audio.wav", own / "frames" / "1.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MARKER)


def found_in(engine: sa.Engine, what: str) -> set[str]:
    """The tables of the whole database, whosever they are, that hold it in any column."""
    with engine.connect() as connection:
        return {table for table, cells in _tables(connection) if any(what in cell for cell in cells)}


def _tables(connection: sa.Connection) -> Iterator[tuple[str, list[str]]]:
    query = sa.text("""
        SELECT table_schema, table_name FROM information_schema.tables
        WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')""")
    for schema, table in connection.execute(query).all():
        rows = connection.execute(sa.text(f'SELECT * FROM "{schema}"."{table}"')).all()
        yield table, [_shown(value) for row in rows for value in row]


def _shown(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


def left_on_disk(folder: Path, what: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and what.encode() in path.read_bytes()]
