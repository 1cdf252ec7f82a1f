"""Transcripts in the database: one a recording, the newest."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.transcripts.schemas import Transcript
from brickyard.kit.errors import NotFound


def put(engine: sa.Engine, transcript: Transcript) -> None:
    """Keep it in place of an older one; nothing happens where the recording has been deleted meanwhile."""
    query = sa.text("""
        INSERT INTO transcripts (recording, job, document)
        SELECT id, :job, :document FROM recordings WHERE id = :recording
        ON CONFLICT (recording) DO UPDATE
            SET job = excluded.job, document = excluded.document, created_at = clock_timestamp()""")
    values = {
        "recording": transcript.recording,
        "job": transcript.job,
        "document": transcript.model_dump_json(exclude={"created_at"}),
    }
    with engine.begin() as connection:
        connection.execute(query, values)


def get(engine: sa.Engine, recording: UUID) -> Transcript:
    query = sa.text("""
        SELECT created_at, document FROM transcripts WHERE recording = :recording""")
    with engine.connect() as connection:
        row = connection.execute(query, {"recording": recording}).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no transcript of recording {recording} yet. It is there when the recording's job has succeeded."
        )
    return Transcript(**row.document, created_at=row.created_at)
