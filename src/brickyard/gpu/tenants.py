"""Servers that load models without asking, kept in the broker's books: what they hold can be asked to leave."""

from __future__ import annotations

import asyncio

from brickyard.gpu.broker import Broker
from brickyard.gpu.lease import Model
from brickyard.gpu.ollama import LoadedModel, Ollama, used_since
from brickyard.kit.errors import Unavailable
from brickyard.kit.logs import get

log = get(__name__)

LOOKS_EVERY_S = 2.0


class OllamaTenant:
    """Its memory shows on `device` as used without a lease; the books learn which models that is.

    `name` is what the books call it.
    """

    def __init__(self, ollama: Ollama, device: str, name: str = "ollama") -> None:
        self._ollama = ollama
        self._device = device
        self._name = name
        self._seen: list[LoadedModel] = []
        self._is_there = True
        self._evictions: set[asyncio.Task[None]] = set()

    async def watch(self, broker: Broker) -> None:
        """Runs beside the broker until cancelled. A server that is away holds nothing."""
        broker.evictors[self._name] = self._begin_eviction
        while True:
            await self.look(broker)
            await asyncio.sleep(LOOKS_EVERY_S)

    async def look(self, broker: Broker) -> None:
        try:
            now = await self._ollama.loaded()
        except Unavailable as error:
            if self._is_there:
                log.warning("Ollama is not there", reason=error.message)
            self._is_there, now = False, []
        else:
            self._is_there = True
        models = {model.name: Model(model.name, model.vram_mib) for model in now if model.vram_mib > 0}
        broker.has_by_itself(self._name, self._device, models)
        for name in used_since(self._seen, now):
            broker.used_by_itself(self._name, name)
        self._seen = now

    def _begin_eviction(self, model: str) -> None:
        task = asyncio.create_task(self._evict(model))
        self._evictions.add(task)
        task.add_done_callback(self._evictions.discard)

    async def _evict(self, model: str) -> None:
        try:
            await self._ollama.evict(model)
        except Unavailable as error:
            log.warning("Ollama did not let go of a model", model=model, reason=error.message)
