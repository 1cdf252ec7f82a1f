"""Runs a broker: listens on a Unix socket and, where asked to, on TCP; looks at the devices."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from brickyard.gpu import wire
from brickyard.gpu.broker import Broker
from brickyard.gpu.connection import notice_who_is_gone
from brickyard.kit.errors import BadInput, Conflict
from brickyard.kit.logs import get

log = get(__name__)

SOCKET_MODE = 0o660
LOOKS_EVERY_S = 0.5
"""Devices are asked this often what is used of them, and those who wait are looked at again as often."""
Address = tuple[str, int]


async def serve(broker: Broker, socket_path: Path, tcp: Address | None = None) -> None:
    """Runs until cancelled. Raises Conflict where another broker listens already."""
    await _refuse_a_second(socket_path)
    async with AsyncExitStack() as stack:
        await broker.look()
        server = await asyncio.start_unix_server(broker.serve_connection, path=socket_path, limit=wire.LONGEST_LINE)
        stack.callback(_remove, socket_path)
        stack.callback(broker.close)
        stack.callback(server.close)
        _admit(socket_path)
        if tcp is not None:
            stack.callback((await _listen(broker, tcp)).close)
        log.info("broker listens", socket=str(socket_path), tcp=tcp, devices=list(broker.books.devices))
        while True:
            await broker.look()
            broker.tick()
            await asyncio.sleep(LOOKS_EVERY_S)


async def _listen(broker: Broker, address: Address) -> asyncio.Server:
    """For containers and other hosts. Clients have to show the token, so there has to be one."""
    if not broker.has_token:
        raise BadInput("A broker that listens on TCP needs a token; set BRICKYARD_BROKER_TOKEN on both sides.")
    host, port = address
    try:
        server = await asyncio.start_server(broker.serve_connection, host, port, limit=wire.LONGEST_LINE)
    except OSError as error:
        raise Conflict(f"The broker can't listen on {host}:{port}: {error}. Choose another address.") from error
    for listener in server.sockets:
        notice_who_is_gone(listener)
    return server


async def _refuse_a_second(socket_path: Path) -> None:
    """A socket that nobody listens on was left behind by a broker that was killed, and is replaced."""
    with suppress(OSError):
        _, writer = await asyncio.open_unix_connection(socket_path)
        writer.close()
        raise Conflict(f"Another broker listens on {socket_path}. Stop it, or give this one another socket.")


def _admit(socket_path: Path) -> None:
    socket_path.chmod(SOCKET_MODE)


def _remove(socket_path: Path) -> None:
    socket_path.unlink(missing_ok=True)
