"""Where API keys are shown: whether a key is good for what is asked, and how much of its rate and quotas is left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from brickyard.access import keys, rates
from brickyard.access.keys import ApiKey
from brickyard.access.usage import FLUSH_EVERY_S, Meter, used_on
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import TooManyRequests, Unauthenticated

LOOKED_UP_FOR_S = 2.0
"""A key that was revoked, and what other web processes counted, is known after so long."""
STRANGERS = 1000
GB = 10**9


@dataclass(slots=True)
class _Known:
    """What was looked up of a key, and when by the steady clock."""

    key: ApiKey
    used: dict[str, float]
    looked_at_s: float
    bucket: rates.Bucket | None = None
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Turnstile:
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
            await asyncio.to_thread(self._meter.flush)

    async def admit(self, key: str, scope: str | None) -> ApiKey:
        """`scope`: None for what every key may do.

        Raises Unauthenticated, Forbidden, and TooManyRequests where a rate or quota is used up.
        """
        known = await self._look_up(key)
        known.key.check(scope, self._clock())
        self._check_rate(known)
        self._check_quotas(known)
        return known.key

    async def recognise(self, key: str) -> None:
        """Raises Unauthenticated where a key is void. Takes nothing of its rate."""
        known = await self._look_up(key)
        known.key.check(None, self._clock())

    def meter(self, key: UUID, service: str, model: str, **amounts: float) -> None:
        """Counts what a key has used; never waits."""
        self._meter.add(key, service, model, amounts)

    async def _look_up(self, key: str) -> _Known:
        digest = keys.digest(key)
        known = self._known.get(digest)
        if known is None:
            found = await asyncio.to_thread(keys.find, self._engine, digest)
            if found is None:
                raise Unauthenticated("This API key is not known. Check that it was copied in full.")
            if len(self._known) > STRANGERS:
                self._known.clear()
            known = self._known.setdefault(digest, _Known(found, {}, float("-inf")))
        if self._steady() - known.looked_at_s > LOOKED_UP_FOR_S:
            async with known.refreshing:
                if self._steady() - known.looked_at_s > LOOKED_UP_FOR_S:
                    await asyncio.to_thread(self._refresh, known, digest)
        return known

    def _refresh(self, known: _Known, digest: bytes) -> None:
        found = keys.find(self._engine, digest)
        if found is None:
            raise Unauthenticated("This API key has been deleted.")
        if found.requests_per_minute != known.key.requests_per_minute:
            known.bucket = None
        known.key = found
        if found.has_quotas:
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
        """A quota may be passed by the request that uses it up; the next one is refused."""
        key = known.key
        if not key.has_quotas:
            return
        pending = self._meter.pending(key.id)

        def used(*measures: str) -> float:
            return sum(known.used.get(measure, 0.0) + pending.get(measure, 0.0) for measure in measures)

        tokens, audio_s, size_bytes = used("prompt_tokens", "completion_tokens"), used("audio_s"), used("bytes")
        if key.tokens_per_day is not None and tokens >= key.tokens_per_day:
            self._refuse(f"{tokens:,.0f} of its {key.tokens_per_day:,} tokens")
        if key.audio_s_per_day is not None and audio_s >= key.audio_s_per_day:
            self._refuse(f"{audio_s / 60:,.0f} of its {key.audio_s_per_day / 60:,.0f} minutes")
        if key.bytes_per_day is not None and size_bytes >= key.bytes_per_day:
            self._refuse(f"{size_bytes / GB:,.2f} of its {key.bytes_per_day / GB:,.2f} GB")

    def _refuse(self, what: str) -> None:
        now = self._clock()
        until_midnight_s = 86_400.0 - (now.hour * 3600 + now.minute * 60 + now.second)
        raise TooManyRequests(f"This key has used {what} today (UTC).", until_midnight_s)

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await asyncio.to_thread(self._meter.flush)
