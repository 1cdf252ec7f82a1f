"""How a brick computes: each chunk in a thread, under a lease that brings its model's memory along.

The broker decides whose chunk is next, over all bricks of the host, so that classes and fair shares hold for every
one of them; chunks that wait here wait in its line. Without a broker, as in tests, they are served as they come.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request

from brickyard.bricks.background import Background
from brickyard.bricks.batches import Learned
from brickyard.bricks.hangup import gone_away
from brickyard.bricks.models import E, Models, Offer, Residence
from brickyard.bricks.recycling import Recycler
from brickyard.bricks.rescue import Rescue
from brickyard.bricks.watchdog import CPU, Fragmentation, Holdings
from brickyard.engines.base import Engine
from brickyard.gpu.client import BrokerClient, HeldLease
from brickyard.gpu.lease import LeaseKind, PriorityClass
from brickyard.kit.logs import get

R = TypeVar("R")

LOOKS_EVERY_S = 1.0
LEFT_OVER_MIB = 64
"""A model that leaves this much behind in RAM, or half of its weights, has not given its memory back."""

log = get(__name__)


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Computed(Generic[R]):
    """`computed_s`: how long the computing itself took, without any waiting."""

    result: R
    computed_s: float


class Compute:
    """The computing threads of a brick, its models and its leases. `calls`: chunks computed at once."""

    def __init__(
        self,
        brick: str,
        broker: BrokerClient | None = None,
        calls: int = 1,
        *,
        learned: Learned | None = None,
        recycler: Recycler | None = None,
        tolerated: Fragmentation | None = None,
        resident_mib: Callable[[], int] | None = None,
    ) -> None:
        self.brick = brick
        self.models = Models()
        self._broker = broker
        self._turn = asyncio.Semaphore(calls)
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix=f"{brick}-compute")
        self._beside = ThreadPoolExecutor(1, thread_name_prefix=f"{brick}-beside")
        self._learned = learned or Learned()
        self._recycler = recycler or Recycler(brick)
        self._tolerated = tolerated or Fragmentation()
        self._holdings = Holdings(self.models, resident_mib) if resident_mib else Holdings(self.models)
        self._background = Background()
        self._beside_now = 0
        self._looked_at: dict[str, float] = {}
        self._rescue = Rescue(
            brick,
            broker,
            self.models,
            self._holdings,
            self._learned,
            self._recycler,
            self._tolerated,
            self._background,
            self._in_thread,
        )
        if broker is not None:
            broker.at_once = calls
            broker.on_evict = self._evict

    @asynccontextmanager
    async def running(self, first: Sequence[Offer[Any]] = ()) -> AsyncIterator[None]:
        """While the brick serves. `first`: models to load before anybody asks, as soon as there is room for them."""
        for offer in first:
            self._background.start("model is not loaded yet; its first chunk will load it", self._warm(offer))
        try:
            yield
        finally:
            await self._background.close()
            for residence in self.models.loaded():
                await residence.close(self._let_go)
            if self._broker is not None:
                await self._broker.close()

    async def run_chunk(
        self, request: Request, offer: Offer[E], priority: str, user: str, work: Callable[[E, int], R]
    ) -> Computed[R]:
        """`work`, given the engine and a batch size, in its turn. Raises CallerGone where nobody waits any more."""
        gone = asyncio.create_task(gone_away(request.receive))
        chunk = asyncio.create_task(self._chunk(offer, PriorityClass(priority), user, work, gone))
        try:
            await asyncio.wait({gone, chunk}, return_when=asyncio.FIRST_COMPLETED)
            if not chunk.done():
                raise CallerGone
            return chunk.result()
        finally:
            gone.cancel()
            chunk.cancel()
            await asyncio.wait({gone, chunk})
            if not chunk.cancelled():
                chunk.exception()  # it was raised above, or nobody is there to hear of it

    async def run_beside(self, call: Callable[[], R]) -> Computed[R]:
        """Something that needs neither weights nor the device, beside the chunks, one at a time."""
        async with self._recycler.computing():
            self._beside_now += 1
            try:
                return await _ended(self._beside, functools.partial(_timed, call))
            finally:
                self._beside_now -= 1

    async def _chunk(
        self,
        offer: Offer[E],
        priority: PriorityClass,
        user: str,
        work: Callable[[E, int], R],
        gone: asyncio.Task[None],
    ) -> Computed[R]:
        residence = self.models.residence(offer)
        batch = self._learned.size(offer.name, offer.device, offer.batches, offer.batch)
        working_mib = offer.working_mib(batch)
        try:
            # Nothing may come between the lease and `in_use`, or the broker could ask for the model in that moment.
            async with self._lease(residence, working_mib, priority, user) as lease:
                with residence.in_use(), self._holdings.working(offer.device, working_mib):
                    async with self._recycler.computing():
                        if gone.done():
                            raise CallerGone
                        # A chunk that ran out of memory while this one waited has shown what is too large for it too.
                        safe = self._learned.size(offer.name, offer.device, offer.batches, batch)
                        return await self._computed(residence, lease, safe, work)
        finally:
            self._look_after(offer.device)

    async def _computed(
        self, residence: Residence[E], lease: HeldLease, batch: int, work: Callable[[E, int], R]
    ) -> Computed[R]:
        engine = await self._engine(residence, lease)
        async with nullcontext() if engine.parallel else residence.turn:
            return await self._rescue.compute(
                residence,
                lease,
                batch,
                lambda size: self._in_thread(functools.partial(_timed, functools.partial(work, engine, size))),
            )

    async def _engine(self, residence: Residence[E], lease: HeldLease | None) -> E:
        """Loaded, whoever needed it first. Our own state counts, not `lease.load`: one who was to load may be gone."""
        async with residence.changing:
            if residence.engine is not None:
                return residence.engine
            try:
                await self._rescue.load(residence, lease)
            finally:
                if residence.engine is None and residence.users == 1 and self._broker is not None:
                    unloaded = self._broker.unloaded(residence.offer.name)
                    self._background.start("the broker was not told that a model is not loaded", unloaded)
        if lease is not None and self._broker is not None:
            loaded = self._broker.loaded(residence.offer.name)
            self._background.start("the broker was not told that a model is loaded", loaded)
        assert residence.engine is not None
        log.info("model loaded", model=residence.offer.name, seconds=round(residence.reload_s, 3))
        return residence.engine

    async def _warm(self, offer: Offer[Any]) -> None:
        """Takes what room there is, and pushes nobody out unless the model is pinned."""
        residence = self.models.residence(offer)
        if self._broker is not None:
            await self._broker.load(residence.model, PriorityClass.BATCH, tenant=self.brick)
        with residence.in_use():
            async with self._recycler.computing():
                await self._engine(residence, None)

    def _lease(
        self, residence: Residence[Any], memory_mib: int, priority: PriorityClass, user: str
    ) -> AbstractAsyncContextManager[HeldLease]:
        if self._broker is None:
            return self._in_turn(residence.offer.device, memory_mib)
        return self._broker.lease(
            memory_mib=memory_mib,
            priority=priority,
            kind=LeaseKind.WORKING,
            tenant=self.brick,
            user=user,
            device=residence.offer.device,
            model=residence.model,
        )

    @asynccontextmanager
    async def _in_turn(self, device: str, memory_mib: int) -> AsyncIterator[HeldLease]:
        async with self._turn:
            yield HeldLease(device, memory_mib)

    # ---- giving back

    async def _evict(self, name: str) -> None:
        """The broker asks for the memory of a model. Where only the end of the process gives it back, that comes."""
        residence = self.models.find(name)
        if residence is None:
            return
        is_back = True

        async def let_go(engine: Engine) -> None:
            nonlocal is_back
            before_mib = self._holdings.resident_mib()
            await self._let_go(engine)
            freed_mib = before_mib - self._holdings.resident_mib()
            is_back = engine.frees_memory and (residence.offer.device != CPU or _is_freed(residence.offer, freed_mib))

        if await residence.close(let_go) is None:
            return
        log.info("model unloaded", model=name)
        if not is_back and not self.models.loaded():
            await self._recycler.recycle("unloaded")

    async def _let_go(self, engine: Engine) -> None:
        await self._in_thread(engine.close)

    def _look_after(self, device: str) -> None:
        """Now and then, after a chunk."""
        now = time.monotonic()
        if now - self._looked_at.get(device, -LOOKS_EVERY_S) < LOOKS_EVERY_S:
            return
        self._looked_at[device] = now
        self._background.start("the broker was not told what this process holds", self._watch(device))

    async def _watch(self, device: str) -> None:
        if device == CPU and self._beside_now:
            return  # what that takes of the RAM is not known, and comes back soon
        use = self._holdings.use(device)
        if use is not None and self._tolerated.is_too_much(use):
            await self.models.drop_caches(device, self._in_thread)
            use = self._holdings.use(device)
        if use is None:
            return
        if self._tolerated.is_too_much(use) and not self._recycler.is_asked:
            log.warning("memory is held in fragments", device=device, held_mib=use.held_mib, unused_mib=use.unused_mib)
            self._background.start("recycling failed", self._recycler.recycle("fragmentation"))
        if self._broker is not None:
            await self._broker.report(device, use.held_mib, use.allocated_mib)

    async def _in_thread(self, call: Callable[[], R]) -> R:
        return await _ended(self._threads, call)


def _is_freed(offer: Offer[Any], freed_mib: int) -> bool:
    return offer.weights_mib - freed_mib <= max(LEFT_OVER_MIB, offer.weights_mib / 2)


async def _ended(threads: ThreadPoolExecutor, call: Callable[[], R]) -> R:
    """One who is cancelled meanwhile waits for the thread all the same: until then it uses what was leased for it."""
    running = asyncio.get_running_loop().run_in_executor(threads, call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        with suppress(asyncio.CancelledError):
            running.exception()
        raise


def _timed(call: Callable[[], R]) -> Computed[R]:
    began = time.perf_counter()
    result = call()
    return Computed(result, time.perf_counter() - began)
