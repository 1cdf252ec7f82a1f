"""Revisions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from brickyard.echo.editing.schemas import Draft
from brickyard.echo.revised import changes_as_json
from brickyard.kit.errors import NotFound
from brickyard.text.editing import Document, Played, of_machine
from brickyard.text.spoken import Segment

LOCK = 8_400_006
"""Of those who add a revision to one recording, together with a hash of its id."""
_SEGMENTS = TypeAdapter(list[Segment])
_DRAFTS = TypeAdapter(list[Draft])


@dataclass(frozen=True, slots=True)
class Head:
    """`job`: of the newest transcript; `number`: of the newest revision, on `revised_job`; 0 without any."""

    job: UUID
    number: int
    revised_job: UUID | None


@dataclass(frozen=True, slots=True)
class Row:
    """A revision without its content; `changes` and `rejected` are how many."""

    number: int
    author: str
    author_name: str
    kind: str
    at: datetime
    changes: int
    rejected: int


def lock(connection: sa.Connection, recording: UUID) -> None:
    """Until the transaction ends nobody else adds a revision."""
    query = sa.text("SELECT pg_advisory_xact_lock(:lock, hashtext(:recording))")
    connection.execute(query, {"lock": LOCK, "recording": str(recording)})


def head(connection: sa.Connection, recording: UUID) -> Head:
    """Raises NotFound where there is no transcript yet."""
    query = sa.text("""
        SELECT transcripts.job, coalesce(number, 0) AS number, revisions.job AS revised_job
        FROM transcripts LEFT JOIN LATERAL (
            SELECT number, job FROM revisions WHERE recording = transcripts.recording ORDER BY number DESC LIMIT 1
        ) AS revisions ON true
        WHERE transcripts.recording = :recording""")
    row = connection.execute(query, {"recording": recording}).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no transcript of recording {recording} yet. It is there when the recording's job has succeeded."
        )
    return Head(**row._mapping)


def about(connection: sa.Connection, recording: UUID) -> tuple[float, str]:
    """How long it is, in seconds, and in which language."""
    query = sa.text("""
        SELECT (document ->> 'duration')::float8 AS duration_s, document ->> 'language' AS language
        FROM transcripts WHERE recording = :recording""")
    row = connection.execute(query, {"recording": recording}).one()
    return row.duration_s, row.language


def machine(connection: sa.Connection, recording: UUID) -> Document:
    """Out of the newest job's transcript."""
    query = sa.text("SELECT (document -> 'segments')::text FROM transcripts WHERE recording = :recording")
    return of_machine(_SEGMENTS.validate_json(connection.execute(query, {"recording": recording}).scalar_one()))


def add(
    connection: sa.Connection,
    recording: UUID,
    number: int,
    *,
    job: UUID,
    author: str,
    kind: str,
    batch: str | None = None,
    changes: Sequence[Played] = (),
    rejected: Sequence[Draft] = (),
    document: Document | None = None,
) -> None:
    query = sa.text("""
        INSERT INTO revisions (recording, number, job, author, kind, batch, at, changes, rejected, document)
        VALUES (:recording, :number, :job, :author, :kind, :batch, clock_timestamp(), CAST(:changes AS jsonb),
                CAST(:rejected AS jsonb), CAST(:document AS jsonb))""")
    values = {
        "recording": recording,
        "number": number,
        "job": job,
        "author": author,
        "kind": kind,
        "batch": batch,
        "changes": changes_as_json(changes),
        "rejected": _DRAFTS.dump_json(list(rejected)).decode(),
        "document": None if document is None else document.model_dump_json(),
    }
    connection.execute(query, values)


def keep(connection: sa.Connection, recording: UUID, number: int, document: Document) -> None:
    """The whole of it, so that less has to be played."""
    query = sa.text("""
        UPDATE revisions SET document = CAST(:document AS jsonb) WHERE recording = :recording AND number = :number""")
    values = {"recording": recording, "number": number, "document": document.model_dump_json()}
    connection.execute(query, values)


def last_kept(connection: sa.Connection, recording: UUID) -> int:
    """The newest revision whose whole document is there; 0 without any."""
    query = sa.text("SELECT max(number) FROM revisions WHERE recording = :recording AND document IS NOT NULL")
    return connection.execute(query, {"recording": recording}).scalar_one() or 0


def batch(connection: sa.Connection, recording: UUID, name: str) -> tuple[int, str, int, list[Draft]] | None:
    """Number, author, how many changes and what was rejected, of a batch that has come before."""
    query = sa.text("""
        SELECT number, author, jsonb_array_length(changes) AS made, rejected::text AS rejected FROM revisions
        WHERE recording = :recording AND batch = :batch""")
    row = connection.execute(query, {"recording": recording, "batch": name}).one_or_none()
    return None if row is None else (row.number, row.author, row.made, _DRAFTS.validate_json(row.rejected))


def rows(connection: sa.Connection, recording: UUID, number: int | None = None) -> list[Row]:
    """All of them, or one; oldest first."""
    query = sa.text("""
        SELECT number, author, coalesce(nullif(display_name, ''), name, author) AS author_name, kind, at,
               jsonb_array_length(changes) AS changes, jsonb_array_length(rejected) AS rejected
        FROM revisions LEFT JOIN users ON users.id = author
        WHERE recording = :recording AND (CAST(:number AS integer) IS NULL OR number = :number) ORDER BY number""")
    found = connection.execute(query, {"recording": recording, "number": number})
    return [Row(**row._mapping) for row in found]


def content(connection: sa.Connection, recording: UUID, number: int) -> tuple[str, str]:
    """Changes and drafts of one revision, as JSON."""
    query = sa.text("""
        SELECT changes::text AS changes, rejected::text AS rejected FROM revisions
        WHERE recording = :recording AND number = :number""")
    row = connection.execute(query, {"recording": recording, "number": number}).one()
    return row.changes, row.rejected


def heard_again(connection: sa.Connection, recording: UUID) -> list[str]:
    """The changes of revisions in which the machine heard a stretch of the newest transcript again, as JSON."""
    query = sa.text("""
        SELECT changes::text FROM revisions JOIN transcripts USING (recording, job)
        WHERE recording = :recording AND kind = 'redo' ORDER BY number""")
    return list(connection.execute(query, {"recording": recording}).scalars())


def machine_since(connection: sa.Connection, recording: UUID, number: int) -> bool:
    """Whether a later revision is the machine's."""
    query = sa.text("""
        SELECT EXISTS (SELECT FROM revisions WHERE recording = :recording AND number > :number AND kind = 'machine')""")
    return bool(connection.execute(query, {"recording": recording, "number": number}).scalar_one())
