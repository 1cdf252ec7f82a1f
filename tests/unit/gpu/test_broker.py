from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.lease import LeaseKind, PriorityClass
from brickyard.kit.errors import Conflict
from tests.unit.gpu.running import broker, holder, status_when, until


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
    assert seen["devices"] == [
        {
            "name": "gpu",
            "budget_mib": 1000,
            "resident_mib": 900,
            "working_mib": 0,
            "elsewhere_mib": 0,
            "free_mib": 100,
        }
    ]
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
        ({"id": 1, "do": "release"}, "lease is None"),
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
    assert granted == {"id": 2, "ok": {"device": "gpu", "memory_mib": 10}}


def test_a_line_without_end_closes_the_connection(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path), BrokerClient(socket_path) as other:
            client = await Plain.connected(socket_path)
            client.tell(b"x" * (3 << 20))
            with pytest.raises((AssertionError, ConnectionError)):
                assert not await client.ended()
            await other.status()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_only_one_broker_listens_and_a_dead_one_is_replaced(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path) as first:
            async with broker(socket_path) as second:
                await until(second.done)
                assert isinstance(second.exception(), Conflict)
            assert not first.done()

    async def leave_a_socket_behind() -> None:
        server = await asyncio.start_unix_server(lambda *_: None, path=socket_path)
        server.close()

    with pytest.raises(Conflict):
        asyncio.run(scenario())
    asyncio.run(leave_a_socket_behind())
    assert socket_path.exists()

    async def replaced() -> int:
        async with broker(socket_path), BrokerClient(socket_path) as client:
            await client.status()
            return stat.S_IMODE(socket_path.stat().st_mode)

    assert asyncio.run(replaced()) == 0o660
    assert not socket_path.exists()
