from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.lease import LeaseKind, Model, PriorityClass
from brickyard.kit.errors import LeaseLost, TooLarge, Unavailable
from tests.unit.gpu.running import broker, status_when, until


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "broker.sock"


async def held(client: BrokerClient) -> list[int]:
    return [lease["memory_mib"] for lease in (await client.status())["leases"]]


def test_a_lease_is_held_for_as_long_as_the_block(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client:
            async with client.lease(memory_mib=300) as lease:
                assert (lease.device, lease.memory_mib) == ("gpu", 300)
                lease.check()
                assert await held(client) == [300]
            assert await held(client) == []
            with pytest.raises(KeyError):
                async with client.lease(memory_mib=300):
                    raise KeyError("the work failed")
            assert await held(client) == []

    asyncio.run(scenario())


def test_the_device_can_be_chosen(socket_path: Path) -> None:
    async def scenario() -> str:
        devices = SimulatedDevice("gpu0", 100), SimulatedDevice("gpu1", 100)
        async with (
            broker(socket_path, *devices),
            BrokerClient(socket_path) as client,
            client.lease(memory_mib=10, device="gpu1") as lease,
        ):
            return lease.device

    assert asyncio.run(scenario()) == "gpu1"


def test_the_higher_class_is_served_first(socket_path: Path) -> None:
    served: list[PriorityClass] = []

    async def take(client: BrokerClient, priority: PriorityClass) -> None:
        async with client.lease(memory_mib=1000, priority=priority):
            served.append(priority)

    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client:
            async with client.lease(memory_mib=1000):
                tasks = [asyncio.create_task(take(client, priority)) for priority in reversed(PriorityClass)]
                await status_when(client, leases=1, waiting=3)
            await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert served == list(PriorityClass)


def test_too_large_is_refused_at_once(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client, client.lease(memory_mib=1001):
            pass

    with pytest.raises(TooLarge, match="1000 MiB in all"):
        asyncio.run(scenario())


def test_one_who_is_cancelled_while_waiting_leaves_the_line(socket_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        async with broker(socket_path), BrokerClient(socket_path) as client, client.lease(memory_mib=1000):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), client.lease(memory_mib=500):
                    pass
            return await client.status()

    seen = asyncio.run(scenario())
    assert seen["waiting"] == []
    assert len(seen["leases"]) == 1


def test_without_a_broker_it_is_unavailable(socket_path: Path) -> None:
    async def scenario() -> None:
        async with BrokerClient(socket_path, patience_s=0.1) as client, client.lease(memory_mib=1):
            pass

    with pytest.raises(Unavailable, match=r"broker\.sock"):
        asyncio.run(scenario())


def test_a_broker_that_comes_late_is_waited_for(socket_path: Path) -> None:
    async def scenario() -> None:
        async with BrokerClient(socket_path) as client:
            asked = asyncio.create_task(client.status())
            await asyncio.sleep(0.1)
            async with broker(socket_path):
                assert (await asyncio.wait_for(asked, 5))["leases"] == []

    asyncio.run(scenario())


def test_after_a_restart_the_broker_knows_what_is_held_and_who_waits(socket_path: Path) -> None:
    async def scenario() -> None:
        async with BrokerClient(socket_path) as client:
            async with broker(socket_path):
                stack = client.lease(memory_mib=700, kind=LeaseKind.RESIDENT)
                lease = await stack.__aenter__()
                waiting = client.lease(memory_mib=500)
                task = asyncio.create_task(waiting.__aenter__())
                await status_when(client, leases=1, waiting=1)
            async with broker(socket_path, settles_s=0.2):
                seen = await client.status()
                assert [lease["memory_mib"] for lease in seen["leases"]] == [700]
                assert [request["memory_mib"] for request in seen["waiting"]] == [500]
                lease.check()
                await stack.__aexit__(None, None, None)
                await asyncio.wait_for(task, 5)
                assert await held(client) == [500]
                await waiting.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_a_lease_that_the_new_broker_has_no_room_for_is_lost(socket_path: Path) -> None:
    async def scenario() -> None:
        async with BrokerClient(socket_path) as client:
            async with broker(socket_path):
                stack = client.lease(memory_mib=700, kind=LeaseKind.RESIDENT)
                lease = await stack.__aenter__()
            async with broker(socket_path, SimulatedDevice("gpu", 600)):
                await asyncio.wait_for(lease.lost.wait(), 5)
                with pytest.raises(LeaseLost, match="700 MiB of gpu"):
                    lease.check()
                await stack.__aexit__(None, None, None)
                assert await held(client) == []

    asyncio.run(scenario())


def test_closing_gives_everything_back(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as other:
            client = BrokerClient(socket_path)
            stack = client.lease(memory_mib=700)
            await stack.__aenter__()
            await client.close()
            await status_when(other, leases=0)
            await stack.__aexit__(None, None, None)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_after_a_restart_the_broker_knows_the_weights_too(socket_path: Path) -> None:
    unloaded: list[str] = []

    async def unload(model: str) -> None:
        unloaded.append(model)

    async def scenario() -> None:
        async with BrokerClient(socket_path, on_evict=unload) as client:
            async with broker(socket_path):
                assert await client.load(Model("turbo", 700))
                assert not await client.load(Model("turbo", 700))
            async with broker(socket_path):
                seen = await status_when(client, leases=1)
                assert [weights["model"] for weights in seen["weights"]] == ["turbo"]
                async with client.lease(memory_mib=100, model=Model("turbo", 700)) as lease:
                    assert not lease.load
            assert unloaded == []
            async with broker(socket_path, SimulatedDevice("gpu", 600)):
                await until(lambda: unloaded == ["turbo"])
                assert (await client.status())["weights"] == []

    asyncio.run(asyncio.wait_for(scenario(), 15))


def test_weights_given_back_by_the_process_itself_are_free(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client:
            await client.load(Model("turbo", 700))
            await client.unloaded("turbo")
            async with client.lease(memory_mib=1000):
                pass

    asyncio.run(asyncio.wait_for(scenario(), 10))
