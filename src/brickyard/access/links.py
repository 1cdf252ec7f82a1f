"""One-time links: for the first administrator, for a new password, and for the operator to sign in with."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, Unauthenticated


class Purpose(StrEnum):
    FIRST_ADMINISTRATOR = "first_administrator"
    """Makes the first user who administers. Void as soon as there is one."""
    PASSWORD = "password"
    """Sets the password of a person who forgot it, or never had one."""
    SIGN_IN = "sign_in"
    """Opens a session; only the command line of the machine makes such links."""


VALID_FOR: Mapping[Purpose, timedelta] = {
    Purpose.FIRST_ADMINISTRATOR: timedelta(hours=24),
    Purpose.PASSWORD: timedelta(hours=24),
    Purpose.SIGN_IN: timedelta(minutes=10),
}
KEPT = timedelta(days=30)

_VOID = "This link was used, replaced, or has expired. Ask for a new one where you got it from."


@dataclass(frozen=True, slots=True)
class Link:
    purpose: Purpose
    user_id: str | None
    expires_at: datetime


class Links:
    """Only digests of tokens are kept. A token has 256 random bits, so nobody finds one by trying."""

    def __init__(self, engine: sa.Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def make(
        self,
        purpose: Purpose,
        user_id: str | None = None,
        valid_for: timedelta | None = None,
        connection: sa.Connection | None = None,
    ) -> str:
        """The token of a link. One for a new password voids those that the user got before."""
        if (user_id is None) != (purpose is Purpose.FIRST_ADMINISTRATOR):
            raise BadInput(f"A link for {purpose} {'needs' if user_id is None else 'is for no'} user.")
        if connection is None:
            with self._engine.begin() as own:
                return self.make(purpose, user_id, valid_for, own)
        if purpose is Purpose.PASSWORD and user_id is not None:
            void_passwords(connection, user_id)
        now = self._clock()
        token = secrets.token_urlsafe(32)
        connection.execute(sa.text("DELETE FROM links WHERE expires_at < :long_ago"), {"long_ago": now - KEPT})
        connection.execute(
            sa.text("""
                INSERT INTO links (digest, purpose, user_id, created_at, expires_at)
                VALUES (:digest, :purpose, :user, :now, :until)"""),
            {
                "digest": _digest(token),
                "purpose": purpose,
                "user": user_id,
                "now": now,
                "until": now + (valid_for or VALID_FOR[purpose]),
            },
        )
        return token

    def look(self, token: str) -> Link:
        """What a link is for, without using it. Raises Unauthenticated where it is void."""
        with self._engine.connect() as connection:
            return _valid(self._row(connection, token, ""), _administrator_exists(connection))

    def use(self, token: str, purpose: Purpose | None = None, connection: sa.Connection | None = None) -> Link:
        """Works once, in the given transaction or one of its own: what rolls back leaves the link as it was.

        `purpose`: None for any. Raises Unauthenticated.
        """
        if connection is None:
            with self._engine.begin() as own:
                return self.use(token, purpose, own)
        # Two links for the first administrator, used at the same time, must not make two.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('first administrator'))"))
        link = _valid(self._row(connection, token, "FOR UPDATE OF links"), _administrator_exists(connection))
        if purpose is not None and link.purpose is not purpose:
            raise Unauthenticated(_VOID)
        connection.execute(
            sa.text("UPDATE links SET used_at = :now WHERE digest = :digest"),
            {"now": self._clock(), "digest": _digest(token)},
        )
        return link

    def first_administrator_is_wanted(self) -> bool:
        with self._engine.connect() as connection:
            return not _administrator_exists(connection)

    def _row(self, connection: sa.Connection, token: str, lock: str) -> sa.Row[tuple[object, ...]] | None:
        query = sa.text(f"""
            SELECT purpose, user_id, links.expires_at FROM links LEFT JOIN users ON users.id = user_id
            WHERE digest = :digest AND used_at IS NULL AND links.expires_at > :now AND users.disabled_at IS NULL
            {lock}""")
        return connection.execute(query, {"digest": _digest(token), "now": self._clock()}).one_or_none()


def void_passwords(connection: sa.Connection, user_id: str) -> None:
    """Links for a new password that the user got so far are void."""
    query = sa.text("DELETE FROM links WHERE user_id = :user AND purpose = :purpose AND used_at IS NULL")
    connection.execute(query, {"user": user_id, "purpose": Purpose.PASSWORD})


def _valid(row: sa.Row[tuple[object, ...]] | None, has_administrator: bool) -> Link:
    if row is None:
        raise Unauthenticated(_VOID)
    link = Link(**{**row._mapping, "purpose": Purpose(row.purpose)})
    if link.purpose is Purpose.FIRST_ADMINISTRATOR and has_administrator:
        raise Unauthenticated("There is an administrator already, so this link is void. Ask that person for access.")
    return link


def _administrator_exists(connection: sa.Connection) -> bool:
    """One who signs in with a password. One who is disabled counts: to disable must not open this door again."""
    query = sa.text("SELECT EXISTS (SELECT FROM users WHERE password IS NOT NULL AND 'administrator' = ANY (roles))")
    return bool(connection.execute(query).scalar_one())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
