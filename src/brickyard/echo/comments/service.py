"""Who may say what about a moment: authors edit their own, authors and the recording's owner delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.policy import Level
from brickyard.access.sharing import level_of
from brickyard.echo.comments import store
from brickyard.echo.comments.schemas import Comment, NewComment
from brickyard.kit.errors import BadInput, Forbidden

BEHIND_THE_END_S = 1.0


@dataclass(frozen=True)
class Comments:
    engine: sa.Engine
    audit: Audit

    def every(self, recording: UUID, actor: Actor) -> list[Comment]:
        with self.engine.connect() as connection:
            return store.every(connection, recording, actor.id)

    def add(self, recording: UUID, new: NewComment, actor: Actor) -> UUID:
        """Raises BadInput behind the recording's end, and for an answer to an answer; NotFound."""
        comment = uuid4()
        with self.engine.begin() as connection:
            at_s = self._moment(connection, recording, new)
            values = {"id": comment, "recording": recording, "author": actor.id, "answers": new.answers}
            store.insert(connection, {**values, "at_s": at_s, "text": new.text})
            self._record(connection, actor, "comment.added", recording, comment, answers=_text(new.answers))
        return comment

    def edit(self, recording: UUID, comment: UUID, text: str, actor: Actor) -> None:
        with self.engine.begin() as connection:
            if store.lock(connection, recording, comment).author != actor.id:
                raise Forbidden("Only who wrote a comment may change it. Answer it instead.")
            store.set_text(connection, comment, text)
            self._record(connection, actor, "comment.edited", recording, comment)

    def resolve(self, recording: UUID, comment: UUID, resolved: bool, actor: Actor) -> None:
        """Anybody who may comment; again: nothing changes."""
        with self.engine.begin() as connection:
            found = store.lock(connection, recording, comment)
            if found.answers is not None:
                raise BadInput(f"{comment} is an answer; resolve the comment that it answers, {found.answers}.")
            if resolved == (found.resolved_at is not None):
                return
            store.set_resolved(connection, comment, actor.id if resolved else None)
            action = "comment.resolved" if resolved else "comment.reopened"
            self._record(connection, actor, action, recording, comment)

    def delete(self, recording: UUID, comment: UUID, actor: Actor) -> None:
        """With its answers."""
        with self.engine.begin() as connection:
            author = store.lock(connection, recording, comment).author
            if author != actor.id and level_of(connection, recording, actor.id) < Level.OWN:
                raise Forbidden("Only who wrote a comment, and the recording's owner, may delete it.")
            store.delete(connection, comment)
            self._record(connection, actor, "comment.deleted", recording, comment, author=author)

    def _moment(self, connection: sa.Connection, recording: UUID, new: NewComment) -> float:
        if new.answers is not None:
            answered = store.lock(connection, recording, new.answers)
            if answered.answers is not None:
                raise BadInput(f"{new.answers} is an answer itself; answer the comment, {answered.answers}.")
            return float(answered.at_s)
        assert new.at is not None
        end_s = store.duration_s(connection, recording)
        if new.at > end_s + BEHIND_THE_END_S:
            raise BadInput(f"at is {new.at:g} s, but the recording ends at {end_s:.1f} s. Name a moment inside it.")
        return new.at

    def _record(
        self, connection: sa.Connection, actor: Actor, action: str, recording: UUID, comment: UUID, **details: Any
    ) -> None:
        said = {"comment": str(comment), **{name: value for name, value in details.items() if value is not None}}
        entry = entry_of(actor, action, object_kind="recording", object_id=recording, details=said)
        self.audit.append(entry, connection)


def _text(identity: UUID | None) -> str | None:
    return None if identity is None else str(identity)
