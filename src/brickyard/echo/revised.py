"""What people made of a transcript: revisions, each a few changes, with the whole document kept now and then.

Revision 1 is the machine's. A later job's transcript is a new revision of the machine; edits of the one before stay in
the list and can be restored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from brickyard.text.editing import Document, Played, play

_CHANGES = TypeAdapter(list[Played])

_FROM_KEPT = """
    SELECT number, job, changes::text AS changes, document::text AS document FROM revisions
    WHERE recording = :recording AND number <= :number
      AND number >= (SELECT max(number) FROM revisions
                     WHERE recording = :recording AND number <= :number AND document IS NOT NULL)
    ORDER BY number"""


@dataclass(frozen=True, slots=True)
class Revised:
    """The document as revision `number` has it; `job` made the machine's transcript below it."""

    number: int
    job: UUID
    document: Document


def newest(connection: sa.Connection, recording: UUID) -> Revised | None:
    """None where nobody has opened the newest job's transcript to edit it: then the machine's own is the newest."""
    query = sa.text("""
        SELECT number FROM revisions JOIN transcripts USING (recording, job)
        WHERE recording = :recording ORDER BY number DESC LIMIT 1""")
    number = connection.execute(query, {"recording": recording}).scalar_one_or_none()
    return None if number is None else at(connection, recording, number)


def at(connection: sa.Connection, recording: UUID, number: int) -> Revised | None:
    """None where there is no such revision."""
    rows = connection.execute(sa.text(_FROM_KEPT), {"recording": recording, "number": number}).all()
    if not rows or rows[-1].number != number:
        return None
    document = Document.model_validate_json(rows[0].document)
    changes = [change for row in rows[1:] for change in _CHANGES.validate_json(row.changes)]
    return Revised(number, rows[-1].job, play(document, changes) if changes else document)


def described(connection: sa.Connection, recording: UUID, number: int) -> str:
    """For people: `3, by Ada`; empty where the transcript is as the machine made it."""
    query = sa.text("""
        SELECT coalesce(nullif(display_name, ''), name, nullif(author, ''), 'the platform')
        FROM revisions LEFT JOIN users ON users.id = author
        WHERE recording = :recording AND number = :number AND kind <> 'machine'""")
    author = connection.execute(query, {"recording": recording, "number": number}).scalar_one_or_none()
    return "" if author is None else f"{number}, by {author}"


def changes_as_json(changes: Iterable[Played]) -> str:
    return _CHANGES.dump_json(list(changes)).decode()
