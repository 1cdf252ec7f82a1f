from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from brickyard.gpu.client import BrokerClient
from brickyard.kit.errors import BadInput, Conflict
from tests.unit.gpu.running import broker, status_when, until


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "broker.sock"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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


def test_over_tcp_the_token_is_asked_for(socket_path: Path) -> None:
    port = free_port()

    async def scenario() -> None:
        listens = broker(socket_path, tcp=("127.0.0.1", port), token="right")
        async with listens, BrokerClient(socket_path) as local:
            async with BrokerClient(f"127.0.0.1:{port}", "far", token="right") as far:
                async with far.lease(memory_mib=700):
                    (lease,) = (await local.status())["leases"]
                    assert (lease["holder"], lease["pid"]) == ("far", 0)
                taken = far.lease(memory_mib=700)
                await taken.__aenter__()
            await status_when(local, leases=0)
            for wrong in ("wrong", ""):
                async with BrokerClient(f"127.0.0.1:{port}", token=wrong) as stranger:
                    with pytest.raises(BadInput, match="token is wrong"):
                        await asyncio.wait_for(stranger.status(), 5)

    asyncio.run(asyncio.wait_for(scenario(), 15))


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The broker listens on its socket a moment before it does on TCP."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)


def test_a_stranger_who_skips_the_hello_gets_nothing(socket_path: Path) -> None:
    port = free_port()

    async def scenario() -> bytes:
        async with broker(socket_path, tcp=("127.0.0.1", port), token="right"):
            reader, writer = await connected(port)
            writer.write(b'{"id": 1, "do": "status"}\n{"id": 2, "do": "status"}\n')
            said = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return said

    said = asyncio.run(scenario())
    assert said.count(b"\n") == 1
    assert b"token" in said
    assert b"devices" not in said


def test_tcp_without_a_token_is_refused(socket_path: Path) -> None:
    async def scenario() -> None:
        async with broker(socket_path, tcp=("127.0.0.1", free_port())) as running:
            await until(running.done)
            raise running.exception() or AssertionError("it should not have started")

    with pytest.raises(BadInput, match="BRICKYARD_BROKER_TOKEN"):
        asyncio.run(scenario())
