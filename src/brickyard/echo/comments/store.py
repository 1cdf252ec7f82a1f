"""Comments in the database. An answer is a comment that names the one it answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.comments.schemas import Comment, Remark
from brickyard.kit.errors import NotFound

ALL = sa.text("""
    SELECT comments.id, at_s AS at, coalesce(nullif(users.display_name, ''), users.name, author) AS author,
           author AS author_id, author = :user AS is_own, text, comments.created_at, edited_at, resolved_at,
           coalesce(nullif(resolvers.display_name, ''), resolvers.name, resolved_by) AS resolved_by, answers
    FROM comments LEFT JOIN users ON users.id = author LEFT JOIN users AS resolvers ON resolvers.id = resolved_by
    WHERE recording = :recording ORDER BY at_s, comments.created_at, comments.id""")


def every(connection: sa.Connection, recording: UUID, user: str) -> list[Comment]:
    """In the order of their moments."""
    rows = connection.execute(ALL, {"recording": recording, "user": user}).mappings().all()
    found = {row["id"]: Comment(**_without_answers(row)) for row in rows if row["answers"] is None}
    for row in rows:
        if row["answers"] in found:
            found[row["answers"]].answers.append(Remark(**{name: row[name] for name in Remark.model_fields}))
    return list(found.values())


def duration_s(connection: sa.Connection, recording: UUID) -> float:
    query = sa.text("SELECT duration_s FROM recordings WHERE id = :recording")
    found = connection.execute(query, {"recording": recording}).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no recording {recording}, or it is not yours.")
    return float(found)


def lock(connection: sa.Connection, recording: UUID, comment: UUID) -> sa.Row[Any]:
    """Raises NotFound."""
    query = sa.text("""
        SELECT author, answers, at_s, resolved_at FROM comments
        WHERE recording = :recording AND id = :comment FOR UPDATE""")
    found = connection.execute(query, {"recording": recording, "comment": comment}).one_or_none()
    if found is None:
        raise NotFound(f"There is no comment {comment} on this recording; it may have been deleted.")
    return found


def insert(connection: sa.Connection, values: dict[str, Any]) -> None:
    query = sa.text("""
        INSERT INTO comments (id, recording, author, answers, at_s, text, created_at)
        VALUES (:id, :recording, :author, :answers, :at_s, :text, clock_timestamp())""")
    connection.execute(query, values)


def set_text(connection: sa.Connection, comment: UUID, text: str) -> None:
    query = sa.text("UPDATE comments SET text = :text, edited_at = now() WHERE id = :comment")
    connection.execute(query, {"comment": comment, "text": text})


def set_resolved(connection: sa.Connection, comment: UUID, by: str | None) -> None:
    """None opens it again."""
    query = sa.text("""
        UPDATE comments SET resolved_by = :by, resolved_at = CASE WHEN CAST(:by AS text) IS NOT NULL THEN now() END
        WHERE id = :comment""")
    connection.execute(query, {"comment": comment, "by": by})


def delete(connection: sa.Connection, comment: UUID) -> None:
    """With its answers."""
    connection.execute(sa.text("DELETE FROM comments WHERE id = :comment"), {"comment": comment})


def _without_answers(row: sa.RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if str(name) != "answers"}
