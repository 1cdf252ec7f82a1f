"""What clients may ask for, and what they are told of a person for it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from brickyard.access.keys import Scope
from brickyard.access.policy import Role

OFFLINE = "offline_access"
IDENTITY_SCOPES = ("openid", "profile", "email", "groups", OFFLINE)
API_SCOPES = (str(Scope.RECORDINGS),)
"""What an access token may be used for at Brickyard itself, as an API key may. Not to administer it."""
SCOPES = (*IDENTITY_SCOPES, *API_SCOPES)

CLAIMS_OF = {
    "profile": ("preferred_username", "name"),
    "email": ("email",),
    "groups": ("groups", "roles"),
}
CLAIMS = ("sub", *(claim for claims in CLAIMS_OF.values() for claim in claims))


@dataclass(frozen=True, slots=True)
class Person:
    """`teams`: their names, sorted."""

    id: str
    name: str
    display_name: str
    email: str | None
    roles: frozenset[Role]
    teams: tuple[str, ...]


def of(person: Person, scopes: Collection[str]) -> dict[str, Any]:
    """Nothing is claimed of the e-mail address being verified: the platform does not verify it."""
    known: dict[str, Any] = {
        "preferred_username": person.name,
        "name": person.display_name or person.name,
        "email": person.email,
        "groups": list(person.teams),
        "roles": sorted(person.roles),
    }
    asked = (claim for scope, claims in CLAIMS_OF.items() if scope in scopes for claim in claims)
    return {"sub": person.id} | {claim: known[claim] for claim in asked if known[claim] is not None}
