"""How often one may fail to sign in: freely at first, then after waits that double. The policy is pure.

Failures count for the name that was typed and for the address it came from. The name's are forgotten when its person
signs in; an address keeps its own, so that one good account does not cover for guesses at others. An address from which
a person signed in lately has an allowance of its own for that name: guesses from elsewhere keep nobody out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import TooManyRequests

FREE_BY_NAME = 5
FREE_BY_ADDRESS = 20
FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 900.0
ONE_FORGIVEN_S = 900.0
"""For each quiet quarter of an hour one failure is forgiven."""
KEPT = timedelta(days=1)
SUBJECT_LENGTH = 200


def still_counted(failures: int, quiet_s: float) -> int:
    """What is left of the failures, `quiet_s` after the last one."""
    return max(0, failures - int(max(0.0, quiet_s) // ONE_FORGIVEN_S))


def wait_s(failures: int, quiet_s: float, free: int) -> float:
    """Seconds until one may try again, `quiet_s` after the last of so many failures; 0 where one may now."""
    counted = still_counted(failures, quiet_s)
    if counted < free:
        return 0.0
    # Ten doublings are past the longest wait; more of them would be past what a float holds.
    full_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(10, counted - free))
    return max(0.0, full_s - max(0.0, quiet_s))


@dataclass(frozen=True, slots=True)
class _Count:
    subject: str
    free: int
    failures: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One that was let through. It counts as a failure until it is known to be none."""

    name: str
    address: str
    at: datetime
    before: tuple[_Count, _Count]


class Throttle:
    def __init__(self, engine: sa.Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def admit(self, name: str, address: str, *, is_known_here: bool = False) -> Attempt:
        """Counted before it is tried, so that guesses at the same time don't slip through together.

        `is_known_here`: whether the name's person signed in from this address lately. Raises TooManyRequests.
        """
        now = self._clock()
        of_name = f"name:{name.lower()} at {address}" if is_known_here else f"name:{name.lower()}"
        with self._engine.begin() as connection:
            before = (
                _locked(connection, of_name[:SUBJECT_LENGTH], FREE_BY_NAME, now),
                _locked(connection, f"address:{address}"[:SUBJECT_LENGTH], FREE_BY_ADDRESS, now),
            )
            left_s = max(wait_s(one.failures, (now - one.last_at).total_seconds(), one.free) for one in before)
            if left_s > 0:
                raise TooManyRequests(
                    f"There were too many failed sign-ins. Try again in {_in_words(left_s)}.", retry_after_s=left_s
                )
            for one in before:
                _count(connection, one, now)
            connection.execute(
                sa.text("DELETE FROM sign_in_failures WHERE last_at < :long_ago"), {"long_ago": now - KEPT}
            )
        return Attempt(name, address, now, before)

    def succeeded(self, attempt: Attempt) -> None:
        """Forgets the name's failures, and that this attempt was counted for the address."""
        of_name, of_address = attempt.before
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("DELETE FROM sign_in_failures WHERE subject = :subject"), {"subject": of_name.subject}
            )
            _take_back(connection, of_address, attempt.at)

    def took_back(self, attempt: Attempt) -> None:
        """It was neither a failure nor a success: as if it had not been."""
        with self._engine.begin() as connection:
            for one in attempt.before:
                _take_back(connection, one, attempt.at)


def _locked(connection: sa.Connection, subject: str, free: int, now: datetime) -> _Count:
    """The row, held until the transaction ends. Always name before address: two attempts never wait in a circle."""
    query = sa.text("""
        INSERT INTO sign_in_failures (subject, failures, last_at) VALUES (:subject, 0, :now)
        ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject RETURNING failures, last_at""")
    row = connection.execute(query, {"subject": subject, "now": now}).one()
    return _Count(subject, free, row.failures, row.last_at)


def _count(connection: sa.Connection, one: _Count, now: datetime) -> None:
    failures = still_counted(one.failures, (now - one.last_at).total_seconds()) + 1
    query = sa.text("UPDATE sign_in_failures SET failures = :failures, last_at = :now WHERE subject = :subject")
    connection.execute(query, {"failures": failures, "now": now, "subject": one.subject})


def _take_back(connection: sa.Connection, before: _Count, at: datetime) -> None:
    """One failure less; and the last one was when it was before, unless others failed meanwhile."""
    query = sa.text("""
        UPDATE sign_in_failures SET failures = greatest(0, failures - 1),
               last_at = CASE WHEN last_at = :at THEN :before ELSE last_at END
        WHERE subject = :subject""")
    connection.execute(query, {"subject": before.subject, "at": at, "before": before.last_at})


def _in_words(wait: float) -> str:
    return f"{wait:.0f} s" if wait < 100 else f"{wait / 60:.0f} minutes"
