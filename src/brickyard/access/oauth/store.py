"""Codes and tokens that were given out, as digests. All tokens that came of one code are a family: they end together.

    code ──(once, within 60 s)──► token ──(refresh, once)──► token ──► …
      │ shown again                 │ its refresh token shown again
      └──────────► the whole family is revoked ◄─────────────┘

Nothing is alive without the session that it came of: who signs out at Brickyard, or is disabled, is out everywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.oauth.claims import Person
from brickyard.access.oauth.clients import Client, digest
from brickyard.access.policy import Role
from brickyard.kit.clock import Clock, utc_now

CODE_LIVES = timedelta(seconds=60)
TOKEN_LIVES = timedelta(hours=1)
KEPT = timedelta(days=31)
"""What has expired stays known for longer than any session lasts, to tell that it was shown again."""
CODE_PREFIX, ACCESS_PREFIX, REFRESH_PREFIX = "byc_", "byt_", "byr_"
RANDOM_BYTES = 32


def fresh(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person in a session that is alive. `auth_time`: of the sign-in."""

    person: Person
    session: UUID
    auth_time: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Code:
    """One that is still good. The methods are those that Authlib asks of a code."""

    digest: bytes = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    signed_in: SignedIn

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(self.signed_in.auth_time.timestamp())

    def get_acr(self) -> None:
        """None is known."""

    def get_amr(self) -> None:
        """None is known."""


@dataclass(frozen=True, slots=True)
class Token:
    """One that is alive, found by its access or its refresh token. `family`: the digest of the code that it came of."""

    digest: bytes = field(repr=False)
    family: bytes = field(repr=False)
    client_id: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    signed_in: SignedIn

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def is_expired(self) -> bool:
        """Never: what has expired isn't found."""
        return False

    def is_revoked(self) -> bool:
        """Never, likewise."""
        return False


@dataclass(frozen=True, slots=True)
class Issued:
    """What is about to be given out. `refresh`: None where the client did not ask for `offline_access`."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    scopes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a code is to stand for."""

    client_id: str
    redirect_uri: str
    scopes: Sequence[str]
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None


SIGNED_IN = """
    users.id, users.name, users.display_name, users.email, users.roles,
    ARRAY (SELECT DISTINCT teams.name FROM members JOIN teams ON teams.id = members.team
           WHERE members.user_id = users.id ORDER BY teams.name) AS teams,
    sessions.id AS session, sessions.created_at AS auth_time, sessions.expires_at AS session_expires_at"""
IS_SIGNED_IN = "sessions.revoked_at IS NULL AND sessions.expires_at > :now AND users.disabled_at IS NULL"
ADMITTED = "(oauth_clients.roles = '{}' OR oauth_clients.roles && users.roles)"
OF_TOKENS = """
    oauth_tokens JOIN sessions ON sessions.id = oauth_tokens.session JOIN users ON users.id = oauth_tokens.user_id
    JOIN oauth_clients ON oauth_clients.client_id = oauth_tokens.client_id"""


