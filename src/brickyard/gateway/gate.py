"""The door to the shared APIs: whose key it is, what it may do, how much is left; and what was used is counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from brickyard.access import keys, rates
from brickyard.access.keys import ApiKey
from brickyard.access.usage import FLUSH_EVERY_S, Meter, used_on
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, TooManyRequests, Unauthenticated

LOOKED_UP_FOR_S = 2.0
"""A key that was revoked, and what other web processes counted, is known after so long."""
STRANGERS = 1000
PRIORITY_HEADER = "x-brickyard-priority"


@dataclass(frozen=True, slots=True)
class Caller:
    """`priority`: the class of this request. The key's own, or a lower one that the request asks for."""

    key: UUID
    name: str
    owner: str
    is_admin: bool
    priority: str


@dataclass(slots=True)
class _Known:
    """What was looked up of a key, and when by the steady clock."""

    key: ApiKey
    used: dict[str, float]
    looked_at_s: float
    bucket: rates.Bucket | None = None
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Gate:
    def __init__(self, engine: sa.Engine, clock: Clock = utc_now, steady: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._steady = steady
        self._meter = Meter(engine, clock)
        self._known: dict[bytes, _Known] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Meanwhile what is used is written down."""
        flushing = asyncio.create_task(self._flush_for_ever())
        try:
            yield
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing
            await run_in_threadpool(self._meter.flush)

    async def admit(self, request: Request, scope: str | None, key: str | None = None) -> Caller:
        """Who calls. `scope`: None for what every key may see. `key`: where a dialect has it elsewhere than in the
        headers.

        Raises Unauthenticated, Forbidden, and TooManyRequests where a rate or quota is used up.
        """
        known = await self._look_up(_given(request) or key)
        known.key.check(scope, self._clock())
        self._check_rate(known)
        self._check_quotas(known)
        own = known.key
        return Caller(own.id, own.name, own.owner, own.is_admin, _priority(request, own))

    def meter(self, caller: Caller, service: str, model: str, **amounts: float) -> None:
        """Counts what a caller has used; never waits."""
        self._meter.add(caller.key, service, model, amounts)

    async def _look_up(self, key: str | None) -> _Known:
        if not key:
            raise Unauthenticated(
                "An API key is needed: send it as 'Authorization: Bearer KEY'. "
                "An administrator makes one with `brickyard keys create NAME`."
            )
        digest = keys.digest(key)
        known = self._known.get(digest)
        if known is None:
            found = await run_in_threadpool(keys.find, self._engine, digest)
            if found is None:
                raise Unauthenticated("This API key is not known. Check that it was copied in full.")
            if len(self._known) > STRANGERS:
                self._known.clear()
            known = self._known.setdefault(digest, _Known(found, {}, float("-inf")))
        if self._steady() - known.looked_at_s > LOOKED_UP_FOR_S:
            async with known.refreshing:
                if self._steady() - known.looked_at_s > LOOKED_UP_FOR_S:
                    await run_in_threadpool(self._refresh, known, digest)
        return known

    def _refresh(self, known: _Known, digest: bytes) -> None:
        found = keys.find(self._engine, digest)
        if found is None:
            raise Unauthenticated("This API key has been deleted.")
        if found.requests_per_minute != known.key.requests_per_minute:
            known.bucket = None
        known.key = found
        if found.tokens_per_day or found.audio_s_per_day:
            known.used = used_on(self._engine, found.id, self._clock().date())
        known.looked_at_s = self._steady()

    def _check_rate(self, known: _Known) -> None:
        per_minute = known.key.requests_per_minute
        if per_minute is None:
            return
        if known.bucket is None:
            known.bucket = rates.full(per_minute, self._steady())
        wait_s = known.bucket.take(self._steady())
        if wait_s:
            raise TooManyRequests(f"This key may send {per_minute} requests a minute. Try again soon.", wait_s)

    def _check_quotas(self, known: _Known) -> None:
        key = known.key
        if key.tokens_per_day is None and key.audio_s_per_day is None:
            return
        now = self._clock()
        pending = self._meter.pending(key.id)
        until_midnight_s = 86_400.0 - (now.hour * 3600 + now.minute * 60 + now.second)

        def used(*measures: str) -> float:
            return sum(known.used.get(measure, 0.0) + pending.get(measure, 0.0) for measure in measures)

        tokens, audio_s = used("prompt_tokens", "completion_tokens"), used("audio_s")
        if key.tokens_per_day is not None and tokens >= key.tokens_per_day:
            message = f"This key has used {tokens:,.0f} of its {key.tokens_per_day:,} tokens today (UTC)."
            raise TooManyRequests(message, until_midnight_s)
        if key.audio_s_per_day is not None and audio_s >= key.audio_s_per_day:
            message = (
                f"This key has used {audio_s / 60:,.0f} of its {key.audio_s_per_day / 60:,.0f} minutes today (UTC)."
            )
            raise TooManyRequests(message, until_midnight_s)

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await run_in_threadpool(self._meter.flush)


def _given(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key")


def _priority(request: Request, key: ApiKey) -> str:
    asked = request.headers.get(PRIORITY_HEADER)
    if asked is None:
        return key.priority
    if asked not in set(PriorityClass):
        raise BadInput(f"{PRIORITY_HEADER}: {asked!r} is none of {', '.join(PriorityClass)}.")
    return min(PriorityClass(asked), PriorityClass(key.priority), key=lambda one: one.rank)
