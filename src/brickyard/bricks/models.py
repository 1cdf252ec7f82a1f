"""Which models a brick has loaded, who computes with them, and letting go of them once nobody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from brickyard.engines.base import Engine
from brickyard.gpu.lease import Model

E = TypeVar("E", bound=Engine)

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs something in a computing thread and waits for it."""


@dataclass(frozen=True, slots=True)
class Offer(Generic[E]):
    """A model that a brick can load, and what it takes of `device`, as the broker names that.

    `weights_mib` is held while it is loaded, `working_mib` says what a chunk adds at a batch size. `context_mib` is
    what the process has of a CPU's memory whether anything is loaded or not. `batch`: the size to use where there is
    room. `reload_s`: how long loading took where that was measured before; 0 where nobody knows.
    """

    name: str
    device: str
    load: Callable[[], E]
    weights_mib: int
    working_mib: Callable[[int], int]
    batches: tuple[int, ...] = (1,)
    batch: int = 1
    context_mib: int = 0
    reload_s: float = 0.0
    pinned: bool = False


@dataclass(eq=False)
class Residence(Generic[E]):
    """A model's place in this process, whether it is loaded now or not."""

    offer: Offer[E]
    reload_s: float
    engine: E | None = None
    users: int = 0
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the model is loaded or closed."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an engine computes that only one thread may call."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def model(self) -> Model:
        """As the broker is told of it."""
        offer = self.offer
        return Model(offer.name, offer.weights_mib, self.reload_s, offer.pinned)

    def load(self) -> E:
        """In a computing thread. What it loaded stays, even where nobody waits for it any more."""
        began = time.monotonic()
        self.engine = self.offer.load()
        self.reload_s = time.monotonic() - began
        return self.engine

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Meanwhile the model is not closed."""
        self.users += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.users -= 1
            if not self.users:
                self.idle.set()

    async def close(self, let_go: Callable[[E], Awaitable[Any]]) -> E | None:
        """The engine that was let go of, once nobody computed with it; None where none was loaded."""
        while True:
            if self.users:
                await self.idle.wait()
            async with self.changing:
                if self.users:
                    continue
                engine, self.engine = self.engine, None
                if engine is not None:
                    await let_go(engine)
                return engine


class Models:
    """Everything that this process has loaded or may load. Used in one event loop."""

    def __init__(self) -> None:
        self._residences: dict[str, Residence[Any]] = {}

    def residence(self, offer: Offer[E]) -> Residence[E]:
        return self._residences.setdefault(offer.name, Residence(offer, offer.reload_s))

    def find(self, name: str) -> Residence[Any] | None:
        return self._residences.get(name)

    def loaded(self, device: str | None = None) -> list[Residence[Any]]:
        return [
            residence
            for residence in self._residences.values()
            if residence.engine is not None and device in (None, residence.offer.device)
        ]

    async def drop_caches(self, device: str, in_thread: InThread, held: Residence[Any] | None = None) -> None:
        """Of every engine on the device. One that only one thread may call is waited for, unless its turn is `held` by
        the caller, who then waits for nobody: two that wait for each other's turn would wait for ever."""
        for residence in self.loaded(device):
            with residence.in_use():
                engine = residence.engine
                if engine is None:
                    continue
                if residence is held or engine.parallel:
                    await in_thread(engine.drop_caches)
                elif held is None or not residence.turn.locked():
                    async with residence.turn:
                        await in_thread(engine.drop_caches)

    def context_mib(self) -> int:
        """Of this process without any weights."""
        return max((residence.offer.context_mib for residence in self._residences.values()), default=0)
