from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from brickyard.gpu.client import BrokerClient, Room
from brickyard.gpu.devices import SimulatedDevice, Usage
from brickyard.gpu.lease import LeaseKind, Model, PriorityClass
from brickyard.gpu.policy import Rules
from brickyard.kit.errors import LeaseLost, Unavailable
from tests.unit.gpu.running import broker, holder, status_when


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "broker.sock"


class Plain:
    """A client that sends whatever it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connected(cls, path: Path) -> Plain:
        return cls(*await asyncio.open_unix_connection(path))

    async def ask(self, line: bytes | dict[str, Any]) -> dict[str, Any]:
        self.tell(line)
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        return answer

    def tell(self, line: bytes | dict[str, Any]) -> None:
        self._writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    async def ended(self) -> bool:
        return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


def acquire(number: int, memory_mib: Any = 10, **more: Any) -> dict[str, Any]:
    message = {"id": number, "do": "acquire", "memory_mib": memory_mib, "priority": "standard", "kind": "working"}
    return {**message, **more}


def test_status_shows_devices_leases_and_who_waits(socket_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        async with broker(socket_path), BrokerClient(socket_path, holder="brick-asr") as client:
            big = client.lease(memory_mib=900, kind=LeaseKind.RESIDENT, tenant="anna")
            async with big:
                late = asyncio.create_task(_take(client, 200, PriorityClass.BATCH))
                soon = asyncio.create_task(_take(client, 300, PriorityClass.INTERACTIVE))
                seen = await status_when(client, leases=1, waiting=2)
                late.cancel()
                soon.cancel()
            return seen

    seen = asyncio.run(scenario())
    (device,) = seen["devices"]
    assert (device["budget_mib"], device["resident_mib"], device["working_mib"]) == (1000, 900, 0)
    assert (device["elsewhere_mib"], device["free_mib"], device["fragmented_mib"]) == (0, 100, 0)
    (lease,) = seen["leases"]
    assert (lease["holder"], lease["pid"], lease["tenant"]) == ("brick-asr", os.getpid(), "anna")
    assert (lease["kind"], lease["memory_mib"]) == ("resident", 900)
    assert [waiting["priority"] for waiting in seen["waiting"]] == ["interactive", "batch"]
    assert seen["totals"]["granted"] == 1


async def _take(client: BrokerClient, memory_mib: int, priority: PriorityClass) -> None:
    async with client.lease(memory_mib=memory_mib, priority=priority):
        pass


def test_a_killed_process_gives_back_at_once(socket_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        async with broker(socket_path), BrokerClient(socket_path) as client, holder(socket_path, 1000) as killed:
            waiting = asyncio.create_task(_take(client, 1000, PriorityClass.STANDARD))
            await status_when(client, leases=1, waiting=1)
            killed.kill()
            await asyncio.wait_for(waiting, 5)
            return await client.status()

    seen = asyncio.run(scenario())
    assert seen["leases"] == []
    assert seen["totals"]["dropped"] == 1


def test_who_hangs_up_while_waiting_is_forgotten(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client, client.lease(memory_mib=1000):
            gone = await Plain.connected(socket_path)
            gone.tell(acquire(1, 500))
            await status_when(client, leases=1, waiting=1)
            gone.close()
            await status_when(client, leases=1, waiting=0)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_memory_that_others_free_is_noticed_without_a_message(socket_path: Path) -> None:
    gpu = SimulatedDevice("gpu", 1000, elsewhere_mib=800)

    async def scenario() -> None:
        async with broker(socket_path, gpu), BrokerClient(socket_path) as client:
            waiting = asyncio.create_task(_take(client, 500, PriorityClass.STANDARD))
            await status_when(client, waiting=1)
            gpu.elsewhere_mib = 100
            await asyncio.wait_for(waiting, 5)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"hello\n", "not a JSON object"),
        (b"[1]\n", "not a JSON object"),
        ({"id": 1, "do": "dance"}, "can't do 'dance'"),
        (acquire(1, "many"), "memory_mib is 'many'"),
        (acquire(1, True), "memory_mib is True"),
        (acquire(1, -5), "ask for more than 0"),
        (acquire(1, priority="urgent"), "Classes: interactive, standard, batch"),
        (acquire(1, kind=None), "kinds: resident, working"),
        (acquire(1, waited_s=-1), "waited_s is -1"),
        (acquire(1, device="gpu7"), "no device gpu7"),
        (acquire(1, 1001), "1001 MiB were asked for; gpu has 1000 MiB"),
        (acquire(1, kind="notebook"), "needs a time limit"),
        (acquire(1, model="turbo"), "must be an object with a name"),
        (acquire(1, model={"name": "turbo", "weights_mib": 0}), "weights_mib is 0"),
        ({"id": 1, "do": "release"}, "lease is None"),
        ({"id": 1, "do": "make_room", "device": "gpu7", "memory_mib": 1}, "no device gpu7"),
    ],
)
def test_nonsense_is_answered_and_the_connection_lives(
    socket_path: Path, line: bytes | dict[str, Any], said: str
) -> None:
    async def scenario() -> tuple[dict[str, Any], dict[str, Any]]:
        async with broker(socket_path):
            client = await Plain.connected(socket_path)
            answers = await client.ask(line), await client.ask(acquire(2))
            client.close()
            return answers

    refused, granted = asyncio.run(scenario())
    assert said in refused["error"]["message"]
    assert granted["id"] == 2
    assert granted["ok"]["memory_mib"] == 10


def test_a_line_without_end_closes_the_connection(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as other:
            client = await Plain.connected(socket_path)
            client.tell(b"x" * (3 << 20))
            with pytest.raises((AssertionError, ConnectionError)):
                assert not await client.ended()
            await other.status()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_idle_weights_leave_when_another_holder_needs_the_room(socket_path: Path) -> None:
    unloaded: list[str] = []

    async def unload(model: str) -> None:
        unloaded.append(model)

    async def scenario() -> None:
        async with (
            broker(socket_path),
            BrokerClient(socket_path, "a", on_evict=unload) as first,
            BrokerClient(socket_path, "b", on_evict=unload) as second,
        ):
            async with first.lease(memory_mib=100, model=Model("small", 500)) as lease:
                assert lease.load
            async with second.lease(memory_mib=200, model=Model("large", 700)) as lease:
                assert lease.load
            seen = await first.status()
            assert [weights["model"] for weights in seen["weights"]] == ["large"]
            assert seen["totals"]["evicted"] == 1

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert unloaded == ["small"]


def test_weights_of_a_holder_that_cannot_unload_stay(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path, "a") as first, BrokerClient(socket_path) as second:
            async with first.lease(memory_mib=100, model=Model("small", 500)):
                pass
            waiting = asyncio.create_task(_take(second, 700, PriorityClass.INTERACTIVE))
            seen = await status_when(second, leases=1, waiting=1)
            assert [weights["pinned"] for weights in seen["weights"]] == [True]
            waiting.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_no_more_chunks_are_granted_than_a_holder_computes_at_once(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path, at_once=1) as client:
            async with client.lease(memory_mib=10):
                waiting = asyncio.create_task(_take(client, 10, PriorityClass.INTERACTIVE))
                await status_when(client, leases=1, waiting=1)
            await asyncio.wait_for(waiting, 5)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_long_lease_is_asked_to_yield_to_a_higher_class(socket_path: Path) -> None:
    async def scenario() -> None:
        rules = Rules(asks_after_s=0.0)
        async with broker(socket_path, rules=rules), BrokerClient(socket_path) as client:
            async with client.lease(memory_mib=900, priority=PriorityClass.BATCH) as lease:
                urgent = asyncio.create_task(_take(client, 500, PriorityClass.INTERACTIVE))
                await asyncio.wait_for(lease.wanted_back.wait(), 5)
                lease.check()
            await asyncio.wait_for(urgent, 5)

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_notebook_is_told_before_its_time_is_up_and_then_it_ends(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path, notebook_mib=600), BrokerClient(socket_path) as client:
            notebook = client.lease(memory_mib=600, kind=LeaseKind.NOTEBOOK, limit_s=1.2, notice_s=0.8, user="anna")
            async with notebook as lease:
                assert lease.ends_at is not None
                late = asyncio.create_task(_reserve(client, 100))
                await asyncio.wait_for(lease.wanted_back.wait(), 5)
                lease.check()
                await asyncio.wait_for(lease.lost.wait(), 5)
                with pytest.raises(LeaseLost, match="its time is up"):
                    lease.check()
                await asyncio.wait_for(late, 5)
            assert (await client.status())["totals"]["expired"] == 1

    asyncio.run(asyncio.wait_for(scenario(), 15))


async def _reserve(client: BrokerClient, memory_mib: int) -> None:
    async with client.lease(memory_mib=memory_mib, kind=LeaseKind.NOTEBOOK, limit_s=60):
        pass


def test_after_a_failed_allocation_others_make_room(socket_path: Path) -> None:
    async def unload(_: str) -> None:
        await asyncio.sleep(0.05)

    async def scenario() -> None:
        async with (
            broker(socket_path),
            BrokerClient(socket_path, "idle", on_evict=unload) as idle,
            BrokerClient(socket_path, "busy") as busy,
        ):
            async with idle.lease(memory_mib=10, model=Model("llm", 300)):
                pass
            async with busy.lease(memory_mib=100):
                await busy.oom("gpu", "turbo", batch=8, rung="halve batch")
                assert await busy.make_room("gpu", 200) == Room(freed_mib=300, others_mib=0)
                assert await busy.make_room("gpu", 200) == Room(freed_mib=0, others_mib=0)
            seen = await busy.status()
            assert [(oom["model"], oom["batch"], oom["rung"]) for oom in seen["ooms"]] == [("turbo", 8, "halve batch")]
            assert seen["totals"]["ooms"] == {"halve batch": 1}

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_what_a_process_took_and_does_not_use_is_shown(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as client, client.lease(memory_mib=500):
            await client.report("gpu", held_mib=450, allocated_mib=300)
            (device,) = (await client.status())["devices"]
            assert device["fragmented_mib"] == 150

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_device_that_cannot_be_read_is_not_promised(socket_path: Path) -> None:
    class Lost(SimulatedDevice):
        def usage(self, pids: Collection[int]) -> Usage:
            raise Unavailable("The card has fallen off the bus.")

    async def scenario() -> None:
        async with broker(socket_path, Lost("gpu", 1000)), BrokerClient(socket_path) as client:
            waiting = asyncio.create_task(_take(client, 10, PriorityClass.INTERACTIVE))
            await status_when(client, waiting=1)
            waiting.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_who_came_a_moment_ago_is_one_of_the_others_after_a_failed_allocation(socket_path: Path) -> None:
    gpu = SimulatedDevice("gpu", 1000)

    async def scenario() -> Room:
        async with broker(socket_path, gpu), BrokerClient(socket_path) as client, client.lease(memory_mib=100):
            gpu.elsewhere_mib = 850
            return await client.make_room("gpu", 200)

    assert asyncio.run(asyncio.wait_for(scenario(), 10)) == Room(freed_mib=0, others_mib=850)
