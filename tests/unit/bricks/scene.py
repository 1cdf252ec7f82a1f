"""Bricks with stand-ins for engines, on one simulated device, beside a real broker; all in the test's own loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI, Request

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.batches import Learned
from brickyard.bricks.compute import Compute
from brickyard.bricks.models import Offer
from brickyard.bricks.recycling import Recycler
from brickyard.bricks.watchdog import Fragmentation
from brickyard.engines.base import Audio, Segment, SpeechRecognizer
from brickyard.engines.catalog import ModelCard
from brickyard.engines.fake import FakeMemory, FakeRecognizer
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.devices.simulated import Heap
from brickyard.media import pcm

ENGLISH = ModelCard("tiny", "asr", "fake", frozenset({"en"}), "MIT", "test")
GERMAN = ModelCard("large", "asr", "fake", frozenset({"de"}), "MIT", "test")
SIZES = (1, 2, 4, 8)


def write_sound(path: Path) -> Path:
    """Ten seconds at level 0.1, ten at level 0.5; two channels, the second silent."""
    levels = np.repeat([0.1, 0.5], 10 * pcm.SAMPLE_RATE)
    samples = np.stack([levels, np.zeros_like(levels)], axis=1)
    path.write_bytes(pcm.header(2, len(levels)) + (samples * 32768).astype("<i2").tobytes())
    return path


def chunk(sound: Path, start: float, end: float, *spans: tuple[float, float], **values: Any) -> dict[str, Any]:
    return {"audio": str(sound), "start": start, "end": end, "spans": spans, **values}


def gone() -> Request:
    """A request whose caller has hung up."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def waiting() -> Request:
    """A request whose caller still waits for the answer."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def offer(
    name: str = "tiny", load: Callable[[], Any] = FakeRecognizer, device: str = "gpu", **values: Any
) -> Offer[Any]:
    """One that takes next to nothing, unless `values` say so."""
    values = {"weights_mib": 1, "working_mib": lambda batch: batch, "batches": SIZES, "batch": 8, **values}
    return Offer(name, device, load, **values)


class Gated(FakeRecognizer):
    """Computes only once the gate is open, and notes the length of what it computed."""

    def __init__(self, gate: threading.Event, said: list[str], memory_of: FakeMemory | None = None) -> None:
        super().__init__(memory_of=memory_of)
        self._gate = gate
        self._said = said

    def transcribe(
        self, audio: Audio, spans: Any, language: str | None, batch: int = 1, *, careful: bool = False
    ) -> list[Segment]:
        assert self._gate.wait(20)
        self._said.append(f"{spans[0].duration:.1f}")
        return super().transcribe(audio, spans, language, batch)


class Scene:
    """One simulated device, on which all bricks of this process share a heap."""

    def __init__(self, folder: Path, size_mib: int = 1000, *, segment_mib: int = 1) -> None:
        self.socket = folder / "broker.sock"
        self.sound = write_sound(folder / "audio.wav")
        self.folder = folder
        self.device = SimulatedDevice("gpu", size_mib, segment_mib=segment_mib)
        self.heap: Heap = self.device.open(os.getpid())
        self.loaded: list[str] = []
        self.engines: list[FakeRecognizer] = []
        self.recycled: list[str] = []

    def offer(self, card: ModelCard, weights_mib: int, working_mib: int, **values: Any) -> Offer[SpeechRecognizer]:
        """`working_mib` for each of a batch; a chunk really takes `takes_mib` of each, where that is more."""
        takes_mib = values.pop("takes_mib", working_mib)
        leak_mib = values.pop("leak_mib", 0)
        frees_memory = values.pop("frees_memory", True)

        def load() -> SpeechRecognizer:
            memory = FakeMemory(self.heap, weights_mib, takes_mib, leak_mib)
            engine = FakeRecognizer(card.languages, memory_of=memory)
            engine.frees_memory = frees_memory
            self.loaded.append(card.name)
            self.engines.append(engine)
            return engine

        return offer(card.name, load, weights_mib=weights_mib, working_mib=lambda batch: batch * working_mib, **values)

    @asynccontextmanager
    async def brick(
        self,
        *offers: Offer[SpeechRecognizer],
        name: str = "asr",
        calls: int = 1,
        warm: bool = False,
        tolerated: Fragmentation | None = None,
        learned: Path | None = None,
    ) -> AsyncIterator[httpx.AsyncClient]:
        """An `asr` brick that has these to offer, each for the language of the card of that name."""
        cards = [next(card for card in (ENGLISH, GERMAN) if card.name == each.name) for each in offers]
        by_name = {each.name: each for each in offers}
        compute = Compute(
            name,
            BrokerClient(self.socket, name),
            calls,
            learned=Learned(learned),
            recycler=Recycler(name, lambda: self.recycled.append(name), steady_after_s=0.0),
            tolerated=tolerated,
        )
        app = AsrBrick(cards, lambda card: by_name[card.name], compute).app()
        if not warm:
            app = without_warming(app, compute)
        async with serving(app) as client:
            yield client

    async def ask(self, client: httpx.AsyncClient, length_s: float = 1.0, language: str = "en", **values: Any) -> Any:
        """One chunk; the whole reply."""
        body = chunk(self.sound, 0, 1, (0, length_s), language=language, **values)
        return await client.post("/transcribe", json=body)


def without_warming(app: FastAPI, compute: Compute) -> FastAPI:
    app.router.lifespan_context = lambda _: compute.running()
    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://brick", timeout=30) as client,
    ):
        yield client
