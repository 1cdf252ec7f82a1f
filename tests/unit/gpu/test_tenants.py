"""Ollama is a stand-in that answers as its API is documented; the broker is real."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi.responses import PlainTextResponse

from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.lease import PriorityClass
from brickyard.gpu.ollama import Ollama
from brickyard.gpu.tenants import OllamaTenant
from tests.unit.gpu.running import broker
from tests.unit.gpu.test_ollama import FakeOllama, entry, served

GIB = 1 << 30
_BROKEN = PlainTextResponse("bad gateway", status_code=502)


class Card(SimulatedDevice):
    """Its memory is used by what Ollama has loaded."""

    def __init__(self, ollama: FakeOllama) -> None:
        super().__init__("gpu", 10_000)
        self._ollama = ollama

    @property
    def used_mib(self) -> int:
        return sum(model["size_vram"] >> 20 for model in self._ollama.models)


def test_ollama_gives_back_what_somebody_needs_and_nobody_uses(tmp_path: Path) -> None:
    fake = FakeOllama(models=[entry("gemma3:27b", 8 * GIB, 8 * GIB), entry("tiny", 0, GIB)])

    async def scenario(url: str) -> None:
        path = tmp_path / "broker.sock"
        async with Ollama(url) as ollama:
            tenant = OllamaTenant(ollama, "gpu")
            async with broker(path, Card(fake), watches=[tenant.watch]), BrokerClient(path) as client:
                (weights,) = (await _status_with_weights(client))["weights"]
                assert (weights["model"], weights["holder"], weights["memory_mib"]) == ("gemma3:27b", "ollama", 8192)
                async with client.lease(memory_mib=5000, priority=PriorityClass.INTERACTIVE):
                    assert [model["name"] for model in fake.models] == ["tiny"]

    with served(fake.app()) as url:
        asyncio.run(asyncio.wait_for(scenario(url), 20))


def test_a_server_that_goes_away_holds_nothing(tmp_path: Path) -> None:
    fake = FakeOllama(models=[entry("gemma3:27b", 8 * GIB, 8 * GIB)])

    async def scenario(url: str) -> None:
        path = tmp_path / "broker.sock"
        async with Ollama(url) as ollama:
            tenant = OllamaTenant(ollama, "gpu")
            async with broker(path, Card(fake), watches=[tenant.watch]), BrokerClient(path) as client:
                await _status_with_weights(client)
                fake.instead = _BROKEN
                for _ in range(400):
                    if not (await client.status())["weights"]:
                        return
                    await asyncio.sleep(0.02)
                raise AssertionError("its weights are still in the books")

    with served(fake.app()) as url:
        asyncio.run(asyncio.wait_for(scenario(url), 20))


async def _status_with_weights(client: BrokerClient) -> dict[str, list[dict[str, object]]]:
    for _ in range(400):
        seen = await client.status()
        if seen["weights"]:
            return seen
        await asyncio.sleep(0.02)
    raise AssertionError("the broker never learned what Ollama has loaded")
