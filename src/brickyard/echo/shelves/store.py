"""Tags and folders in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.shelves.schemas import Folder, TagCount

_REACHED = "recording IN (SELECT recording FROM reach WHERE user_id = :user)"


def tags_of(connection: sa.Connection, recording: UUID) -> list[str]:
    query = sa.text("SELECT tag FROM tags WHERE recording = :recording ORDER BY lower(tag)")
    return list(connection.execute(query, {"recording": recording}).scalars())


def set_tags(connection: sa.Connection, recording: UUID, tags: list[str]) -> None:
    """One after the other: two who tag at once must not leave both sets."""
    values = {"recording": recording}
    connection.execute(sa.text("SELECT FROM recordings WHERE id = :recording FOR UPDATE"), values)
    connection.execute(sa.text("DELETE FROM tags WHERE recording = :recording"), values)
    add = sa.text("""
        INSERT INTO tags (recording, tag) SELECT id, :tag FROM recordings WHERE id = :recording""")
    if tags:
        connection.execute(add, [{**values, "tag": tag} for tag in tags])


def counted(connection: sa.Connection, user: str) -> list[TagCount]:
    query = sa.text(f"""
        SELECT min(tag) AS tag, count(*) AS recordings FROM tags WHERE {_REACHED}
        GROUP BY lower(tag) ORDER BY lower(tag)""")
    return [TagCount(**row._mapping) for row in connection.execute(query, {"user": user})]


def folders(connection: sa.Connection, user: str) -> list[Folder]:
    query = sa.text(f"""
        SELECT id, name, parent,
               (SELECT count(*) FROM filed WHERE folder = folders.id AND {_REACHED}) AS recordings
        FROM folders WHERE user_id = :user ORDER BY lower(name), id""")
    return [Folder(**row._mapping) for row in connection.execute(query, {"user": user})]


def lock(connection: sa.Connection, user: str) -> dict[UUID, UUID | None]:
    """All folders of somebody with the folder each lies in; nobody else changes them meanwhile."""
    connection.execute(sa.text("SELECT FROM users WHERE id = :user FOR UPDATE"), {"user": user})
    query = sa.text("SELECT id, parent FROM folders WHERE user_id = :user")
    return {row.id: row.parent for row in connection.execute(query, {"user": user})}


def put(connection: sa.Connection, values: dict[str, Any]) -> None:
    query = sa.text("""
        INSERT INTO folders (id, user_id, name, parent) VALUES (:id, :user, :name, :parent)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, parent = excluded.parent""")
    connection.execute(query, values)


def delete(connection: sa.Connection, folder: UUID, parent: UUID | None) -> None:
    """What lies in it moves up to `parent`, where there is one; recordings stay in any case."""
    values = {"folder": folder, "parent": parent}
    connection.execute(sa.text("UPDATE folders SET parent = :parent WHERE parent = :folder"), values)
    if parent is not None:
        connection.execute(sa.text("UPDATE filed SET folder = :parent WHERE folder = :folder"), values)
    connection.execute(sa.text("DELETE FROM folders WHERE id = :folder"), values)


def file(connection: sa.Connection, user: str, recording: UUID, folder: UUID | None) -> None:
    values = {"user": user, "recording": recording, "folder": folder}
    if folder is None:
        remove = sa.text("DELETE FROM filed WHERE user_id = :user AND recording = :recording")
        connection.execute(remove, values)
        return
    query = sa.text("""
        INSERT INTO filed (user_id, recording, folder) SELECT :user, id, :folder FROM recordings WHERE id = :recording
        ON CONFLICT (user_id, recording) DO UPDATE SET folder = excluded.folder""")
    connection.execute(query, values)


def place_of(connection: sa.Connection, user: str, recording: UUID) -> UUID | None:
    query = sa.text("SELECT folder FROM filed WHERE user_id = :user AND recording = :recording")
    found: UUID | None = connection.execute(query, {"user": user, "recording": recording}).scalar_one_or_none()
    return found
