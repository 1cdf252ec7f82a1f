"""Editing a transcript: one revision after the other, whoever comes first, and everybody's words kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.policy import Action
from brickyard.echo import revised
from brickyard.echo.editing import store
from brickyard.echo.editing.memory import Memory
from brickyard.echo.editing.schemas import (
    Batch,
    DifferenceView,
    DocumentView,
    Draft,
    Kind,
    News,
    Outcome,
    Restored,
    RevisionGroup,
    RevisionView,
)
from brickyard.echo.revised import Revised
from brickyard.kit.errors import BadInput, BrickyardError, Conflict, NotFound
from brickyard.kit.logs import get
from brickyard.text.editing import Document, Piece, Played, Rejected, changes_between, diff, rebase, typed

SETTLE_S = 3.0
"""So long after an edit is the search brought up to date; edits until then are in it."""
KEPT_EVERY = 200
"""Revisions between two whole documents."""
RETRY_S = 60.0
APART_S = 0.2
"""Between one recording and the next after a restart."""
ONE_SITTING_S = 600.0
MACHINE = "machine"
REDO = "redo"
_PLAYED = TypeAdapter(list[Played])

log = get(__name__)


class Editing:
    """`reindex` makes a recording's newest words findable. One for the process; `close` at its end."""

    def __init__(
        self, engine: sa.Engine, audit: Audit | None, reindex: Callable[[UUID], object], settle_s: float = SETTLE_S
    ) -> None:
        self._engine = engine
        self._audit = audit
        self._reindex = reindex
        self._settle_s = settle_s
        self._memory = Memory()
        self._audited_at: dict[tuple[UUID, str], float] = {}
        self._timers: dict[UUID, threading.Timer] = {}
        self._timers_lock = threading.Lock()

    # ---- reading

    def document(self, recording: UUID) -> DocumentView:
        """The newest. Raises NotFound where there is no transcript yet."""
        newest = self._newest(recording)
        with self._engine.connect() as connection:
            duration_s, language = store.about(connection, recording)
        return DocumentView.model_construct(
            recording=recording,
            revision=newest.number,
            duration=duration_s,
            language=language,
            speakers=newest.document.speakers,
            segments=list(newest.document.segments),
        )

    def number(self, recording: UUID) -> int:
        """Of the newest revision. Raises NotFound as `document`."""
        with self._engine.connect() as connection:
            head = store.head(connection, recording)
        return head.number if head.revised_job == head.job else self._newest(recording).number

    def news(self, recording: UUID, since: int) -> News:
        """What differs from revision `since`."""
        newest = self._newest(recording)
        with self._engine.connect() as connection:
            if since > newest.number:
                raise _ahead(since, newest.number)
            if store.machine_since(connection, recording, since):
                return News(revision=newest.number, reload=True)
            base = self._at(connection, recording, since)
        return _news(base.document, newest)

    def revisions(self, recording: UUID) -> list[RevisionGroup]:
        """Newest first; what one person saved within ten minutes is one."""
        self._newest(recording)
        with self._engine.connect() as connection:
            return grouped(store.rows(connection, recording))

    def revision(self, recording: UUID, number: int) -> RevisionView:
        with self._engine.connect() as connection:
            document = self._at(connection, recording, number).document
            [row] = store.rows(connection, recording, number)
            changes, rejected = store.content(connection, recording, number)
        return RevisionView.model_construct(
            number=number,
            author=row.author,
            author_name=row.author_name,
            kind=cast(Kind, row.kind),
            at=row.at,
            changes=_PLAYED.validate_json(changes),
            rejected=TypeAdapter(list[Draft]).validate_json(rejected),
            speakers=document.speakers,
            segments=list(document.segments),
        )

    def difference(self, recording: UUID, a: int, b: int) -> list[DifferenceView]:
        """From revision `a` to `b`."""
        with self._engine.connect() as connection:
            old, new = self._at(connection, recording, a), self._at(connection, recording, b)
        return [DifferenceView.of(each) for each in diff(old.document, new.document)]

    # ---- writing

    def change(self, recording: UUID, actor: Actor, batch: Batch) -> Outcome:
        """Make changes, on top of whatever came since their base."""
        with self._engine.begin() as connection:
            store.lock(connection, recording)
            newest, is_new = self._opened(connection, recording)
            known = store.batch(connection, recording, batch.batch)
            if known is not None:
                return self._again(connection, recording, actor, batch, newest, known)
            if batch.base > newest.number:
                raise _ahead(batch.base, newest.number)
            is_outdated = store.machine_since(connection, recording, batch.base) or (is_new and newest.number > 1)
            made, played, drafts = _made(newest, batch, is_outdated)
            is_kept = bool(played or drafts)
            if is_kept:
                add = {"job": made.job, "author": actor.id, "kind": "edit", "batch": batch.batch}
                store.add(connection, recording, made.number, changes=played, rejected=drafts, **add)  # type: ignore[arg-type]
                self._tell_audit(connection, recording, actor, {"revision": made.number})
            base = None if is_outdated else self._below(connection, recording, newest, batch.base)
        current = made if is_kept else newest
        self._memory.put(recording, current)
        if played:
            self._settle_later(recording, self._settle_s)
        news = News(revision=current.number, reload=True) if base is None else _news(base.document, current)
        return _outcome(news, made.number if is_kept else None, len(played), drafts)

    def restore(self, recording: UUID, actor: Actor, number: int) -> Restored:
        """A new revision that is as an older one was; those between stay."""
        with self._engine.begin() as connection:
            store.lock(connection, recording)
            newest, _ = self._opened(connection, recording)
            wanted = self._below(connection, recording, newest, number)
            changes = changes_between(newest.document, wanted.document)
            if not changes:
                return Restored(revision=newest.number, changed=False)
            # The document as a whole: its changes may be as long as that, and then need never be played.
            made = Revised(newest.number + 1, newest.job, wanted.document)
            store.add(
                connection,
                recording,
                made.number,
                job=made.job,
                author=actor.id,
                kind="restore",
                changes=changes,
                document=made.document,
            )
            self._tell_audit(connection, recording, actor, {"revision": made.number, "restored": number})
        self._memory.put(recording, made)
        self._settle_later(recording, self._settle_s)
        return Restored(revision=made.number, changed=True)

    def newest(self, recording: UUID) -> Revised:
        """Raises NotFound as `document`."""
        return self._newest(recording)

    def machine_made(self, recording: UUID) -> dict[str, Piece]:
        """Segments as the machine wrote them, the first time or when it heard a stretch again, by id."""
        self._newest(recording)
        with self._engine.connect() as connection:
            made = store.machine(connection, recording).by_id
            for changes in store.heard_again(connection, recording):
                made |= {each.segment.id: each.segment for each in _PLAYED.validate_json(changes) if each.kind == "put"}
        return made

    def rewrite(self, recording: UUID, batch: str, wanted: Callable[[Revised, str], Document | None]) -> int | None:
        """What the machine heard again, as a revision of its own; once for each `batch`. `wanted` says what the newest
        one is to become, given the beginning of new ids; None where it stays. Returns the new revision's number."""
        with self._engine.begin() as connection:
            store.lock(connection, recording)
            newest, _ = self._opened(connection, recording)
            if (known := store.batch(connection, recording, batch)) is not None:
                return known[0]
            number = newest.number + 1
            document = wanted(newest, f"r{number}")
            changes = [] if document is None else changes_between(newest.document, document)
            if document is None or not changes:
                return None
            made = {"job": newest.job, "author": "", "kind": REDO, "batch": batch}
            store.add(connection, recording, number, changes=changes, **made)  # type: ignore[arg-type]
        self._memory.put(recording, Revised(number, newest.job, document))
        return number

    def settle(self, recording: UUID) -> None:
        """Bring the search up to date, and keep the whole document where many changes have come since."""
        self._reindex(recording)
        with self._engine.begin() as connection:
            newest = revised.newest(connection, recording)
            if newest is not None and newest.number - store.last_kept(connection, recording) >= KEPT_EVERY:
                store.keep(connection, recording, newest.number, newest.document)

    def catch_up(self) -> None:
        """Settle, soon and one after the other, what may have waited for it when the process was killed."""
        query = sa.text("""
            SELECT DISTINCT recording FROM revisions
            WHERE at > (SELECT max(at) FROM revisions) - interval '1 hour' AND kind <> 'machine'""")
        with self._engine.connect() as connection:
            edited = list(connection.execute(query).scalars())
        for place, recording in enumerate(edited):
            self._settle_later(recording, self._settle_s + place * APART_S)

    def close(self) -> None:
        """What waits to be settled is settled now."""
        with self._timers_lock:
            waiting, self._timers = self._timers, {}
        for recording, timer in waiting.items():
            timer.cancel()
            self._is_settled(recording)

    # ---- inside

    def _newest(self, recording: UUID) -> Revised:
        with self._engine.connect() as connection:
            head = store.head(connection, recording)
            if head.revised_job == head.job:
                return self._at(connection, recording, head.number)
        with self._engine.begin() as connection:
            store.lock(connection, recording)
            newest, _ = self._opened(connection, recording)
        self._memory.put(recording, newest)
        return newest

    def _opened(self, connection: sa.Connection, recording: UUID) -> tuple[Revised, bool]:
        """The newest revision, and whether it had to be made of the machine's transcript first."""
        head = store.head(connection, recording)
        if head.revised_job == head.job:
            return self._at(connection, recording, head.number), False
        newest = Revised(head.number + 1, head.job, store.machine(connection, recording))
        store.add(
            connection, recording, newest.number, job=newest.job, author="", kind=MACHINE, document=newest.document
        )
        return newest, True

    def _at(self, connection: sa.Connection, recording: UUID, number: int) -> Revised:
        found = self._memory.get(recording, number) or revised.at(connection, recording, number)
        if found is None:
            raise NotFound(f"There is no revision {number} of this transcript. GET …/revisions lists those there are.")
        # Only what is committed comes by here: writers remember their own when it is.
        self._memory.put(recording, found)
        return found

    def _below(self, connection: sa.Connection, recording: UUID, newest: Revised, number: int) -> Revised:
        """Revision `number`; the newest one may not be committed yet."""
        return newest if number == newest.number else self._at(connection, recording, number)

    def _again(
        self,
        connection: sa.Connection,
        recording: UUID,
        actor: Actor,
        batch: Batch,
        newest: Revised,
        known: tuple[int, str, int, list[Draft]],
    ) -> Outcome:
        number, author, made, drafts = known
        if author != actor.id:
            raise Conflict(f"The batch {batch.batch} is somebody else's. Make up a new id for each batch.")
        is_outdated = store.machine_since(connection, recording, batch.base)
        base = self._below(connection, recording, newest, newest.number if is_outdated else batch.base)
        news = _news(base.document, newest).model_copy(update={"reload": is_outdated})
        return _outcome(news, number, made, drafts, again=True)

    def _tell_audit(self, connection: sa.Connection, recording: UUID, actor: Actor, details: dict[str, int]) -> None:
        """Of a sitting once, of a restoring always. The revisions tell the rest."""
        sitting, now = (recording, actor.id), time.monotonic()
        is_told = now - self._audited_at.get(sitting, -ONE_SITTING_S) < ONE_SITTING_S
        if self._audit is None or (is_told and "restored" not in details):
            return
        entry = entry_of(actor, Action.RECORDING_EDIT, object_kind="recording", object_id=recording, details=details)
        self._audit.append(entry, connection)
        if len(self._audited_at) > 10_000:
            self._audited_at.clear()
        self._audited_at[sitting] = now

    def _settle_later(self, recording: UUID, after_s: float) -> None:
        with self._timers_lock:
            if recording in self._timers:
                return
            timer = threading.Timer(after_s, self._settle_now, (recording,))
            timer.daemon = True
            self._timers[recording] = timer
        timer.start()

    def _settle_now(self, recording: UUID) -> None:
        with self._timers_lock:
            if self._timers.pop(recording, None) is None:
                return
        if not self._is_settled(recording):
            self._settle_later(recording, RETRY_S)

    def _is_settled(self, recording: UUID) -> bool:
        try:
            self.settle(recording)
        except (SQLAlchemyError, BrickyardError) as error:
            log.warning("an edited transcript was not indexed", recording=str(recording), error=str(error))
            return False
        return True


