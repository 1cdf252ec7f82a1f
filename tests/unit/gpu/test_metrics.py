from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from brickyard.gpu.client import BrokerClient
from brickyard.gpu.lease import Model, PriorityClass
from brickyard.gpu.metrics import BrokerCollector
from brickyard.kit.errors import Unavailable
from tests.unit.gpu.running import broker, status_when


def scraped(collector: BrokerCollector) -> dict[str, dict[tuple[str, ...], float]]:
    """By the name of the sample, then by the values of its labels in the order of their names."""
    registry = CollectorRegistry()
    registry.register(collector)
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_a_real_brokers_status_becomes_metrics(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        path = tmp_path / "broker.sock"
        async with broker(path), BrokerClient(path, "asr") as client:
            async with client.lease(memory_mib=100, model=Model("turbo", 500), priority=PriorityClass.BATCH):
                waiting = asyncio.create_task(_wait(client))
                seen = await status_when(client, leases=2, waiting=1)
                await client.oom("gpu", "turbo", 8, "halve batch")
                seen = await client.status()
                waiting.cancel()
            return seen

    async def _wait(client: BrokerClient) -> None:
        async with client.lease(memory_mib=500, priority=PriorityClass.INTERACTIVE):
            pass

    seen = asyncio.run(scenario())
    found = scraped(BrokerCollector(lambda: seen))
    memory = found["brickyard_device_memory_bytes"]
    assert memory["gpu", "resident"] == 500 << 20
    assert memory["gpu", "working"] == 100 << 20
    assert memory["gpu", "free"] == 400 << 20
    assert found["brickyard_device_chunks_computing"]["gpu",] == 1
    assert found["brickyard_lease_requests_waiting"]["interactive", "gpu"] == 1
    assert found["brickyard_lease_requests_waiting"]["batch", "gpu"] == 0
    assert found["brickyard_model_loaded_bytes"]["gpu", "turbo"] == 500 << 20
    assert found["brickyard_out_of_memory_total"]["halve batch",] == 1
    assert found["brickyard_leases_granted_total"][()] == 2
    assert found["brickyard_broker_up"][()] == 1


def test_a_broker_that_is_away_is_told_as_such() -> None:
    def away() -> dict[str, Any]:
        raise Unavailable("The broker does not answer.")

    assert scraped(BrokerCollector(away)) == {"brickyard_broker_up": {(): 0.0}}
