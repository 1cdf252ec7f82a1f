"""Recordings in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.recordings.schemas import Recording
from brickyard.kit.errors import NotFound

SELECT = """
    SELECT id, name, container, size_bytes, duration_s, has_video, created_at,
           (SELECT jobs.id FROM jobs WHERE jobs.params ->> 'recording' = recordings.id::text
            ORDER BY jobs.created_at DESC LIMIT 1) AS latest_job
    FROM recordings"""


def insert(connection: sa.Connection, values: dict[str, Any]) -> None:
    query = sa.text("""
        INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
        VALUES (:id, :owner, :name, :sha256, :size_bytes, :container, :duration_s, :has_video)""")
    connection.execute(query, values)


def set_duration(engine: sa.Engine, recording: UUID, duration_s: float) -> None:
    """What decoding found, which is the truth, in place of what the file said of itself."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recordings SET duration_s = :duration_s WHERE id = :id"),
            {"id": recording, "duration_s": duration_s},
        )


def get(engine: sa.Engine, recording: UUID, owner: str) -> Recording:
    query = sa.text(f"{SELECT} WHERE id = :id AND owner = :owner")
    with engine.connect() as connection:
        row = connection.execute(query, {"id": recording, "owner": owner}).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {recording}, or it is not yours.")
    return Recording(**row._mapping)


def newest(engine: sa.Engine, owner: str, limit: int) -> list[Recording]:
    query = sa.text(f"{SELECT} WHERE owner = :owner ORDER BY created_at DESC LIMIT :limit")
    with engine.connect() as connection:
        return [Recording(**row._mapping) for row in connection.execute(query, {"owner": owner, "limit": limit})]


def delete(engine: sa.Engine, recording: UUID, owner: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("DELETE FROM recordings WHERE id = :id AND owner = :owner"),
            {"id": recording, "owner": owner},
        )


def ids(engine: sa.Engine) -> list[UUID]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM recordings")).scalars())
