"""Uploads in the database."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.uploads.schemas import UploadProblem, UploadState
from brickyard.kit.errors import NotFound

NEWEST = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """`metadata`: the header Upload-Metadata as it came; empty once the upload has ended, as the key is gone then."""

    id: UUID
    owner: str
    name: str
    metadata: str
    length_bytes: int
    offset_bytes: int
    wrapped_key: bytes | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    recording: UUID | None
    job: UUID | None
    error: dict[str, str] | None

    @property
    def state(self) -> UploadState:
        if self.ended_at is not None:
            return UploadState.refused if self.error else UploadState.done
        return UploadState.arriving if self.offset_bytes < self.length_bytes else UploadState.checking

    @property
    def problem(self) -> UploadProblem | None:
        return UploadProblem(**self.error) if self.error else None


SELECT = """
    SELECT id, owner, name, coalesce(fields ->> 'metadata', '') AS metadata, length_bytes, offset_bytes, wrapped_key,
           created_at, expires_at, ended_at, recording, job, error
    FROM uploads"""


def insert(engine: sa.Engine, upload: Upload, credential: str) -> None:
    query = sa.text("""
        INSERT INTO uploads (id, owner, credential, name, fields, length_bytes, wrapped_key, created_at, expires_at)
        VALUES (:id, :owner, :credential, :name, CAST(:fields AS jsonb), :length_bytes, :wrapped_key, :created_at,
                :expires_at)""")
    values = {each.name: getattr(upload, each.name) for each in fields(upload)}
    said = json.dumps({"metadata": values.pop("metadata")})
    with engine.begin() as connection:
        connection.execute(query, {**values, "credential": credential, "fields": said})


def get(engine: sa.Engine, upload: UUID, owner: str, now: datetime) -> Upload:
    query = sa.text(f"{SELECT} WHERE id = :id AND owner = :owner AND expires_at > :now")
    with engine.connect() as connection:
        row = connection.execute(query, {"id": upload, "owner": owner, "now": now}).one_or_none()
    if row is None:
        raise NotFound(f"There is no upload {upload}, or it is not yours; it may have expired. Begin a new one.")
    return _upload(row)


def newest(engine: sa.Engine, owner: str, now: datetime) -> list[Upload]:
    query = sa.text(f"{SELECT} WHERE owner = :owner AND expires_at > :now ORDER BY created_at DESC LIMIT :limit")
    with engine.connect() as connection:
        return [_upload(row) for row in connection.execute(query, {"owner": owner, "now": now, "limit": NEWEST})]


def going_for(engine: sa.Engine, credential: str, now: datetime) -> int:
    """Uploads of an API key that have not ended: each will be a job."""
    query = sa.text("""
        SELECT count(*) FROM uploads WHERE credential = :credential AND ended_at IS NULL AND expires_at > :now""")
    with engine.connect() as connection:
        return int(connection.execute(query, {"credential": credential, "now": now}).scalar_one())


def save(engine: sa.Engine, upload: UUID, offset_bytes: int, expires_at: datetime) -> None:
    """So much is on the disk for good."""
    query = sa.text("UPDATE uploads SET offset_bytes = :offset, expires_at = :expires_at WHERE id = :id")
    with engine.begin() as connection:
        connection.execute(query, {"id": upload, "offset": offset_bytes, "expires_at": expires_at})


def end(
    engine: sa.Engine,
    upload: UUID,
    now: datetime,
    expires_at: datetime,
    *,
    recording: UUID | None = None,
    job: UUID | None = None,
    error: dict[str, str] | None = None,
) -> None:
    """The key goes: from now on, only the recording's row has it."""
    query = sa.text("""
        UPDATE uploads
        SET ended_at = :now, expires_at = :expires_at, wrapped_key = NULL, fields = '{}', recording = :recording,
            job = :job, error = CAST(:error AS jsonb)
        WHERE id = :id""")
    values = {"id": upload, "now": now, "expires_at": expires_at, "recording": recording, "job": job}
    with engine.begin() as connection:
        connection.execute(query, {**values, "error": json.dumps(error) if error else None})


def delete(engine: sa.Engine, upload: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM uploads WHERE id = :id"), {"id": upload})


def delete_expired(engine: sa.Engine, now: datetime) -> list[UUID]:
    query = sa.text("DELETE FROM uploads WHERE expires_at <= :now RETURNING id")
    with engine.begin() as connection:
        return list(connection.execute(query, {"now": now}).scalars())


def ids(engine: sa.Engine) -> set[UUID]:
    with engine.connect() as connection:
        return set(connection.execute(sa.text("SELECT id FROM uploads")).scalars())


def recordings_like(engine: sa.Engine, upload: Upload) -> list[UUID]:
    """Which may have been made of this upload before the server stopped."""
    query = sa.text("SELECT id FROM recordings WHERE owner = :owner AND size_bytes = :size")
    with engine.connect() as connection:
        values = {"owner": upload.owner, "size": upload.length_bytes}
        return list(connection.execute(query, values).scalars())


def _upload(row: sa.Row[Any]) -> Upload:
    values = dict(row._mapping)
    values["wrapped_key"] = None if row.wrapped_key is None else bytes(row.wrapped_key)
    return Upload(**values)
