"""The audit log: who did what, when and to what, in lines that can only be added; `chain.py` links them.

No line holds a password, a key, or what was said in a recording; `details` say what changed, in few words.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from brickyard.access.actor import Actor
from brickyard.access.chain import (
    BEFORE_THE_FIRST,
    Anchor,
    Line,
    Verification,
    canonical,
    hash_of,
    verify,
)
from brickyard.kit.errors import BadInput, NotFound, Unavailable
from brickyard.kit.logs import get

LOCK = 8_400_005
"""Of the transactions that append: one after the other, so that numbers have no gaps."""
LETTERS = 300
DETAILS_BYTES = 4096
ROWS_AT_ONCE = 1000
COLUMNS = ", ".join(each.name for each in fields(Line))

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded. `outcome`: allowed, refused or failed. Texts are cut after 300 letters.

    `details`: text, whole numbers, true, false, null, and lists and objects of these; other numbers become text.
    """

    actor: str
    actor_name: str
    via: str
    address: str
    action: str
    object_kind: str = ""
    object_id: str = ""
    outcome: str = "allowed"
    details: Mapping[str, Any] = field(default_factory=dict)


def entry_of(
    actor: Actor,
    action: str,
    *,
    object_kind: str = "",
    object_id: object = "",
    outcome: str = "allowed",
    details: Mapping[str, Any] | None = None,
) -> Entry:
    return Entry(
        actor=actor.id,
        actor_name=actor.name,
        via=actor.via,
        address=actor.address,
        action=str(action),
        object_kind=object_kind,
        object_id=str(object_id),
        outcome=outcome,
        details=details or {},
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Lines that are like all that is given. `actor`: by id or name. Times: from `since` on, before `until`; numbers
    below `before`."""

    actor: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


@dataclass(slots=True)
class _Waiting:
    """A line that is to be written: `seq` is its number once it is, `error` why it can't be."""

    values: dict[str, Any]
    seq: int = 0
    error: SQLAlchemyError | None = None

    @property
    def is_done(self) -> bool:
        return self.seq > 0 or self.error is not None


class Audit:
    """`key`: what new lines are hashed with. `older`: keys of earlier lines, newest first."""

    def __init__(self, engine: sa.Engine, key: bytes, older: Sequence[bytes] = ()) -> None:
        self._engine = engine
        self._keys = (key, *older)
        self._waiting: list[_Waiting] = []
        self._waiting_lock = threading.Lock()
        self._writing = threading.Lock()

    # ---- writing

    def append(self, entry: Entry, connection: sa.Connection | None = None) -> int:
        """The number of the new line, which is there for good on return, or once the given transaction is committed.

        Append to a transaction of your own last of all: others wait for its end.
        """
        values = _values(entry)
        if connection is not None:
            return self._append(connection, [values])[0]
        return self._append_with_others(_Waiting(values))

    def _append_with_others(self, own: _Waiting) -> int:
        """Lines of one moment go in one transaction: each commit waits for the disk, and they can't overlap."""
        with self._waiting_lock:
            self._waiting.append(own)
        with self._writing:
            if not own.is_done:
                self._write_waiting()
        if own.error is not None:
            raise own.error
        if not own.is_done:
            raise Unavailable("The line was not added to the audit log, as one beside it could not be. Try again.")
        return own.seq

    def _write_waiting(self) -> None:
        with self._waiting_lock:
            taken, self._waiting = self._waiting, []
        try:
            with self._engine.begin() as connection:
                seqs = self._append(connection, [each.values for each in taken])
        except SQLAlchemyError as error:
            for each in taken:
                each.error = error
            return
        for each, seq in zip(taken, seqs, strict=True):
            each.seq = seq

    def _append(self, connection: sa.Connection, entries: Sequence[dict[str, Any]]) -> list[int]:
        # Two statements: one alone would look for the last line before it waits for the lock.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        last = connection.execute(LAST).one()
        before = last.hash or BEFORE_THE_FIRST
        rows = []
        for seq, values in enumerate(entries, last.seq + 1):
            line = Line(seq=seq, at=last.now, hash=b"", **values)
            before = hash_of(line, before, self._keys[0])
            details = canonical(line.details).decode()
            rows.append({**values, "seq": seq, "at": line.at, "hash": before, "details": details})
        connection.execute(INSERT, rows)
        return [row["seq"] for row in rows]

    # ---- reading

    def page(self, wanted: Filter, limit: int) -> list[Line]:
        """The newest first."""
        query = sa.text(f"SELECT {COLUMNS} FROM audit WHERE {MEETS} ORDER BY seq DESC LIMIT :limit")
        with self._engine.connect() as connection:
            return [_line(row) for row in connection.execute(query, {**_filter(wanted), "limit": limit})]

    def lines(self, from_seq: int = 1, wanted: Filter | None = None) -> Iterator[Line]:
        """The oldest first, however many: they are read as they are taken."""
        query = sa.text(f"SELECT {COLUMNS} FROM audit WHERE seq >= :from_seq AND {MEETS} ORDER BY seq")
        values = {**_filter(wanted or Filter()), "from_seq": from_seq}
        with self._engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection:
            for row in connection.execute(query, values):
                yield _line(row)

    def head(self) -> Anchor | None:
        """The last line's number and hash; None while there is none."""
        with self._engine.connect() as connection:
            last = connection.execute(LAST).one()
        return Anchor(last.seq, last.hash.hex()) if last.seq else None

    # ---- verifying

    def verify(self, from_seq: int = 1, anchor: Anchor | None = None) -> Verification:
        """`from_seq` above 1: the line before is believed. Raises NotFound where that is not there."""
        if from_seq <= 1:
            # Not from 1 on: who inserted a line before the first is to be found.
            return verify(self.lines(-(2**62)), self._keys, anchor=anchor)
        before = next(iter(self.page(Filter(before=from_seq), 1)), None)
        if before is None or before.seq != from_seq - 1:
            raise NotFound(f"There is no line {from_seq - 1} to begin after. Verify the log from its first line.")
        return verify(self.lines(from_seq), self._keys, before=before, first=from_seq, anchor=anchor)

    def log_head(self) -> None:
        """Into the process's log, which is kept elsewhere: from there it can be seen that the end was cut off."""
        head = self.head()
        if head is not None:
            log.info("audit log reaches to", seq=head.seq, hash=head.hash)


LAST = sa.text("""
    SELECT coalesce(max(seq), 0) AS seq, clock_timestamp() AS now,
           (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) AS hash
    FROM audit""")

INSERT = sa.text(f"""
    INSERT INTO audit ({COLUMNS})
    VALUES (:seq, :at, :actor, :actor_name, :via, :address, :action, :object_kind, :object_id, :outcome,
            CAST(:details AS jsonb), :hash)""")

MEETS = """
    (CAST(:actor AS text) IS NULL OR :actor IN (actor, actor_name))
    AND (CAST(:action AS text) IS NULL OR action = :action)
    AND (CAST(:object_kind AS text) IS NULL OR object_kind = :object_kind)
    AND (CAST(:object_id AS text) IS NULL OR object_id = :object_id)
    AND (CAST(:outcome AS text) IS NULL OR outcome = :outcome)
    AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
    AND (CAST(:before AS bigint) IS NULL OR seq < :before)"""


def _filter(wanted: Filter) -> dict[str, Any]:
    return {each.name: getattr(wanted, each.name) for each in fields(Filter)}


def _values(entry: Entry) -> dict[str, Any]:
    """As PostgreSQL gives it back: what is hashed has to be what is read later. Raises BadInput."""
    values: dict[str, Any] = {each.name: _plain(getattr(entry, each.name)) for each in fields(Entry)}
    size_bytes = len(canonical(values["details"]))
    if size_bytes > DETAILS_BYTES:
        raise BadInput(
            f"The details of {entry.action} take {size_bytes:,} bytes; a line of the audit log has room for "
            f"{DETAILS_BYTES:,}. Say less there."
        )
    return values


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {_text(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(each) for each in ordered]
    return _text(value)


def _text(value: object) -> str:
    """What PostgreSQL does not keep, zero bytes and halves of letters, becomes a mark."""
    text = str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _line(row: sa.Row[Any]) -> Line:
    return Line(**{**row._mapping, "hash": bytes(row.hash)})
