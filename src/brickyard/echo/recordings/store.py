"""Recordings in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.policy import Level
from brickyard.echo.recordings.schemas import AccessName, Recording
from brickyard.kit.errors import NotFound

SELECT = """
    SELECT recordings.id, recordings.name, container, size_bytes, duration_s, has_video, recordings.created_at,
           coalesce(nullif(users.display_name, ''), users.name, owner) AS owner, teams.name AS team,
           held_at IS NOT NULL AS is_held,
           (SELECT max(level) FROM reach WHERE recording = recordings.id AND user_id = :user) AS level,
           (SELECT jobs.id FROM jobs WHERE jobs.params ->> 'recording' = recordings.id::text
            ORDER BY jobs.created_at DESC LIMIT 1) AS latest_job
    FROM recordings LEFT JOIN users ON users.id = owner LEFT JOIN teams ON teams.id = team"""


def insert(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Without a team, and with plain files, unless it is said."""
    query = sa.text("""
        INSERT INTO recordings
            (id, owner, team, name, sha256, size_bytes, container, duration_s, has_video, wrapped_key)
        VALUES (:id, :owner, :team, :name, :sha256, :size_bytes, :container, :duration_s, :has_video, :wrapped_key)""")
    connection.execute(query, {"team": None, "wrapped_key": None} | values)


def set_duration(engine: sa.Engine, recording: UUID, duration_s: float) -> None:
    """What decoding found, which is the truth, in place of what the file said of itself."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recordings SET duration_s = :duration_s WHERE id = :id"),
            {"id": recording, "duration_s": duration_s},
        )


def rename(engine: sa.Engine, recording: UUID, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recordings SET name = :name WHERE id = :id"), {"id": recording, "name": name}
        )


def get(engine: sa.Engine, recording: UUID, user: str) -> Recording:
    """As `user` sees it."""
    query = sa.text(f"{SELECT} WHERE recordings.id = :id")
    with engine.connect() as connection:
        row = connection.execute(query, {"id": recording, "user": user}).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {recording}, or it is not yours.")
    return _recording(row)


def newest(engine: sa.Engine, user: str, limit: int) -> list[Recording]:
    """Of those that a user may see."""
    where = "WHERE recordings.id IN (SELECT recording FROM reach WHERE user_id = :user)"
    query = sa.text(f"{SELECT} {where} ORDER BY recordings.created_at DESC LIMIT :limit")
    with engine.connect() as connection:
        return [_recording(row) for row in connection.execute(query, {"user": user, "limit": limit})]


def sha256(engine: sa.Engine, recording: UUID) -> str:
    query = sa.text("SELECT sha256 FROM recordings WHERE id = :id")
    with engine.connect() as connection:
        found = connection.execute(query, {"id": recording}).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no recording {recording}, or it is not yours.")
    return str(found)


def jobs_going_for(engine: sa.Engine, credential: str) -> int:
    """Jobs that an API key has asked for and that have not ended."""
    query = sa.text("""
        SELECT count(*) FROM jobs
        WHERE params -> 'by' ->> 'credential' = :credential AND state IN ('waiting', 'running', 'paused')""")
    with engine.connect() as connection:
        return int(connection.execute(query, {"credential": credential}).scalar_one())


def has_transcript(engine: sa.Engine, recording: UUID) -> bool:
    query = sa.text("SELECT EXISTS (SELECT FROM transcripts WHERE recording = :recording)")
    with engine.connect() as connection:
        return bool(connection.execute(query, {"recording": recording}).scalar_one())


def ids(engine: sa.Engine) -> list[UUID]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM recordings")).scalars())


def _recording(row: sa.Row[Any]) -> Recording:
    values = dict(row._mapping)
    return Recording(**values, access=AccessName.of(Level(values.pop("level") or 0)))
