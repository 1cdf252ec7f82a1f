"""How long recordings are kept, and their deletion, in the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.retention.schemas import Deletion
from brickyard.jobs import workflows
from brickyard.kit.errors import NotFound

SWEEP_LOCK = 8_400_006
PLATFORM_DAYS = "recordings_kept_days"
"""Its name among the limits that administrators set."""

FACTS = """
    SELECT recordings.id, recordings.owner, recordings.created_at, recordings.retention_days AS own_days,
           teams.retention_days AS team_days, held_at, coalesce(holders.name, held_by) AS held_by, hold_reason,
           EXISTS (SELECT FROM jobs WHERE jobs.state IN ('waiting', 'running', 'paused')
                   AND jobs.params ->> 'recording' = recordings.id::text) AS has_work
    FROM recordings LEFT JOIN teams ON teams.id = recordings.team LEFT JOIN users AS holders ON holders.id = held_by"""

COUNTS = sa.text("""
    SELECT (SELECT count(*) FROM transcripts WHERE recording = :recording) AS transcripts,
           (SELECT count(*) FROM derived WHERE recording = :recording) AS documents,
           (SELECT count(*) FROM passages WHERE recording = :recording) AS passages,
           (SELECT count(*) FROM shares WHERE recording = :recording) AS shares,
           (SELECT count(*) FROM comments WHERE recording = :recording) AS comments""")

REMEMBER = sa.text("""
    INSERT INTO deletions (recording, owner, sha256, size_bytes, duration_s, created_at, deleted_at, deleted_by, reason,
                           destroyed, backups_until)
    SELECT id, owner, sha256, size_bytes, duration_s, created_at, :now, :by, :reason, CAST(:destroyed AS jsonb),
           :backups_until
    FROM recordings WHERE id = :recording""")

TOUCHED = (
    "recordings", "transcripts", "derived", "passages", "shares", "jobs", "steps", "chunks", "foretold", "webhooks",
    "deliveries", "comments", "tags", "filed",
)  # fmt: skip


def facts(connection: sa.Connection, recording: UUID) -> sa.Row[Any]:
    query = sa.text(f"{FACTS} WHERE recordings.id = :recording")
    found = connection.execute(query, {"recording": recording}).one_or_none()
    if found is None:
        raise _unknown(recording)
    return found


def every(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """The oldest first."""
    return connection.execute(sa.text(f"{FACTS} ORDER BY recordings.created_at, recordings.id")).all()


def lock(connection: sa.Connection, recording: UUID) -> sa.Row[Any]:
    """Until the transaction ends nobody else holds, releases or deletes it. Raises NotFound."""
    query = sa.text("""
        SELECT retention_days, held_at, hold_reason, wrapped_key IS NOT NULL AS is_sealed FROM recordings
        WHERE id = :recording FOR UPDATE""")
    found = connection.execute(query, {"recording": recording}).one_or_none()
    if found is None:
        raise _unknown(recording)
    return found


def platform_days(connection: sa.Connection) -> sa.Row[Any] | None:
    """`value`, `changed_at` and `changed_by`; None where no administrator has set it."""
    query = sa.text("SELECT value, changed_at, changed_by FROM limits WHERE name = :name")
    return connection.execute(query, {"name": PLATFORM_DAYS}).one_or_none()


def set_platform_days(connection: sa.Connection, days: int | None, by: str) -> None:
    if days is None:
        connection.execute(sa.text("DELETE FROM limits WHERE name = :name"), {"name": PLATFORM_DAYS})
        return
    query = sa.text("""
        INSERT INTO limits (name, value, changed_by) VALUES (:name, :days, :by)
        ON CONFLICT (name) DO UPDATE SET value = :days, changed_by = :by, changed_at = now()""")
    connection.execute(query, {"name": PLATFORM_DAYS, "days": days, "by": by})


def set_days(connection: sa.Connection, recording: UUID, days: int | None) -> None:
    query = sa.text("UPDATE recordings SET retention_days = :days WHERE id = :recording")
    connection.execute(query, {"recording": recording, "days": days})


def set_hold(connection: sa.Connection, recording: UUID, by: str | None, reason: str | None) -> None:
    """None for both releases it. A hold that is there already keeps its beginning."""
    query = sa.text("""
        UPDATE recordings SET held_at = CASE WHEN CAST(:by AS text) IS NOT NULL THEN coalesce(held_at, now()) END,
               held_by = :by, hold_reason = :reason
        WHERE id = :recording""")
    connection.execute(query, {"recording": recording, "by": by, "reason": reason})


def made_of(connection: sa.Connection, recording: UUID) -> dict[str, int]:
    """How many documents there are of it, by kind."""
    return dict(connection.execute(COUNTS, {"recording": recording}).one()._mapping)


def delete(connection: sa.Connection, recording: UUID, remembered: dict[str, Any]) -> None:
    """The row with its key, and by cascade all that is made of it; `deletions` remembers that it was there."""
    values = {**remembered, "recording": recording, "destroyed": json.dumps(remembered["destroyed"])}
    connection.execute(REMEMBER, values)
    connection.execute(sa.text("DELETE FROM recordings WHERE id = :recording"), {"recording": recording})


def deletions(engine: sa.Engine, before: datetime | None, limit: int) -> list[Deletion]:
    """The latest first; `before`: of the moment of deletion."""
    query = sa.text("""
        SELECT * FROM deletions WHERE CAST(:before AS timestamptz) IS NULL OR deleted_at < :before
        ORDER BY deleted_at DESC, recording LIMIT :limit""")
    with engine.connect() as connection:
        rows = connection.execute(query, {"before": before, "limit": limit})
        return [Deletion(**row._mapping) for row in rows]


def deleted_since(connection: sa.Connection, since: datetime) -> list[UUID]:
    query = sa.text("SELECT recording FROM deletions WHERE deleted_at >= :since")
    return list(connection.execute(query, {"since": since}).scalars())


def may_sweep(connection: sa.Connection) -> bool:
    """One process at a time, for as long as the transaction lasts."""
    return bool(connection.execute(sa.text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": SWEEP_LOCK}).scalar())


def clear_rests(engine: sa.Engine) -> None:
    """What PostgreSQL keeps of deleted rows is taken out of their pages."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        tables = [*TOUCHED, *workflows.tables(connection)]
        connection.execute(sa.text(f"VACUUM {', '.join(tables)}"))


def _unknown(recording: UUID) -> NotFound:
    return NotFound(f"There is no recording {recording}, or it is not yours.")
