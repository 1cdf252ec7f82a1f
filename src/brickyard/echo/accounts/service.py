"""What accounts are made of, and what people do with their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from brickyard.access import keys, passwords, totp
from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.access.groups import Person
from brickyard.access.keys import SHARED_APIS, ApiKey, NewKey, Scope
from brickyard.access.links import void_passwords
from brickyard.access.master import MasterKey
from brickyard.access.oidc import Begun
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.access.sign_in import SignIn, names_of
from brickyard.access.totp import Enrolment
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, Conflict, Forbidden, Unauthenticated

KEYS_AT_ONCE = 20


class OpenIdProvider(Protocol):
    """What signing in asks of an OpenID Connect provider; `access/oidc.py` has the real one."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    async def begin(self, redirect_uri: str) -> Begun: ...

    async def finish(self, code: str, begun: Begun, redirect_uri: str, issuer_param: str | None = None) -> Person: ...


@dataclass(frozen=True)
class Accounts:
    """`address`: of the platform, as browsers have it, without a slash at the end. `directories`: the labels of LDAP
    servers by their names."""

    people: People
    sessions: Sessions
    sign_in: SignIn
    master: MasterKey = field(repr=False)
    audit: Audit
    address: str
    oidc: Sequence[OpenIdProvider] = ()
    directories: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = utc_now

    @property
    def engine(self) -> sa.Engine:
        return self.people.engine


def allowed_scopes(roles: Collection[Role]) -> list[Scope]:
    """Those that a person's own keys may have. Pure."""
    own = set(roles)
    scopes: list[Scope] = [Scope.RECORDINGS] if own else []
    if own - {Role.AUDITOR}:
        scopes += SHARED_APIS
    if own & {Role.ADMINISTRATOR, Role.AUDITOR}:
        scopes.append(Scope.METRICS)
    if Role.ADMINISTRATOR in own:
        scopes.append(Scope.ADMIN)
    return scopes


class OwnAccount:
    """Only a session may change the account that it belongs to: a key that leaked must not become the account."""

    def __init__(self, accounts: Accounts) -> None:
        self._all = accounts

    def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Ends all other sessions. Raises Forbidden where the old one is wrong, BadInput where the new one is weak."""
        session = session_of(actor)
        user = self._all.people.user(actor.id)
        if not user.has_password:
            raise Conflict("Your password is not kept here. Change it where you sign in with it.")
        self._all.sign_in.prove(user, old, actor.address)
        if new == old:
            raise BadInput("The new password is the old one. Choose another.")
        passwords.check_rules(new, names_of(user))
        encoded = passwords.hashed(new)
        with self._all.engine.begin() as connection:
            self._all.people.set_password(user.id, encoded, connection)
            void_passwords(connection, user.id)
            ended = self._all.sessions.revoke_all(
                user.id, "the password was changed", but=session, connection=connection
            )
            self._record(connection, actor, "password.change", user.id, {"sessions_ended": ended})

    def begin_totp(self, actor: Actor) -> Enrolment:
        """Raises Conflict where no password is asked for, or a second factor is in use already."""
        session_of(actor)
        user = self._all.people.user(actor.id)
        if not user.has_password and not self._all.people.providers_of(user.id) & set(self._all.directories):
            raise Conflict("You don't sign in with a password here. Set up a second factor where you sign in.")
        return self._all.sign_in.second_factor.begin(user.id, user.name)

    def confirm_totp(self, actor: Actor, code: str) -> list[str]:
        """The recovery codes. Raises BadInput where the code is wrong."""
        session_of(actor)
        with self._all.engine.begin() as connection:
            codes = self._all.sign_in.second_factor.confirm(actor.id, code, connection)
            self._record(connection, actor, "totp.set", actor.id)
        return codes

    def remove_totp(self, actor: Actor, password: str) -> None:
        session_of(actor)
        self._all.sign_in.prove(self._all.people.user(actor.id), password, actor.address)
        with self._all.engine.begin() as connection:
            if totp.remove(connection, actor.id):
                self._record(connection, actor, "totp.remove", actor.id)

    def end_session(self, actor: Actor, session: UUID) -> None:
        session_of(actor)
        with self._all.engine.begin() as connection:
            self._all.sessions.revoke(session, "ended by its user", actor.id, connection)
            entry = entry_of(actor, "session.close", object_kind="session", object_id=session)
            self._all.audit.append(entry, connection)

    def make_key(
        self, actor: Actor, name: str, scopes: Sequence[Scope], valid_days: int, priority: str
    ) -> tuple[str, ApiKey]:
        """The key itself, and what is kept of it. Raises Forbidden where the own roles don't reach so far."""
        session_of(actor)
        too_far = sorted(set(scopes) - set(allowed_scopes(actor.roles)))
        if too_far:
            allowed = ", ".join(allowed_scopes(actor.roles))
            raise Forbidden(f"Your roles don't allow keys for {', '.join(too_far)}; they allow {allowed}.")
        now = self._all.clock()
        alive = [key for key in keys.of(self._all.engine, actor.id) if _is_alive(key, now)]
        if len(alive) >= KEYS_AT_ONCE:
            raise Conflict(f"You have {len(alive)} keys; {KEYS_AT_ONCE} are allowed. Revoke one that is not used.")
        expires_at = now + timedelta(days=valid_days)
        wanted = NewKey(name, actor.id, sorted(set(scopes)), priority=priority, expires_at=expires_at)
        secret, made = keys.create(self._all.engine, wanted)
        details = {
            "name": made.name,
            "prefix": made.prefix,
            "scopes": sorted(made.scopes),
            "expires_at": str(expires_at),
        }
        self._all.audit.append(entry_of(actor, "key.make", object_kind="key", object_id=made.id, details=details))
        return secret, made

    def revoke_key(self, actor: Actor, key: UUID) -> None:
        session_of(actor)
        revoked = keys.revoke_by_id(self._all.engine, key, actor.id)
        details = {"name": revoked.name, "prefix": revoked.prefix}
        self._all.audit.append(entry_of(actor, "key.revoke", object_kind="key", object_id=key, details=details))

    def _record(
        self, connection: sa.Connection, actor: Actor, action: str, user_id: str, details: dict[str, Any] | None = None
    ) -> None:
        entry = entry_of(actor, action, object_kind="user", object_id=user_id, details=details)
        self._all.audit.append(entry, connection)


def session_of(actor: Actor) -> UUID:
    """Raises Forbidden where it is not a person in a session who asks."""
    if actor.via != "session" or actor.session is None:
        raise Forbidden("No key or token may do this: sign in to the app.")
    return actor.session


def _is_alive(key: ApiKey, now: datetime) -> bool:
    try:
        key.check(None, now)
    except Unauthenticated:
        return False
    return True
