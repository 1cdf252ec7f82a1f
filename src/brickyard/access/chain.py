"""The audit log as a chain: each line's hash covers the line and the hash of the one before. Pure.

A line's hash is HMAC-SHA-256(key, hash of the line before + the line as canonical JSON); before the first line stand 32
zero bytes. Without the key nobody makes a line that fits; whoever takes lines away breaks the chain, except at its end,
and there an anchor tells: the number and hash of the last line at some time, kept elsewhere.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from brickyard.kit.errors import BadInput

BEFORE_THE_FIRST = bytes(32)
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """`seq` counts from 1 without gaps. `hash`: 32 bytes. `via`: session, key, token, or what else acted."""

    seq: int
    at: datetime
    actor: str
    actor_name: str
    via: str
    address: str
    action: str
    object_kind: str
    object_id: str
    outcome: str
    details: JSON
    hash: bytes

    def told(self) -> dict[str, Any]:
        """As JSON has it, the hash as hex digits."""
        return {**asdict(self), "at": _moment(self.at), "hash": self.hash.hex()}


class Anchor(NamedTuple):
    """What the last line was at some time; `hash` as hex digits."""

    seq: int
    hash: str


class Wrong(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    CUT_OFF = "cut off"
    """The end of the log is not there: it was longer when the anchor was made."""


@dataclass(frozen=True, slots=True)
class Fault:
    seq: int
    wrong: Wrong
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`lines` were looked at, beginning with `first`, up to `head`. `fault`: the first one, where there is any."""

    first: int
    lines: int
    head: Anchor | None
    fault: Fault | None

    @property
    def is_good(self) -> bool:
        return self.fault is None


def canonical(value: JSON) -> bytes:
    """One way to write JSON: keys in order, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(line: Line, before: bytes, key: bytes) -> bytes:
    told = line.told()
    del told["hash"]
    return hmac.digest(key, before + canonical(told), sha256)


def verify(
    lines: Iterable[Line],
    keys: Sequence[bytes],
    *,
    before: Line | None = None,
    first: int = 1,
    anchor: Anchor | None = None,
) -> Verification:
    """Looks at lines in the order of their numbers, which begin with `first`.

    `keys`: the present one, then older ones, newest first; once a newer one was used, an older one is no longer good.
    `before`: the line before the first, which is believed. `anchor`: from a time when the log reached so far.
    """
    walk = _Walk(keys, before.hash if before else BEFORE_THE_FIRST, first)
    ahead = _with_next(lines)
    for line, following in ahead:
        fault = walk.step(line, following) or _differs(line, anchor)
        if fault is not None:
            return Verification(first, walk.lines, walk.head, fault)
    return Verification(first, walk.lines, walk.head, _cut_off(walk.due - 1, anchor))


def read_line(text: str, number: int) -> Line:
    """A line of an export; `number` is that in the file. Raises BadInput."""
    try:
        told = json.loads(text)
        at, digest = datetime.fromisoformat(told.pop("at")), bytes.fromhex(told.pop("hash"))
        line = Line(**told, at=at, hash=digest)
        whole = at.tzinfo is not None and isinstance(line.seq, int) and isinstance(line.details, dict)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"Line {number} of the file is no line of an audit log: {error}.") from error
    if not whole:
        raise BadInput(f"Line {number} of the file is no line of an audit log: its number, time or details are wrong.")
    return line


def read_anchor(text: str) -> Anchor:
    """Raises BadInput."""
    try:
        told = json.loads(text)
        return Anchor(int(told["seq"]), bytes.fromhex(told["hash"]).hex())
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"This is no anchor of an audit log ({error}). `brickyard audit anchor FILE` writes one."
        ) from error


class _Walk:
    """Where the verification stands: which line is due, and the hash before it."""

    def __init__(self, keys: Sequence[bytes], before: bytes, first: int) -> None:
        self._keys = list(keys)
        self._before = before
        self.due = first
        self.lines = 0
        self.head: Anchor | None = None

    def step(self, line: Line, following: Line | None) -> Fault | None:
        if line.seq > self.due:
            return Fault(self.due, Wrong.MISSING, f"Line {self.due} is missing: {line.seq} is the next one there is.")
        if line.seq < self.due:
            return Fault(line.seq, Wrong.INSERTED, f"Line {line.seq} was inserted: where it stands, {self.due} is due.")
        if not self._fits(line):
            return self._misfit(line, following)
        self._before, self.head = line.hash, Anchor(line.seq, line.hash.hex())
        self.due += 1
        self.lines += 1
        return None

    def _fits(self, line: Line) -> bool:
        for index, key in enumerate(self._keys):
            if hmac.compare_digest(hash_of(line, self._before, key), line.hash):
                del self._keys[index + 1 :]
                return True
        return False

    def _misfit(self, line: Line, following: Line | None) -> Fault:
        if following is not None and self._fits(replace(following, seq=line.seq)):
            return Fault(line.seq, Wrong.INSERTED, f"Line {line.seq} was inserted, and those after it renumbered.")
        hint = " If every line is wrong, this is not the key that the log was written with." if line.seq == 1 else ""
        return Fault(
            line.seq,
            Wrong.CHANGED,
            f"Line {line.seq} was changed, or the platform did not write it: its hash does not follow from it and from "
            f"the line before.{hint}",
        )


def _with_next(lines: Iterable[Line]) -> Iterator[tuple[Line, Line | None]]:
    each = iter(lines)
    line = next(each, None)
    while line is not None:
        following = next(each, None)
        yield line, following
        line = following


def _differs(line: Line, anchor: Anchor | None) -> Fault | None:
    if anchor is None or line.seq != anchor.seq or line.hash.hex() == anchor.hash:
        return None
    return Fault(line.seq, Wrong.CHANGED, f"Line {line.seq} is another one than when the anchor was made.")


def _cut_off(last: int, anchor: Anchor | None) -> Fault | None:
    if anchor is None or last >= anchor.seq:
        return None
    return Fault(
        last + 1,
        Wrong.CUT_OFF,
        f"The end was cut off: the log stops at line {last}, and the anchor was made at line {anchor.seq}.",
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
