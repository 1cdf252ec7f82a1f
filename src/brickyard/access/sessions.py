"""Sessions of people who signed in. The token changes every ten minutes and only digests are kept, so a stolen one soon
gives itself away: the old token of a session whose new one is in use can only be shown by somebody else.

    opened ──► current ──(10 min)──► current, previous ──► …
                  │                      │ previous: good for 60 s, for requests on their way;
                  │                      │ later: back to current, if the new token never arrived,
                  │                      │        else theft: revoked
                  ├── another kind of browser: theft, revoked
                  └── signed out, 2 h idle, 12 h old, user disabled: void
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.policy import Role
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import NotFound, Unauthenticated

ROTATE_AFTER = timedelta(minutes=10)
GRACE = timedelta(seconds=60)
IDLE = timedelta(hours=2)
SEEN_EVERY = timedelta(seconds=30)
KEPT = timedelta(days=30)
"""Ended sessions stay so long, to know from where somebody signs in."""
AGENT_LENGTH = 300
TOKEN_BYTES = 32

_SIGN_IN = "Sign in again."


class StolenSession(Unauthenticated):
    """Somebody showed a token that can only be a copy. The session is revoked already."""

    code = "session_stolen"

    def __init__(self, message: str, session: UUID, user: str) -> None:
        super().__init__(message)
        self.session = session
        self.user = user


@dataclass(frozen=True, slots=True)
class Opened:
    token: str = field(repr=False)
    session: UUID
    user_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionUser:
    id: str
    name: str
    display_name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Found:
    """`new_token`: what the cookie is to be from now on; None where it stays. `auth_time`: of the sign-in."""

    session: UUID
    user: SessionUser
    new_token: str | None = field(repr=False)
    auth_time: datetime
    provider: str


@dataclass(frozen=True, slots=True)
class Session:
    """As its user sees it. `address` and `agent`: those of the sign-in."""

    id: UUID
    provider: str
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Verdict(Enum):
    """What a token that was shown stands for."""

    GOOD = auto()
    ROTATE = auto()
    """Good, and its time is over: give a new one."""
    RESTORE = auto()
    """The token before. Its successor was never shown, so it got lost on its way; the old one counts again."""
    STOLEN = auto()


def judge(now: datetime, rotated_at: datetime, seen_at: datetime, *, is_current: bool) -> Verdict:
    """Pure. `seen_at`: when the current token was shown last; not after `rotated_at` where it never was."""
    age = now - rotated_at
    if is_current:
        return Verdict.ROTATE if age >= ROTATE_AFTER else Verdict.GOOD
    if age <= GRACE:
        return Verdict.GOOD
    return Verdict.RESTORE if seen_at <= rotated_at else Verdict.STOLEN


class Sessions:
    """`hours`: after so long a session ends, used or not."""

    def __init__(self, engine: sa.Engine, hours: float = 12, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._lifetime = timedelta(hours=hours)
        self._clock = clock

    def open(
        self, user_id: str, provider: str, address: str, agent: str, connection: sa.Connection | None = None
    ) -> Opened:
        """`provider`: what vouched for the user: `password`, `link`, or the name of a provider."""
        if connection is None:
            with self._engine.begin() as own:
                return self.open(user_id, provider, address, agent, own)
        now = self._clock()
        opened = Opened(secrets.token_urlsafe(TOKEN_BYTES), uuid4(), user_id, now + self._lifetime)
        query = sa.text("""
            INSERT INTO sessions (id, user_id, digest, rotated_at, created_at, seen_at, expires_at,
                                  provider, address, agent)
            VALUES (:id, :user, :digest, :now, :now, :now, :until, :provider, :address, :agent)""")
        values = {"id": opened.session, "user": user_id, "digest": _digest(opened.token), "until": opened.expires_at}
        cut = agent[:AGENT_LENGTH]
        connection.execute(query, values | {"now": now, "provider": provider, "address": address, "agent": cut})
        connection.execute(
            sa.text("DELETE FROM sessions WHERE user_id = :user AND expires_at < :long_ago"),
            {"user": user_id, "long_ago": now - KEPT},
        )
        connection.execute(
            sa.text("UPDATE users SET last_sign_in_at = :now WHERE id = :user"), {"now": now, "user": user_id}
        )
        return opened

    def find(self, token: str, agent: str) -> Found:
        """Whose session a token is of. Raises Unauthenticated where it is void, StolenSession where it is a copy."""
        digest = _digest(token)
        row = self._row(digest)
        now = self._clock()
        if row is None:
            raise Unauthenticated(f"This session is not known. {_SIGN_IN}")
        _check_alive(row, now)
        if _kind(agent) != _kind(row.agent):
            raise self._stolen(row, "it was shown by another browser than the one that signed in")
        is_current = row.digest == digest
        verdict = judge(now, row.rotated_at, row.seen_at, is_current=is_current)
        if verdict is Verdict.STOLEN:
            raise self._stolen(row, "a token was shown that had been replaced")
        new_token = self._rotated(row, now) if verdict is Verdict.ROTATE else None
        if verdict is Verdict.RESTORE:
            self._restore(row, now)
        elif verdict is Verdict.GOOD and is_current:
            self._see(row, now)
        user = SessionUser(row.user_id, row.name, row.display_name, frozenset(Role(one) for one in row.roles))
        return Found(row.id, user, new_token, row.created_at, row.provider)

    def every(self, user_id: str) -> list[Session]:
        """Those that are alive, last seen first."""
        query = sa.text("""
            SELECT id, provider, address, agent, created_at, seen_at, expires_at FROM sessions
            WHERE user_id = :user AND revoked_at IS NULL AND expires_at > :now AND seen_at > :idle_since
            ORDER BY seen_at DESC""")
        now = self._clock()
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"user": user_id, "now": now, "idle_since": now - IDLE})
            return [Session(**row._mapping) for row in rows]

    def revoke(
        self, session: UUID, why: str, user_id: str | None = None, connection: sa.Connection | None = None
    ) -> None:
        """`user_id`: only where it is that user's. Raises NotFound. One that has ended already stays as it is."""
        if connection is None:
            with self._engine.begin() as own:
                return self.revoke(session, why, user_id, own)
        query = sa.text("""
            UPDATE sessions SET revoked_why = CASE WHEN revoked_at IS NULL THEN :why ELSE revoked_why END,
                   revoked_at = coalesce(revoked_at, :now)
            WHERE id = :id AND (CAST(:user AS text) IS NULL OR user_id = :user) RETURNING id""")
        values = {"why": why, "now": self._clock(), "id": session, "user": user_id}
        if connection.execute(query, values).one_or_none() is None:
            raise NotFound(f"There is no session {session} of yours.")
        return None

    def end(self, token: str, why: str) -> None:
        """The session that a token is of, where there is one."""
        query = sa.text("""
            UPDATE sessions SET revoked_at = :now, revoked_why = :why
            WHERE (digest = :digest OR previous_digest = :digest) AND revoked_at IS NULL""")
        with self._engine.begin() as connection:
            connection.execute(query, {"now": self._clock(), "why": why, "digest": _digest(token)})

    def revoke_all(
        self, user_id: str, why: str, but: UUID | None = None, connection: sa.Connection | None = None
    ) -> int:
        """All of a user's sessions, save one where one is given. Returns how many ended by it."""
        if connection is None:
            with self._engine.begin() as own:
                return self.revoke_all(user_id, why, but, own)
        query = sa.text("""
            UPDATE sessions SET revoked_at = :now, revoked_why = :why
            WHERE user_id = :user AND revoked_at IS NULL AND expires_at > :now
              AND (CAST(:but AS uuid) IS NULL OR id <> :but)""")
        values = {"now": self._clock(), "why": why, "user": user_id, "but": but}
        return connection.execute(query, values).rowcount

    def signed_in_from(self, name: str, address: str) -> bool:
        """Whether the person of that name signed in from this address in the last thirty days."""
        query = sa.text("""
            SELECT EXISTS (SELECT FROM sessions JOIN users ON users.id = user_id
                           WHERE lower(name) = lower(:name) AND address = :address AND sessions.created_at > :since)""")
        values = {"name": name, "address": address, "since": self._clock() - KEPT}
        with self._engine.connect() as connection:
            return bool(connection.execute(query, values).scalar_one())

    def _row(self, digest: bytes) -> sa.Row[tuple[object, ...]] | None:
        query = sa.text("""
            SELECT sessions.*, users.name, users.display_name, users.roles, users.disabled_at
            FROM sessions JOIN users ON users.id = user_id
            WHERE digest = :digest OR previous_digest = :digest""")
        with self._engine.connect() as connection:
            return connection.execute(query, {"digest": digest}).one_or_none()

    def _stolen(self, row: sa.Row[tuple[object, ...]], what: str) -> StolenSession:
        self.revoke(row.id, f"stolen: {what}")
        return StolenSession(
            f"This session was ended, because {what}. {_SIGN_IN} If it was not you, change your password.",
            row.id,
            row.user_id,
        )

    def _rotated(self, row: sa.Row[tuple[object, ...]], now: datetime) -> str | None:
        """None where another request was first: the token is then the one before, and good for a while."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        query = sa.text("""
            UPDATE sessions SET previous_digest = digest, digest = :new, rotated_at = :now, seen_at = :now
            WHERE id = :id AND digest = :shown RETURNING id""")
        values = {"new": _digest(token), "now": now, "id": row.id, "shown": row.digest}
        with self._engine.begin() as connection:
            return token if connection.execute(query, values).one_or_none() else None

    def _restore(self, row: sa.Row[tuple[object, ...]], now: datetime) -> None:
        """The lost token takes the place of the one before, without its grace: whoever shows it now is a thief, or
        found a victim; either way there are two."""
        query = sa.text("""
            UPDATE sessions SET digest = previous_digest, previous_digest = digest, rotated_at = :rotated_at,
                                seen_at = :now
            WHERE id = :id AND digest = :lost""")
        values = {"rotated_at": now - GRACE - timedelta(seconds=1), "now": now, "id": row.id, "lost": row.digest}
        with self._engine.begin() as connection:
            connection.execute(query, values)

    def _see(self, row: sa.Row[tuple[object, ...]], now: datetime) -> None:
        """Written now and then; and at once where it is the first time that this token is shown."""
        if row.rotated_at < row.seen_at and now - row.seen_at < SEEN_EVERY:
            return
        query = sa.text("UPDATE sessions SET seen_at = :now WHERE id = :id AND digest = :shown AND seen_at < :now")
        with self._engine.begin() as connection:
            connection.execute(query, {"now": now, "id": row.id, "shown": row.digest})


def _check_alive(row: sa.Row[tuple[object, ...]], now: datetime) -> None:
    if row.revoked_at is not None:
        raise Unauthenticated(f"This session was ended ({row.revoked_why}). {_SIGN_IN}")
    if row.expires_at <= now:
        raise Unauthenticated(f"This session has lasted as long as one may. {_SIGN_IN}")
    if row.seen_at + IDLE <= now:
        raise Unauthenticated(f"This session was not used for {IDLE.total_seconds() / 3600:.0f} hours. {_SIGN_IN}")
    if row.disabled_at is not None:
        raise Unauthenticated("This account is disabled. Ask an administrator.")


def _kind(agent: str) -> str:
    """A browser that updates itself stays the same one: versions don't count."""
    return re.sub(r"[\d._]+", "", agent[:AGENT_LENGTH])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
