"""Signing in: with a password and perhaps a code, through a provider, or with a one-time link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from brickyard.access import passwords
from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, Entry
from brickyard.access.groups import Person
from brickyard.access.links import Link, Links, Purpose, void_passwords
from brickyard.access.master import MasterKey
from brickyard.access.people import People, User
from brickyard.access.policy import Role
from brickyard.access.sessions import Opened, Sessions
from brickyard.access.throttle import Attempt, Throttle
from brickyard.access.totp import SecondFactor
from brickyard.access.vouching import Directory, Vouching
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, BrickyardError, Conflict, Forbidden, Unauthenticated

OPENED = "session.open"
BY_LINK = "link"
FIRST_ROLES = (Role.ADMINISTRATOR, Role.ANALYST)
"""Of the first administrator, who has to be able to try what there is. Other roles are given afterwards."""

_WRONG = "The name, the password or the code is wrong."


class SecondFactorNeeded(Unauthenticated):
    """The password is right; the account wants a code too."""

    code = "second_factor_needed"


@dataclass(frozen=True, slots=True)
class LinkUse:
    """What somebody fills in who follows a link: a name only where it makes an account, a code where one is set up."""

    token: str = field(repr=False)
    name: str | None = None
    display_name: str = ""
    password: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


class SignIn:
    """Every sign-in and every failed one is recorded before anything comes of it."""

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        throttle: Throttle,
        master: MasterKey,
        directories: Sequence[Directory],
        audit: Audit,
        clock: Clock = utc_now,
    ) -> None:
        self.people = people
        self.sessions = sessions
        self.throttle = throttle
        self.audit = audit
        self.links = Links(people.engine, clock)
        self.second_factor = SecondFactor(people.engine, master, clock)
        self.vouching = Vouching(people, directories, audit)

    def with_password(self, name: str, password: str, code: str | None, address: str, agent: str) -> Opened:
        """Raises Unauthenticated with one message whatever was wrong, SecondFactorNeeded, TooManyRequests; Unavailable
        and Forbidden as directories do."""
        attempt = self._admit(name, address)
        try:
            vouched = self.vouching.by_password(name, password, address)
        except BrickyardError as error:
            self._record_failure(attempt, error.code)
            raise
        if vouched is None or vouched.user.disabled_at is not None:
            self._record_failure(attempt, "disabled" if vouched else "password")
            raise Unauthenticated(_WRONG)
        self._check_code(vouched.user, code, attempt)
        self.throttle.succeeded(attempt)
        return self._open(vouched.user, vouched.provider, address, agent)

    def with_person(self, person: Person, address: str, agent: str) -> Opened:
        """Through a provider, which has checked who it is as strictly as it wants. Raises Unauthenticated."""
        user = self.vouching.known(person, address)
        if user.disabled_at is not None:
            self.audit.append(_failure(user, address, person.provider, "disabled"))
            raise Unauthenticated("This account is disabled. Ask an administrator.")
        return self._open(user, person.provider, address, agent)

    def with_link(self, use: LinkUse, address: str, agent: str) -> Opened:
        """Does what the link is for and opens a session. What is refused leaves the link as it was.

        Raises Unauthenticated, SecondFactorNeeded, TooManyRequests, BadInput and Conflict.
        """
        link = self.links.look(use.token)
        if link.purpose is Purpose.FIRST_ADMINISTRATOR:
            return self._first_administrator(use, address, agent)
        assert link.user_id is not None
        user = self.people.user(link.user_id)
        if link.purpose is Purpose.PASSWORD:
            return self._new_password(use, user, address, agent)
        with self.people.engine.begin() as connection:
            self.links.use(use.token, Purpose.SIGN_IN, connection)
            return self._open(user, BY_LINK, address, agent, connection)

    def sign_out(self, actor: Actor) -> None:
        if actor.session is None:
            raise Conflict("Only a session can be signed out of; a key is revoked instead.")
        entry = Entry(actor.id, actor.name, actor.via, actor.address, "session.close", "session", str(actor.session))
        with self.people.engine.begin() as connection:
            self.sessions.revoke(actor.session, "signed out", connection=connection)
            self.audit.append(entry, connection)

    def prove(self, user: User, password: str, address: str) -> None:
        """That whoever holds the session knows the password as well. Guesses count as failed sign-ins.

        Raises Forbidden, TooManyRequests, Unavailable.
        """
        attempt = self._admit(user.name, address)
        if not self.vouching.is_password_of(user, password):
            self._record_failure(attempt, "password")
            raise Forbidden("The password is wrong.")
        self.throttle.succeeded(attempt)

    def _first_administrator(self, use: LinkUse, address: str, agent: str) -> Opened:
        if not use.name or not use.password:
            raise BadInput("The first administrator needs a name to sign in with and a password.")
        passwords.check_rules(use.password, [use.name, use.display_name])
        encoded = passwords.hashed(use.password)
        with self.people.engine.begin() as connection:
            self.links.use(use.token, Purpose.FIRST_ADMINISTRATOR, connection)
            made = self.people.add(use.name, use.display_name, None, FIRST_ROLES, connection)
            self.people.set_password(made.id, encoded, connection)
            opened = self._open(made, BY_LINK, address, agent, connection)
            details = {"name": made.name, "roles": sorted(made.roles)}
            self.audit.append(
                Entry(made.id, made.name, BY_LINK, address, "user.add", "user", made.id, details=details), connection
            )
        return opened

    def _new_password(self, use: LinkUse, user: User, address: str, agent: str) -> Opened:
        if not use.password:
            raise BadInput("This link is for a new password: send one.")
        passwords.check_rules(use.password, names_of(user))
        if user.has_totp:
            attempt = self._admit(user.name, address)
            self._check_code(user, use.code, attempt)
            self.throttle.succeeded(attempt)
        encoded = passwords.hashed(use.password)
        with self.people.engine.begin() as connection:
            link = self.links.use(use.token, Purpose.PASSWORD, connection)
            self._set_password(connection, link, encoded)
            opened = self._open(user, BY_LINK, address, agent, connection)
            self.audit.append(
                Entry(user.id, user.name, BY_LINK, address, "password.change", "user", user.id), connection
            )
        return opened

    def _set_password(self, connection: sa.Connection, link: Link, encoded: str) -> None:
        assert link.user_id is not None
        self.people.set_password(link.user_id, encoded, connection)
        self.sessions.revoke_all(link.user_id, "the password was changed", connection=connection)
        void_passwords(connection, link.user_id)

    def _open(
        self, user: User, provider: str, address: str, agent: str, connection: sa.Connection | None = None
    ) -> Opened:
        if connection is None:
            with self.people.engine.begin() as own:
                return self._open(user, provider, address, agent, own)
        opened = self.sessions.open(user.id, provider, address, agent, connection)
        entry = Entry(user.id, user.name, provider, address, OPENED, "session", str(opened.session))
        self.audit.append(entry, connection)
        return opened

    def _admit(self, name: str, address: str) -> Attempt:
        is_known_here = self.sessions.signed_in_from(name, address)
        return self.throttle.admit(name, address, is_known_here=is_known_here)

    def _check_code(self, user: User, code: str | None, attempt: Attempt) -> None:
        if not user.has_totp:
            return
        if not code:
            self.throttle.took_back(attempt)
            raise SecondFactorNeeded("Type the code that your authenticator app shows, or a recovery code.")
        if not self.second_factor.check(user.id, code):
            self._record_failure(attempt, "code")
            raise Unauthenticated(_WRONG)

    def _record_failure(self, attempt: Attempt, reason: str) -> None:
        user = self.people.by_name(attempt.name)
        self.audit.append(_failure(user, attempt.address, "password", reason))


def names_of(user: User) -> list[str]:
    """What people know a user by, and a password should not be made of."""
    return [user.name, user.display_name, user.email or ""]


def _failure(user: User | None, address: str, via: str, reason: str) -> Entry:
    """A name that nobody has is not recorded: people type their password there by mistake."""
    who, name = (user.id, user.name) if user is not None else ("", "(unknown)")
    return Entry(who, name, via, address, OPENED, "user", who, outcome="failed", details={"reason": reason})