def _made(newest: Revised, batch: Batch, is_outdated: bool) -> tuple[Revised, list[Played], list[Draft]]:
    """The next revision, its changes and drafts."""
    number = newest.number + 1
    if is_outdated:
        again = Conflict("The recording was transcribed anew meanwhile. Get the new document and change that.")
        drafts = [
            Draft.of(Rejected(index, change, again.code, again.message, yours=typed(change), theirs=None))
            for index, change in enumerate(batch.changes)
        ]
        return Revised(number, newest.job, newest.document), [], drafts
    result = rebase(newest.document, batch.changes, f"r{number}", together=batch.together)
    return Revised(number, newest.job, result.document), result.played, [Draft.of(one) for one in result.rejected]


def _news(base: Document, newest: Revised) -> News:
    old, new = base.by_id, newest.document.by_id
    segments: list[Piece] = []
    speakers: dict[str, str | None] = {}
    for name, piece in new.items():
        was = old.get(name)
        if was is piece or was == piece:
            continue
        if was is not None and was.model_copy(update={"speaker": piece.speaker}) == piece:
            speakers[name] = piece.speaker
        else:
            segments.append(piece)
    removed = [name for name in old if name not in new]
    return News.model_construct(
        revision=newest.number, segments=segments, removed=removed, speakers=speakers, reload=False
    )


