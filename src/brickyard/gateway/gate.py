"""The door to the shared APIs: whose key it is, what it may do, and with which priority."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from brickyard.access.keys import ApiKey, shown_in
from brickyard.access.turnstile import Turnstile
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BadInput, Unauthenticated

PRIORITY_HEADER = "x-brickyard-priority"


@dataclass(frozen=True, slots=True)
class Caller:
    """`priority`: the class of this request. The key's own, or a lower one that the request asks for."""

    key: UUID
    name: str
    owner: str
    is_admin: bool
    priority: str


@dataclass(frozen=True, slots=True)
class Gate:
    turnstile: Turnstile

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Meanwhile what is used is written down."""
        async with self.turnstile.running():
            yield

    async def admit(self, request: Request, scope: str | None, key: str | None = None) -> Caller:
        """Who calls. `scope`: None for what every key may see. `key`: where a dialect has it elsewhere than in the
        headers.

        Raises Unauthenticated, Forbidden, and TooManyRequests where a rate or quota is used up.
        """
        own = await self.turnstile.admit(_needed(shown_in(request.headers) or key), scope)
        return Caller(own.id, own.name, own.owner, own.is_admin, _priority(request, own))

    async def recognise(self, request: Request) -> None:
        """Raises Unauthenticated where the headers show no key that is good for anything. Counts nothing."""
        await self.turnstile.recognise(_needed(shown_in(request.headers)))

    def meter(self, caller: Caller, service: str, model: str, **amounts: float) -> None:
        """Counts what a caller has used; never waits."""
        self.turnstile.meter(caller.key, service, model, **amounts)


def _needed(key: str | None) -> str:
    if not key:
        raise Unauthenticated(
            "An API key is needed: send it as 'Authorization: Bearer KEY'. "
            "An administrator makes one with `brickyard keys create NAME`."
        )
    return key


def _priority(request: Request, key: ApiKey) -> str:
    asked = request.headers.get(PRIORITY_HEADER)
    if asked is None:
        return key.priority
    if asked not in set(PriorityClass):
        raise BadInput(f"{PRIORITY_HEADER}: {asked!r} is none of {', '.join(PriorityClass)}.")
    return min(PriorityClass(asked), PriorityClass(key.priority), key=lambda one: one.rank)
