"""What tests of signing in share: a clock that they set, a directory that they fill, and the parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from brickyard.access import passwords
from brickyard.access.audit import Audit, Filter
from brickyard.access.groups import Person
from brickyard.access.master import MasterKey
from brickyard.access.people import People, User
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.access.sign_in import SignIn
from brickyard.access.throttle import Throttle
from brickyard.kit.errors import Unavailable

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PASSWORD = "seven crooked lighthouses"
HASHED = PasswordHasher.from_parameters(CHEAPEST).hash(PASSWORD)
MASTER = MasterKey([bytes(range(32))])
HERE, BROWSER = "10.0.0.1", "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"


def hash_cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant to take a tenth of a second takes nearly nothing."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(passwords, "_nobodys", lambda: HASHED)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Directory:
    """Knows persons and their passwords; away where `is_away`."""

    name: str = "staff"
    known: dict[str, tuple[Person, str]] = field(default_factory=dict)
    is_away: bool = False
    asked: int = 0

    def check(self, name: str, password: str) -> Person | None:
        self.asked += 1
        if self.is_away:
            raise Unavailable(f"{self.name} does not answer.")
        person, right = self.known.get(name, (None, ""))
        return person if person and password == right else None

    def knows(self, name: str, password: str, **values: Any) -> Person:
        person = Person(self.name, f"subject of {name}", name, name.title(), None, frozenset(), **values)
        self.known[name] = (person, password)
        return person


@dataclass
class Desk:
    engine: sa.Engine
    clock: Clock
    directories: Sequence[Directory] = ()

    def __post_init__(self) -> None:
        self.people = People(self.engine)
        self.sessions = Sessions(self.engine, 12, self.clock)
        self.audit = Audit(self.engine, bytes(32))
        throttle = Throttle(self.engine, self.clock)
        self.sign_in = SignIn(self.people, self.sessions, throttle, MASTER, self.directories, self.audit, self.clock)

    def user(self, name: str = "ada", *roles: Role, password: str | None = HASHED) -> User:
        """`password`: its hash, made once since that is slow; None for none."""
        made = self.people.add(name, name.title(), None, roles or (Role.ANALYST,))
        if password is not None:
            self.people.set_password(made.id, password)
        return self.people.user(made.id)

    def told(self, *, action: str | None = None) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Actor's name, action, outcome and details of each line of the audit log, oldest first."""
        lines = reversed(self.audit.page(Filter(action=action), 100))
        return [(line.actor_name, line.action, line.outcome, dict(line.details)) for line in lines]