def _outcome(news: News, saved: int | None, made: int, drafts: list[Draft], *, again: bool = False) -> Outcome:
    return Outcome.model_construct(
        revision=news.revision,
        segments=news.segments,
        removed=news.removed,
        speakers=news.speakers,
        reload=news.reload,
        saved=saved,
        made=made,
        rejected=drafts,
        again=again,
    )


def grouped(rows: Sequence[store.Row]) -> list[RevisionGroup]:
    """Newest first. Edits on end by one author are one, ten minutes long at most. Pure."""
    groups: list[RevisionGroup] = []
    for row in rows:
        last = groups[-1] if groups else None
        if last is not None and _goes_on(last, row):
            last.number, last.at = row.number, row.at
            last.changes += row.changes
            last.rejected += row.rejected
            continue
        values = {"author": row.author, "author_name": row.author_name, "kind": row.kind, "since": row.at, "at": row.at}
        counts = {"changes": row.changes, "rejected": row.rejected}
        groups.append(RevisionGroup.model_validate({"first": row.number, "number": row.number, **values, **counts}))
    return groups[::-1]


def _goes_on(last: RevisionGroup, row: store.Row) -> bool:
    is_same = last.kind == row.kind == "edit" and last.author == row.author
    return is_same and row.at - last.since <= timedelta(seconds=ONE_SITTING_S)


def _ahead(base: int, newest: int) -> BadInput:
    return BadInput(f"The newest revision is {newest}; {base} is not there yet. Get the document anew.")
