"""Keeps order among recordings: tags that all see, and folders of one's own. No recording is ever lost by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.echo.shelves import store
from brickyard.echo.shelves.schemas import Folder, NewFolder, TagCount
from brickyard.kit.errors import BadInput, Conflict, NotFound

FOLDERS = 500
DEPTH = 8


@dataclass(frozen=True)
class Shelves:
    engine: sa.Engine
    audit: Audit

    def tags_of(self, recording: UUID) -> list[str]:
        with self.engine.connect() as connection:
            return store.tags_of(connection, recording)

    def counted_tags(self, actor: Actor) -> list[TagCount]:
        with self.engine.connect() as connection:
            return store.counted(connection, actor.id)

    def set_tags(self, recording: UUID, tags: list[str], actor: Actor) -> list[str]:
        unlike = list({tag.casefold(): tag for tag in reversed(tags)}.values())[::-1]
        with self.engine.begin() as connection:
            store.set_tags(connection, recording, unlike)
            kept = store.tags_of(connection, recording)
            # How many: what people call things is theirs, and the log keeps its lines for good.
            self._record(connection, actor, "recording.tagged", "recording", recording, {"tags": len(kept)})
        return kept

    def folders(self, actor: Actor) -> list[Folder]:
        with self.engine.connect() as connection:
            return store.folders(connection, actor.id)

    def make(self, new: NewFolder, actor: Actor) -> UUID:
        folder = uuid4()
        with self.engine.begin() as connection:
            parents = store.lock(connection, actor.id)
            if len(parents) >= FOLDERS:
                raise Conflict(f"You have {len(parents)} folders; {FOLDERS} are allowed. Delete some first.")
            self._put(connection, folder, new, parents, actor, "folder.made")
        return folder

    def change(self, folder: UUID, new: NewFolder, actor: Actor) -> None:
        """Raises BadInput where it would lie in itself, or too deep; NotFound where a folder is not one's own."""
        with self.engine.begin() as connection:
            parents = store.lock(connection, actor.id)
            _own(folder, parents)
            self._put(connection, folder, new, parents, actor, "folder.changed")

    def delete(self, folder: UUID, actor: Actor) -> None:
        """What lies in it moves to the folder around it; no recording is deleted."""
        with self.engine.begin() as connection:
            parents = store.lock(connection, actor.id)
            _own(folder, parents)
            store.delete(connection, folder, parents[folder])
            self._record(connection, actor, "folder.deleted", "folder", folder, {})

    def place_of(self, recording: UUID, actor: Actor) -> UUID | None:
        with self.engine.connect() as connection:
            return store.place_of(connection, actor.id, recording)

    def file(self, recording: UUID, folder: UUID | None, actor: Actor) -> None:
        with self.engine.begin() as connection:
            if folder is not None:
                _own(folder, store.lock(connection, actor.id))
            store.file(connection, actor.id, recording, folder)
            details = {"folder": None if folder is None else str(folder)}
            self._record(connection, actor, "recording.filed", "recording", recording, details)

    def _put(
        self,
        connection: sa.Connection,
        folder: UUID,
        new: NewFolder,
        parents: Mapping[UUID, UUID | None],
        actor: Actor,
        action: str,
    ) -> None:
        if new.parent is not None:
            _own(new.parent, parents)
        check_tree({**parents, folder: new.parent}, folder)
        store.put(connection, {"id": folder, "user": actor.id, "name": new.name, "parent": new.parent})
        details = {"parent": None if new.parent is None else str(new.parent)}
        self._record(connection, actor, action, "folder", folder, details)

    def _record(
        self, connection: sa.Connection, actor: Actor, action: str, kind: str, identity: UUID, details: dict[str, Any]
    ) -> None:
        self.audit.append(entry_of(actor, action, object_kind=kind, object_id=identity, details=details), connection)


def check_tree(parents: Mapping[UUID, UUID | None], moved: UUID) -> None:
    """Pure. Raises BadInput where `moved` lies in itself, or any folder deeper than DEPTH."""
    for folder in parents:
        way: list[UUID] = [folder]
        while (above := parents.get(way[-1])) is not None:
            if above in way:
                raise BadInput(f"parent: the folder {moved} can't lie in itself or in a folder inside it.")
            way.append(above)
        if len(way) > DEPTH:
            raise BadInput(f"parent: folders would lie {len(way)} deep; {DEPTH} are allowed.")


def _own(folder: UUID, parents: Mapping[UUID, UUID | None]) -> None:
    if folder not in parents:
        raise NotFound(f"You have no folder {folder}; it may have been deleted.")
