"""Who asks: a person in a session, or somebody's API key."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from brickyard.access.policy import Role

OPERATOR = "local"
"""The user to whom belongs what the command line of the machine itself does. It has no password to sign in with."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`via`: `session`, `key` or `token` (of the platform's own OpenID provider); `credential`: the id of that.

    `scopes`: what the key may be used for; None for a session, which may do all that the roles may. `jobs_at_once`: the
    key's limit.
    """

    id: str
    name: str
    roles: frozenset[Role]
    via: str
    credential: str
    address: str = ""
    display_name: str = ""
    scopes: frozenset[str] | None = field(default=None)
    session: UUID | None = None
    jobs_at_once: int | None = None
