"""Who vouches that a name and a password belong together: the platform's own accounts first, then the directories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from brickyard.access import passwords
from brickyard.access.audit import Audit, Entry
from brickyard.access.groups import Person
from brickyard.access.people import Credentials, People, User
from brickyard.access.teams import LOCAL
from brickyard.kit.errors import Unavailable


class Directory(Protocol):
    """What is asked of an LDAP server."""

    @property
    def name(self) -> str: ...

    def check(self, name: str, password: str) -> Person | None:
        """None: unknown name or wrong password. Raises Unavailable, and Forbidden for who may not come in."""
        ...


@dataclass(frozen=True, slots=True)
class Vouched:
    """`provider`: `local` or the name of the directory."""

    user: User
    provider: str


@dataclass(frozen=True, slots=True)
class Vouching:
    people: People
    directories: Sequence[Directory]
    audit: Audit

    def by_password(self, name: str, password: str, address: str) -> Vouched | None:
        """None where nobody vouches. That takes as long for a name that is not known here as for one that is.

        Raises Unavailable where nobody vouches and a directory was away, Forbidden as directories do.
        """
        credentials = self.people.credentials(name)
        if passwords.matches(password, credentials.password if credentials else None) and credentials is not None:
            self._refresh(credentials, password)
            return Vouched(credentials.user, LOCAL)
        person = self._in_directories(name, password)
        return None if person is None else Vouched(self.known(person, address), person.provider)

    def is_password_of(self, user: User, password: str) -> bool:
        """Raises as `by_password` does."""
        credentials = self.people.credentials(user.name)
        if passwords.matches(password, credentials.password if credentials else None):
            return True
        person = self._in_directories(user.name, password)
        owner = None if person is None else self.people.by_identity(person.provider, person.subject)
        return owner is not None and owner.id == user.id

    def known(self, person: Person, address: str) -> User:
        """The user whom a provider speaks of, as it says that this user is now. The audit log tells what changed."""
        before = self.people.by_identity(person.provider, person.subject)
        teams_before = self._team_names(before)
        after = self.people.from_provider(
            person.provider, person.subject, person.name, person.display_name, person.email, person.roles, person.teams
        )
        changed: dict[str, object] = {}
        if before is None or before.roles != after.roles:
            changed["roles"] = {"from": sorted(before.roles) if before else [], "to": sorted(after.roles)}
        if (teams := self._team_names(after)) != teams_before:
            changed["teams"] = {"from": teams_before, "to": teams}
        if before is None or changed:
            action = "user.add" if before is None else "user.change"
            details = {"provider": person.provider, **changed}
            self.audit.append(
                Entry(after.id, after.name, person.provider, address, action, "user", after.id, details=details)
            )
        return after

    def _in_directories(self, name: str, password: str) -> Person | None:
        """The first that knows both. One that is away must not keep out those whom another knows."""
        away: Unavailable | None = None
        for directory in self.directories:
            try:
                person = directory.check(name, password)
            except Unavailable as error:
                away = error
                continue
            if person is not None:
                return person
        if away is not None:
            raise away
        return None

    def _refresh(self, credentials: Credentials, password: str) -> None:
        if credentials.password is not None and passwords.is_outdated(credentials.password):
            self.people.set_password(credentials.user.id, passwords.hashed(password))

    def _team_names(self, user: User | None) -> list[str]:
        return [] if user is None else [team.name for team in self.people.teams_of(user.id)]
