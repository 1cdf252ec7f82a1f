"""Memory for what an Ollama on this host's card loads: it never asks, so the brick asks the broker for it.

While requests are under way for a model, one working lease is held for them all: it brings the memory of the weights
along and takes one slot of the card, since the server works on them in one batch. The weights stay under their own
lease until the broker wants them back; requests that come then wait until the model has left and there is room again.

What the server holds without such a lease, as after a restart of the brick, is asked to leave: nobody else could.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from brickyard.bricks.background import Background
from brickyard.engines.profiles import LLM_27B
from brickyard.gpu.client import BrokerClient, HeldLease
from brickyard.gpu.lease import Model, PriorityClass
from brickyard.kit.errors import BrickyardError, Unavailable
from brickyard.kit.logs import get

log = get(__name__)

CARD = "cuda:0"
TENANT = "llm"
ASSUMED_CONTEXT_TOKENS = 8192
GONE_WITHIN_S = 15.0
LOOKS_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a model before it is loaded, or from when it was: `held_mib` of the card, all included."""

    files_mib: int
    context_tokens: int | None = None
    held_mib: int | None = None

    def needs_mib(self) -> int:
        """The files, and room for the context in proportion to the language model whose figures are known."""
        if self.held_mib:
            return self.held_mib
        thousands = -(-(self.context_tokens or ASSUMED_CONTEXT_TOKENS) // 1000)
        context_mib = LLM_27B.working_at(thousands) * self.files_mib // LLM_27B.weights_mib
        return max(1, self.files_mib + LLM_27B.context_mib + context_mib)


@dataclass(eq=False)
class _Sitting:
    priority: PriorityClass
    granted: asyncio.Future[HeldLease]
    task: asyncio.Task[None] | None = None
    users: int = 0
    closing: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def takes_more(self) -> bool:
        if self.closing:
            return False
        if not self.granted.done():
            return True
        if self.granted.cancelled() or self.granted.exception() is not None:
            return False
        lease = self.granted.result()
        return not (lease.wanted_back.is_set() or lease.lost.is_set())


@dataclass(eq=False)
class _Resident:
    """Weights that a lease was granted for. `is_there`: the server has loaded them; `used_at`: when the last request
    ended."""

    is_there: bool = False
    used_at: float = 0.0


class Sittings:
    """`unload` asks the server to let go of a model, `holds` what it holds by now, in MiB by model."""

    def __init__(
        self,
        broker: BrokerClient,
        figures: Callable[[str], Figures],
        unload: Callable[[str], Awaitable[None]],
        holds: Callable[[], Awaitable[Mapping[str, int]]],
        pinned: frozenset[str] = frozenset(),
    ) -> None:
        self._broker = broker
        self._figures = figures
        self._unload = unload
        self._holds = holds
        self._pinned = pinned
        self._open: dict[str, _Sitting] = {}
        self._residents: dict[str, _Resident] = {}
        self._reload_s: dict[str, float] = {}
        self._leaving: set[str] = set()
        self._has_card: bool | None = None
        self._background = Background()
        broker.on_evict = self._evict

    async def close(self) -> None:
        await self._background.close()
        tasks = [sitting.task for sitting in self._open.values() if sitting.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._broker.close()

    @asynccontextmanager
    async def at(self, model: str, priority: PriorityClass) -> AsyncIterator[Callable[[], None]]:
        """While a request for the model is under way; what is given is to be called when its answer begins.

        Raises what BrokerClient.lease does.
        """
        if not await self.has_card():
            yield lambda: None
            return
        sitting = await self._join(model, priority)
        try:
            lease = await asyncio.shield(sitting.granted)
            began = time.monotonic()
            yield lambda: self._has_begun(model, lease, time.monotonic() - began)
        finally:
            self._part(model, sitting)

    async def look(self, held_mib: Mapping[str, int], as_of: float) -> None:
        """Compares what the server holds of the card with what there are leases for, and tells the broker. `as_of`:
        when the server was asked, by time.monotonic()."""
        if not await self.has_card():
            return
        for model in [name for name, one in self._residents.items() if name not in held_mib and one.used_at < as_of]:
            if model not in self._open and model not in self._leaving:
                del self._residents[model]
                await self._broker.unloaded(model)
        for model, mib in held_mib.items():
            if model in self._residents:
                self._residents[model].is_there = True
            elif mib and model not in self._leaving:
                log.info("a model was loaded without a lease, and is unloaded", model=model, memory_mib=mib)
                await self._unload(model)
        # What is still being loaded is not reported: until then it counts twice, which is the safe side.
        there = {model for model, one in self._residents.items() if one.is_there}
        leased_mib = sum(mib for model, mib in held_mib.items() if model in there)
        await self._broker.report(CARD, leased_mib, leased_mib)

    async def has_card(self) -> bool:
        """RAM is not leased here: the broker can't tell the server's from that of others."""
        if self._has_card is None:
            status = await self._broker.status()
            self._has_card = any(device["name"] == CARD for device in status["devices"])
        return self._has_card

    async def _join(self, model: str, priority: PriorityClass) -> _Sitting:
        while (sitting := self._open.get(model)) and not sitting.takes_more():
            await sitting.ended.wait()
        if sitting is None:
            sitting = self._open[model] = _Sitting(priority, asyncio.get_running_loop().create_future())
            self._begin(model, sitting)
        elif not sitting.granted.done() and priority.rank > sitting.priority.rank and sitting.task:
            # The lease is waited for in the class of the most urgent of those who wait.
            sitting.priority = priority
            waited_for = sitting.task
            self._begin(model, sitting)
            waited_for.cancel()
        sitting.users += 1
        return sitting

    def _begin(self, model: str, sitting: _Sitting) -> None:
        sitting.task = asyncio.create_task(self._hold(model, sitting))
        sitting.task.add_done_callback(lambda task: self._end(model, sitting, task))

    def _end(self, model: str, sitting: _Sitting, task: asyncio.Task[None]) -> None:
        """Not where another task has taken over."""
        if sitting.task is task:
            self._open.pop(model, None)
            sitting.ended.set()

    async def _hold(self, model: str, sitting: _Sitting) -> None:
        try:
            async with self._broker.lease(
                memory_mib=0, priority=sitting.priority, tenant=TENANT, device=CARD, model=self._model(model)
            ) as lease:
                self._residents.setdefault(model, _Resident())
                sitting.granted.set_result(lease)
                await sitting.over.wait()
        except BrickyardError as error:
            sitting.granted.set_exception(error)
            sitting.granted.exception()  # those who wait for it are told; there may be none any more

    def _part(self, model: str, sitting: _Sitting) -> None:
        sitting.users -= 1
        if sitting.users:
            return
        if resident := self._residents.get(model):
            resident.used_at = time.monotonic()
        sitting.closing = True
        sitting.over.set()
        if not sitting.granted.done() and sitting.task:
            sitting.task.cancel()

    def _has_begun(self, model: str, lease: HeldLease, took_s: float) -> None:
        resident = self._residents.get(model)
        if not lease.load or resident is None or resident.is_there:
            return
        self._reload_s[model], resident.is_there = took_s, True
        self._background.start("the broker was not told that a model is loaded", self._tell(model))

    async def _tell(self, model: str) -> None:
        await self._broker.loaded(model)
        as_of = time.monotonic()
        await self.look(await self._holds(), as_of)

    def _model(self, model: str) -> Model:
        return Model(model, self._figures(model).needs_mib(), self._reload_s.get(model, 0.0), model in self._pinned)

    async def _evict(self, model: str) -> None:
        """The broker wants the memory: nobody new sits down, and the last one to leave turns off the light."""
        if model in self._leaving:
            await asyncio.Event().wait()  # asked twice, it is told once: by the first
        self._leaving.add(model)
        try:
            if sitting := self._open.get(model):
                sitting.closing = True
                await sitting.ended.wait()
            await self._let_go(model)
            self._residents.pop(model, None)
        finally:
            self._leaving.discard(model)
        log.info("model unloaded", model=model)

    async def _let_go(self, model: str) -> None:
        """Until the server says that it has; its memory may come back a little later than its word."""
        with suppress(Unavailable, TimeoutError):  # a server that is away holds nothing
            async with asyncio.timeout(GONE_WITHIN_S):
                await self._unload(model)
                while model in await self._holds():  # noqa: ASYNC110  nothing tells when it has
                    await asyncio.sleep(LOOKS_EVERY_S)
