"""Echo's app without its door, for tests of what lies behind it. The door itself is tested with every route."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.policy import Action, Role

ACTOR = Actor(OPERATOR, "operator", frozenset(Role), "session", "")


class Welcoming:
    """In place of the guard: everybody is the operator and may do everything."""

    def __init__(self, actor: Actor = ACTOR) -> None:
        self.actor = actor
        self.audit: Any = None

    async def check(self, request: Request, action: Action) -> Actor:
        return self.actor

    def meter(self, actor: Actor, service: str, **amounts: float) -> None:
        """Nobody has quotas here."""


def guard() -> Any:
    return Welcoming()
