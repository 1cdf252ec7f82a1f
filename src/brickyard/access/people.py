"""Users: who may sign in, by which names and with which roles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from brickyard.access.actor import OPERATOR
from brickyard.access.groups import plain
from brickyard.access.policy import Role
from brickyard.access.teams import Team, Teams, patterns
from brickyard.kit.errors import BadInput, Conflict, NotFound

__all__ = ["Change", "Credentials", "People", "Team", "User"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_ROOT = 50
"""Letters of a provider's name that are kept: a suffix has to fit behind."""
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
SUFFIXES = 1000

COLUMNS = """
    users.id, users.name, users.display_name, users.email, users.roles, users.password IS NOT NULL AS has_password,
    users.totp_confirmed_at IS NOT NULL AS has_totp, users.created_at, users.last_sign_in_at, users.disabled_at"""

CAN_ADMINISTER = """
    'administrator' = ANY (roles) AND disabled_at IS NULL AND id <> :operator
    AND (password IS NOT NULL OR EXISTS (SELECT FROM identities WHERE user_id = users.id))"""
"""The operator can't sign in, and so doesn't count; nor does one who has neither a password nor a provider."""


@dataclass(frozen=True, slots=True)
class User:
    """`has_password`: here, not at a provider."""

    id: str
    name: str
    display_name: str
    email: str | None
    roles: frozenset[Role]
    has_password: bool
    has_totp: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    before: User
    after: User


@dataclass(frozen=True, slots=True)
class Credentials:
    """`password`: its hash; None where a provider knows the password, or nobody does."""

    user: User
    password: str | None = field(repr=False)


class People(Teams):
    """Users and their teams. A disabled user can't sign in; sessions, keys and tokens of such a user stop at once,
    wherever they are looked up."""

    def user(self, user_id: str, connection: sa.Connection | None = None) -> User:
        """Raises NotFound."""
        found = self._one("id = :value", user_id, connection)
        if found is None:
            raise NotFound(f"There is no user {user_id}.")
        return found

    def by_name(self, name: str) -> User | None:
        return self._one("lower(name) = lower(:value)", name, None)

    def by_identity(self, provider: str, subject: str, connection: sa.Connection | None = None) -> User | None:
        query = sa.text(f"""
            SELECT {COLUMNS} FROM users JOIN identities ON user_id = users.id
            WHERE provider = :provider AND subject = :subject""")
        with self._reading(connection) as own:
            row = own.execute(query, {"provider": provider, "subject": subject}).one_or_none()
        return None if row is None else _user(row)

    def every(self) -> list[User]:
        with self.engine.connect() as connection:
            rows = connection.execute(sa.text(f"SELECT {COLUMNS} FROM users ORDER BY lower(name)"))
            return [_user(row) for row in rows]

    def find(self, prefix: str, limit: int) -> list[User]:
        """People to share with: those whose name, or a word of their display name, begins so."""
        query = sa.text(f"""
            SELECT {COLUMNS} FROM users
            WHERE (lower(name) LIKE :begin OR lower(display_name) LIKE :begin OR lower(display_name) LIKE :word)
              AND disabled_at IS NULL AND id <> :operator
            ORDER BY lower(name) LIMIT :limit""")
        with self.engine.connect() as connection:
            rows = connection.execute(query, {**patterns(prefix), "operator": OPERATOR, "limit": limit})
            return [_user(row) for row in rows]

    def credentials(self, name: str) -> Credentials | None:
        query = sa.text(f"SELECT {COLUMNS}, password FROM users WHERE lower(name) = lower(:name)")
        with self.engine.connect() as connection:
            row = connection.execute(query, {"name": name}).one_or_none()
        return None if row is None else Credentials(_user(row), row.password)

    def providers_of(self, user_id: str) -> frozenset[str]:
        """Names of the providers where this user is known."""
        query = sa.text("SELECT provider FROM identities WHERE user_id = :user")
        with self.engine.connect() as connection:
            return frozenset(connection.execute(query, {"user": user_id}).scalars())

    def providers_by_user(self) -> dict[str, list[str]]:
        query = sa.text("SELECT user_id, array_agg(provider ORDER BY provider) AS providers FROM identities GROUP BY 1")
        with self.engine.connect() as connection:
            return {row.user_id: row.providers for row in connection.execute(query)}

    def add(
        self,
        name: str,
        display_name: str = "",
        email: str | None = None,
        roles: Iterable[Role] = (Role.ANALYST,),
        connection: sa.Connection | None = None,
    ) -> User:
        """Without a password: a one-time link sets it. Raises BadInput, and Conflict where the name is taken."""
        if NAME.fullmatch(name) is None:
            raise BadInput(
                f"{name!r} is no name to sign in with: up to 64 letters a-z, digits and . _ @ -, of which the first is "
                "a letter or a digit."
            )
        with self._writing(connection) as own:
            user_id = _insert(own, name, plain(display_name), _email(email), roles)
            if user_id is None:
                raise Conflict(f"There is a user {name} already. Choose another name.")
            return self.user(user_id, own)

    def change(
        self,
        user_id: str,
        *,
        display_name: str | None = None,
        email: str | None = None,
        roles: Iterable[Role] | None = None,
        disabled: bool | None = None,
        connection: sa.Connection | None = None,
    ) -> Change:
        """None leaves things as they are; an empty `email` removes it.

        Raises NotFound, BadInput, and Conflict where nobody would be left who administers.
        """
        if user_id == OPERATOR:
            raise Conflict("The operator stands for the command line of the machine itself, and stays as it is.")
        query = sa.text("""
            UPDATE users SET display_name = coalesce(:display_name, display_name),
                   email = CASE WHEN CAST(:email AS text) IS NULL THEN email ELSE nullif(:email, '') END,
                   roles = coalesce(CAST(:roles AS text[]), roles),
                   disabled_at = CASE WHEN CAST(:disabled AS boolean) IS NULL THEN disabled_at
                                      WHEN :disabled THEN coalesce(disabled_at, now()) END
            WHERE id = :id""")
        values = {
            "id": user_id,
            "display_name": None if display_name is None else plain(display_name),
            "email": email if email is None else _email(email) or "",
            "roles": None if roles is None else sorted(set(roles)),
            "disabled": disabled,
        }
        with self._writing(connection) as own:
            administrators = _administrators(own)
            before = self.user(user_id, own)
            own.execute(query, values)
            if user_id in administrators and not _administrators(own):
                raise Conflict(
                    f"{before.name} is the last administrator who can sign in. Make somebody else one first."
                )
            return Change(before, self.user(user_id, own))

    def set_password(self, user_id: str, encoded: str, connection: sa.Connection | None = None) -> None:
        """`encoded`: as `passwords.hashed` gives it."""
        query = sa.text("UPDATE users SET password = :encoded, password_set_at = now() WHERE id = :id")
        with self._writing(connection) as own:
            own.execute(query, {"encoded": encoded, "id": user_id})

    def from_provider(
        self,
        provider: str,
        subject: str,
        name: str,
        display_name: str,
        email: str | None,
        roles: frozenset[Role] | None = None,
        teams: frozenset[str] | None = None,
    ) -> User:
        """The user whom a provider vouches for, made where it is the first time. Only the subject tells who it is: a
        name or e-mail that is somebody's here already is not taken for that person.

        Roles and teams of None stay as they are. What the provider says counts, also for the last administrator:
        `brickyard` can always make a link for a new one.
        """
        with self.engine.begin() as connection:
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:who, 0))"), {"who": f"{provider} {subject}"}
            )
            known = self.by_identity(provider, subject, connection)
            user_id = known.id if known else _enrol(connection, provider, subject, name, roles)
            query = sa.text("""
                UPDATE users SET display_name = :display_name, email = :email,
                       roles = coalesce(CAST(:roles AS text[]), roles) WHERE id = :id""")
            values = {
                "id": user_id,
                "display_name": plain(display_name),
                "email": plain(email) if email and EMAIL.fullmatch(plain(email)) else None,
                "roles": None if roles is None else sorted(roles),
            }
            connection.execute(query, values)
            if teams is not None:
                self._set_teams_of(connection, user_id, teams, provider)
            return self.user(user_id, connection)

    def _one(self, where: str, value: str, connection: sa.Connection | None) -> User | None:
        with self._reading(connection) as own:
            row = own.execute(sa.text(f"SELECT {COLUMNS} FROM users WHERE {where}"), {"value": value}).one_or_none()
        return None if row is None else _user(row)


