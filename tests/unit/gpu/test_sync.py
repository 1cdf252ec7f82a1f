from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brickyard.gpu.sync import SyncBrokerClient
from brickyard.kit.errors import TooLarge
from tests.unit.gpu.running import broker


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[Path]:
    """A broker with one device of 1000 MiB, in a thread of its own."""
    path = tmp_path / "broker.sock"
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with broker(path):
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    while not path.exists():
        time.sleep(0.01)
    yield path
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def test_a_lease_lasts_as_long_as_the_block(socket_path: Path) -> None:
    with SyncBrokerClient(socket_path, "notebook") as client:
        with client.lease(memory_mib=300, user="anna") as lease:
            lease.check()
            assert lease.device == "gpu"
            (held,) = client.status()["leases"]
            assert (held["holder"], held["user"]) == ("notebook", "anna")
        assert client.status()["leases"] == []
        with pytest.raises(ZeroDivisionError), client.lease(memory_mib=300):
            _ = 1 / 0
        assert client.status()["leases"] == []


def test_errors_come_out_as_they_are(socket_path: Path) -> None:
    with SyncBrokerClient(socket_path) as client, pytest.raises(TooLarge), client.lease(memory_mib=1001):
        pass


def test_threads_wait_for_each_other(socket_path: Path) -> None:
    together: list[int] = []
    inside: list[int] = []

    def work(client: SyncBrokerClient) -> None:
        with client.lease(memory_mib=600):
            inside.append(1)
            together.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    with SyncBrokerClient(socket_path) as client:
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert together == [1] * 5


def test_closing_gives_everything_back(socket_path: Path) -> None:
    client = SyncBrokerClient(socket_path)
    with client.lease(memory_mib=900):
        client.close()
        with SyncBrokerClient(socket_path) as other, other.lease(memory_mib=900):
            pass
