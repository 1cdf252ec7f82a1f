"""Who somebody is at a provider, and what the groups there make of them here. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from brickyard.access.policy import Role
from brickyard.kit.errors import Forbidden

LONGEST = 200
"""Letters that are kept of a name."""
JOINERS = "\u200c\u200d"
"""Not printable, yet part of how some languages are spelled."""


@dataclass(frozen=True, slots=True)
class Person:
    """`subject`: what never changes at the provider. Roles and teams of None are left as they are here."""

    provider: str
    subject: str
    name: str
    display_name: str
    email: str | None
    groups: frozenset[str]
    roles: frozenset[Role] | None = None
    teams: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    group: str
    roles: frozenset[Role] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GroupMap:
    """`default_roles` are for those to whom no rule gives a role. Of `required`, one group is enough."""

    rules: tuple[Rule, ...] = ()
    default_roles: frozenset[Role] = frozenset()
    required: frozenset[str] = frozenset()
    ignores_case: bool = False

    def admits(self, groups: Iterable[str]) -> bool:
        return not self.required or bool(self._folded(self.required) & self._folded(groups))

    def roles(self, groups: Iterable[str]) -> frozenset[Role] | None:
        """None where roles are not mapped at all; nothing where they are, and these groups give none."""
        if not self.default_roles and not any(rule.roles for rule in self.rules):
            return None
        return frozenset(role for rule in self._matching(groups) for role in rule.roles) or self.default_roles

    def teams(self, groups: Iterable[str]) -> frozenset[str] | None:
        """None where teams are not mapped at all."""
        if not any(rule.teams for rule in self.rules):
            return None
        return frozenset(team for rule in self._matching(groups) for team in rule.teams)

    def applied_to(self, person: Person, label: str) -> Person:
        """With roles and teams. `label`: the provider as people know it. Raises Forbidden where it is not admitted."""
        if not self.admits(person.groups):
            raise Forbidden(
                f"{label} knows you as {person.name}, but you are in none of the groups that may use this platform. "
                "Ask the administrator of the platform which group that is."
            )
        return replace(person, roles=self.roles(person.groups), teams=self.teams(person.groups))

    def _matching(self, groups: Iterable[str]) -> list[Rule]:
        own = self._folded(groups)
        return [rule for rule in self.rules if self._folded((rule.group,)) <= own]

    def _folded(self, groups: Iterable[str]) -> frozenset[str]:
        return frozenset(group.casefold() for group in groups) if self.ignores_case else frozenset(groups)


def plain(value: object) -> str:
    """What a provider says of somebody, as one line without signs that cannot be seen; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    spaced = " ".join(value.split())
    shown = "".join(letter for letter in spaced if letter.isprintable() or letter in JOINERS)
    return " ".join(unicodedata.normalize("NFC", shown).split())[:LONGEST].rstrip()