class Store:
    def __init__(self, engine: sa.Engine, clock: Clock = utc_now) -> None:
        self.engine = engine
        self.clock = clock

    def signed_in(self, session: UUID) -> SignedIn | None:
        query = f"""
            SELECT {SIGNED_IN} FROM sessions JOIN users ON users.id = sessions.user_id
            WHERE sessions.id = :session AND {IS_SIGNED_IN}"""
        row = self._one(query, session=session)
        return None if row is None else _signed_in(row)

    # ---- codes

    def add_code(self, code: str, wanted: Wanted, signed_in: SignedIn) -> None:
        query = sa.text("""
            INSERT INTO oauth_codes (digest, client_id, user_id, session, redirect_uri, scopes, nonce, code_challenge,
                                     code_challenge_method, auth_time, expires_at)
            VALUES (:digest, :client_id, :user_id, :session, :redirect_uri, :scopes, :nonce, :code_challenge,
                    :code_challenge_method, :auth_time, :expires_at)""")
        values = {
            "digest": digest(code),
            "client_id": wanted.client_id,
            "user_id": signed_in.person.id,
            "session": signed_in.session,
            "redirect_uri": wanted.redirect_uri,
            "scopes": list(wanted.scopes),
            "nonce": wanted.nonce,
            "code_challenge": wanted.code_challenge,
            "code_challenge_method": wanted.code_challenge_method,
            "auth_time": signed_in.auth_time,
            "expires_at": self.clock() + CODE_LIVES,
        }
        with self.engine.begin() as connection:
            connection.execute(query, values)
            _forget(connection, self.clock() - KEPT)

    def code(self, code: str, client_id: str) -> Code | None:
        """None where it is unknown, expired, used, another client's, or where its session has ended."""
        query = f"""
            SELECT {SIGNED_IN}, oauth_codes.digest, redirect_uri, oauth_codes.scopes, nonce, code_challenge,
                   code_challenge_method
            FROM oauth_codes JOIN sessions ON sessions.id = oauth_codes.session
            JOIN users ON users.id = oauth_codes.user_id
            JOIN oauth_clients ON oauth_clients.client_id = oauth_codes.client_id
            WHERE oauth_codes.digest = :digest AND oauth_codes.client_id = :client_id AND used_at IS NULL
              AND oauth_codes.expires_at > :now AND {IS_SIGNED_IN} AND {ADMITTED}"""
        row = self._one(query, digest=digest(code), client_id=client_id)
        if row is None:
            return None
        names = ("digest", "redirect_uri", "nonce", "code_challenge", "code_challenge_method")
        values = {name: getattr(row, name) for name in names}
        return Code(**values, scopes=tuple(row.scopes), signed_in=_signed_in(row))

    def redeem(self, code: Code, client_id: str, issued: Issued) -> datetime | None:
        """Uses the code up, and keeps the tokens; when they expire. None where another request was first: then
        whoever else holds the code is not to have anything either, and the family is revoked."""
        query = sa.text("UPDATE oauth_codes SET used_at = :now WHERE digest = :digest AND used_at IS NULL RETURNING 1")
        with self._family(code.digest) as connection:
            if connection.execute(query, {"now": self.clock(), "digest": code.digest}).first() is None:
                self._revoke(connection, code.digest)
                return None
            return self._add_token(connection, code.digest, client_id, code.signed_in, issued)

    def replayed_code(self, code: str, client_id: str) -> str | None:
        """Whose code it is, where it was used before; what came of it is then revoked."""
        query = (
            "SELECT user_id FROM oauth_codes WHERE digest = :digest AND client_id = :client_id AND used_at IS NOT NULL"
        )
        return self._replayed(query, digest(code), client_id)

    # ---- tokens

    def by_access(self, access: str) -> Token | None:
        return self._token("oauth_tokens.digest = :digest AND oauth_tokens.expires_at > :now", access)

    def by_refresh(self, refresh: str) -> Token | None:
        return self._token("refresh_digest = :digest AND refresh_expires_at > :now", refresh)

    def rotate(self, old: Token, issued: Issued) -> datetime | None:
        """As `redeem`: the refresh token is good once."""
        query = sa.text(
            "UPDATE oauth_tokens SET revoked_at = :now WHERE digest = :digest AND revoked_at IS NULL RETURNING 1"
        )
        with self._family(old.family) as connection:
            if connection.execute(query, {"now": self.clock(), "digest": old.digest}).first() is None:
                self._revoke(connection, old.family)
                return None
            return self._add_token(connection, old.family, old.client_id, old.signed_in, issued)

    def replayed_refresh(self, refresh: str, client_id: str) -> str | None:
        """Whose refresh token it is, where it was used or revoked before; the family is then revoked."""
        query = """
            SELECT user_id, code_digest FROM oauth_tokens
            WHERE refresh_digest = :digest AND client_id = :client_id AND revoked_at IS NOT NULL"""
        return self._replayed(query, digest(refresh), client_id)

    def revoke(self, family: bytes) -> None:
        with self._family(family) as connection:
            self._revoke(connection, family)

    @contextmanager
    def _family(self, family: bytes) -> Iterator[sa.Connection]:
        """One at a time: who revokes a family has to see the token that another request is just adding to it."""
        lock = int.from_bytes(family[:8], "big", signed=True)
        with self.engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
            yield connection

    def _add_token(
        self, connection: sa.Connection, family: bytes, client_id: str, signed_in: SignedIn, issued: Issued
    ) -> datetime:
        now = self.clock()
        expires_at = min(now + TOKEN_LIVES, signed_in.expires_at)
        query = sa.text("""
            INSERT INTO oauth_tokens (digest, refresh_digest, code_digest, client_id, user_id, session, scopes,
                                      issued_at, expires_at, refresh_expires_at)
            VALUES (:digest, :refresh_digest, :family, :client_id, :user_id, :session, :scopes,
                    :now, :expires_at, :refresh_expires_at)""")
        values = {
            "digest": digest(issued.access),
            "refresh_digest": None if issued.refresh is None else digest(issued.refresh),
            "family": family,
            "client_id": client_id,
            "user_id": signed_in.person.id,
            "session": signed_in.session,
            "scopes": list(issued.scopes),
            "now": now,
            "expires_at": expires_at,
            "refresh_expires_at": None if issued.refresh is None else signed_in.expires_at,
        }
        connection.execute(query, values)
        return expires_at

    def _token(self, which: str, shown: str) -> Token | None:
        query = f"""
            SELECT {SIGNED_IN}, oauth_tokens.digest, code_digest AS family, oauth_tokens.client_id,
                   oauth_tokens.scopes, issued_at, oauth_tokens.expires_at
            FROM {OF_TOKENS}
            WHERE {which} AND oauth_tokens.revoked_at IS NULL AND {IS_SIGNED_IN} AND {ADMITTED}"""
        row = self._one(query, digest=digest(shown))
        if row is None:
            return None
        names = ("digest", "family", "client_id", "issued_at", "expires_at")
        values = {name: getattr(row, name) for name in names}
        return Token(**values, scopes=tuple(row.scopes), signed_in=_signed_in(row))

    def _replayed(self, query: str, shown: bytes, client_id: str) -> str | None:
        row = self._one(query, digest=shown, client_id=client_id)
        if row is None:
            return None
        self.revoke(getattr(row, "code_digest", shown))
        user: str = row.user_id
        return user

    def _revoke(self, connection: sa.Connection, family: bytes) -> None:
        query = sa.text("UPDATE oauth_tokens SET revoked_at = :now WHERE code_digest = :family AND revoked_at IS NULL")
        connection.execute(query, {"now": self.clock(), "family": family})

    def _one(self, query: str, **values: Any) -> sa.Row[Any] | None:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(query), {"now": self.clock(), **values}).one_or_none()


def _signed_in(row: sa.Row[Any]) -> SignedIn:
    roles = frozenset(Role(role) for role in row.roles)
    person = Person(row.id, row.name, row.display_name, row.email, roles, tuple(row.teams))
    return SignedIn(person, row.session, row.auth_time, row.session_expires_at)


def _forget(connection: sa.Connection, before: datetime) -> None:
    """Rows that another request is forgetting at the same moment are left to it."""
    for table, expired in (
        ("oauth_codes", "expires_at < :before"),
        ("oauth_tokens", "greatest(expires_at, refresh_expires_at) < :before"),
    ):
        query = f"""
            DELETE FROM {table} WHERE digest IN (
                SELECT digest FROM {table} WHERE {expired} LIMIT 1000 FOR UPDATE SKIP LOCKED)"""
        connection.execute(sa.text(query), {"before": before})