def _insert(
    connection: sa.Connection, name: str, display_name: str, email: str | None, roles: Iterable[Role]
) -> str | None:
    """The id of the new user; None where the name is taken."""
    query = sa.text("""
        INSERT INTO users (id, name, display_name, email, roles) VALUES (:id, :name, :display_name, :email, :roles)
        ON CONFLICT (lower(name)) DO NOTHING RETURNING id""")
    values = {"id": str(uuid4()), "name": name, "display_name": display_name, "email": email}
    inserted: str | None = connection.execute(query, {**values, "roles": sorted(set(roles))}).scalar_one_or_none()
    return inserted


def _enrol(connection: sa.Connection, provider: str, subject: str, name: str, roles: frozenset[Role] | None) -> str:
    """A new user under the provider's name, or one like it where that is taken."""
    root = _nearest_name(name)
    first_roles = frozenset({Role.ANALYST}) if roles is None else roles
    for suffix in ("", *(f"-{number}" for number in range(2, SUFFIXES))):
        user_id = _insert(connection, root + suffix, "", None, first_roles)
        if user_id is not None:
            connection.execute(
                sa.text("INSERT INTO identities (provider, subject, user_id) VALUES (:provider, :subject, :user)"),
                {"provider": provider, "subject": subject, "user": user_id},
            )
            return user_id
    raise Conflict(f"There are {SUFFIXES} users called {root}. Ask an administrator to tidy up.")


def _nearest_name(name: str) -> str:
    """What a provider calls somebody, made of letters that names here have."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    cleaned = re.sub(r"[^A-Za-z0-9._@-]+", "-", letters).lstrip("._@-")[:NAME_ROOT].rstrip("-")
    return cleaned or "user"


def _administrators(connection: sa.Connection) -> set[str]:
    """Who can administer, held until the transaction ends: two who demote each other at once do it one by one."""
    query = sa.text(f"SELECT id FROM users WHERE {CAN_ADMINISTER} ORDER BY id FOR UPDATE")
    return set(connection.execute(query, {"operator": OPERATOR}).scalars())


def _email(email: str | None) -> str | None:
    if email is None or not email.strip():
        return None
    cleaned = plain(email)
    if EMAIL.fullmatch(cleaned) is None:
        raise BadInput(f"{cleaned!r} is no e-mail address. Write it like ada@example.org, or leave it out.")
    return cleaned


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    values = {name: getattr(row, name) for name in User.__dataclass_fields__}
    return User(**{**values, "roles": frozenset(Role(role) for role in row.roles)})
