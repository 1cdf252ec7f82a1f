"""What administrators do with users and teams. Each change and its line in the audit log are one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.access import totp
from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.audit import entry_of
from brickyard.access.links import VALID_FOR, Purpose
from brickyard.access.people import Change, User
from brickyard.access.policy import Role
from brickyard.access.teams import Team
from brickyard.echo.accounts.schemas import NewTeam, NewUser, TeamChange, UserChange
from brickyard.echo.accounts.service import Accounts
from brickyard.kit.errors import Conflict

LINK_PATH = f"/signin#purpose={Purpose.PASSWORD}&link="
"""A fragment: browsers don't send it, so it stands in nobody's log."""


class Administration:
    def __init__(self, accounts: Accounts) -> None:
        self._all = accounts

    def add_user(self, actor: Actor, new: NewUser) -> User:
        with self._all.engine.begin() as connection:
            user = self._all.people.add(new.name, new.display_name, new.email, new.roles, connection)
            self._record(
                connection, actor, "user.add", "user", user.id, {"name": user.name, "roles": _plain(user.roles)}
            )
        return user

    def change_user(self, actor: Actor, user_id: str, wanted: UserChange) -> User:
        """Other roles count from the next request on. Who is disabled is signed out everywhere, and stays so."""
        email = (wanted.email or "") if "email" in wanted.model_fields_set else None
        with self._all.engine.begin() as connection:
            change = self._all.people.change(
                user_id,
                display_name=wanted.display_name,
                email=email,
                roles=wanted.roles,
                disabled=wanted.disabled,
                connection=connection,
            )
            if change.after.disabled_at is not None and change.before.disabled_at is None:
                self._all.sessions.revoke_all(user_id, "the account was disabled", connection=connection)
            if change.before != change.after:
                self._record(connection, actor, "user.change", "user", user_id, _differences(change))
        return change.after

    def password_link(self, actor: Actor, user_id: str) -> tuple[str, datetime]:
        """Where the person sets a new password, and until when. Raises Conflict where a provider knows the password."""
        user = self._all.people.user(user_id)
        providers = self._all.people.providers_of(user_id)
        if user_id == OPERATOR:
            raise Conflict("The operator signs in from the command line of the machine: `brickyard` prints a link.")
        if providers:
            raise Conflict(f"{user.name} signs in through {', '.join(sorted(providers))} and has the password there.")
        if user.disabled_at is not None:
            raise Conflict(f"{user.name} is disabled. Enable the account first.")
        with self._all.engine.begin() as connection:
            token = self._all.sign_in.links.make(Purpose.PASSWORD, user_id, connection=connection)
            self._record(connection, actor, "password.link", "user", user_id)
        return f"{self._all.address}{LINK_PATH}{token}", self._all.clock() + VALID_FOR[Purpose.PASSWORD]

    def end_sessions(self, actor: Actor, user_id: str) -> int:
        self._all.people.user(user_id)
        with self._all.engine.begin() as connection:
            ended = self._all.sessions.revoke_all(user_id, "ended by an administrator", connection=connection)
            self._record(connection, actor, "user.sessions", "user", user_id, {"ended": ended})
        return ended

    def remove_totp(self, actor: Actor, user_id: str) -> None:
        """For a person who lost the device and the recovery codes."""
        self._all.people.user(user_id)
        with self._all.engine.begin() as connection:
            if totp.remove(connection, user_id):
                self._record(connection, actor, "totp.remove", "user", user_id)

    def add_team(self, actor: Actor, new: NewTeam) -> Team:
        with self._all.engine.begin() as connection:
            team = self._all.people.add_team(new.name, new.retention_days, connection)
            details = {"name": team.name, "retention_days": team.retention_days}
            self._record(connection, actor, "team.add", "team", team.id, details)
        return team

    def change_team(self, actor: Actor, team: UUID, wanted: TeamChange) -> Team:
        with self._all.engine.begin() as connection:
            now = self._all.people.team(team, connection)
            days = wanted.retention_days if "retention_days" in wanted.model_fields_set else now.retention_days
            name = wanted.name if wanted.name is not None else now.name
            before, after = self._all.people.change_team(team, name, days, connection)
            if before != after:
                self._record(connection, actor, "team.change", "team", team, _changed(before, after, TEAM_FIELDS))
        return after

    def remove_team(self, actor: Actor, team: UUID) -> None:
        with self._all.engine.begin() as connection:
            removed = self._all.people.remove_team(team, connection)
            self._record(
                connection, actor, "team.remove", "team", team, {"name": removed.name, "members": removed.members}
            )

    def set_member(self, actor: Actor, team: UUID, user_id: str, *, is_member: bool) -> None:
        """Membership that a provider's groups give stays."""
        with self._all.engine.begin() as connection:
            if self._all.people.set_member(team, user_id, is_member, connection=connection):
                details = {"user": user_id, "from": not is_member, "to": is_member}
                self._record(connection, actor, "team.member", "team", team, details)

    def _record(
        self,
        connection: sa.Connection,
        actor: Actor,
        action: str,
        kind: str,
        identity: object,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        entry = entry_of(actor, action, object_kind=kind, object_id=identity, details=details)
        self._all.audit.append(entry, connection)


USER_FIELDS = ("display_name", "email", "roles", "disabled_at")
TEAM_FIELDS = ("name", "retention_days")


def _differences(change: Change) -> dict[str, Any]:
    return _changed(change.before, change.after, USER_FIELDS)


def _changed(before: object, after: object, fields: Sequence[str]) -> dict[str, Any]:
    """`{field: {from, to}}` of those that are not the same."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in fields}
    return {name: {"from": _plain(old), "to": _plain(new)} for name, (old, new) in pairs.items() if old != new}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(str(Role(one)) for one in value)
    return value.isoformat() if isinstance(value, datetime) else value
