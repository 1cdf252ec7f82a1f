"""A broker in the test's own process, and a client in a process that can be killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from brickyard.gpu.broker import Broker
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import Device, SimulatedDevice
from brickyard.gpu.policy import Rules
from brickyard.gpu.serving import serve


@asynccontextmanager
async def broker(
    socket_path: Path,
    *devices: Device,
    settles_s: float = 0.0,
    rules: Rules = Rules(),  # noqa: B008
    tcp: tuple[str, int] | None = None,
    **options: Any,
) -> AsyncIterator[asyncio.Task[None]]:
    """`options` are Broker's."""
    chosen = devices or (SimulatedDevice("gpu", 1000),)
    served = Broker(chosen, time.monotonic, rules, settles_s=settles_s, **options)
    task = asyncio.create_task(serve(served, socket_path, tcp))
    await until(lambda: socket_path.exists() or task.done())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


async def status_when(client: BrokerClient, leases: int = 0, waiting: int = 0) -> dict[str, Any]:
    """The broker's status once it has that many of both."""
    for _ in range(2000):
        status = await client.status()
        if (len(status["leases"]), len(status["waiting"])) == (leases, waiting):
            return status
        await asyncio.sleep(0.005)
    raise AssertionError(f"there are never {leases} leases with {waiting} waiting, but {status}")


@asynccontextmanager
async def holder(socket_path: Path, memory_mib: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that holds a resident lease until it is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.gpu.running", str(socket_path), str(memory_mib)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"held\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def hold(socket_path: Path, memory_mib: int) -> None:
    async with BrokerClient(socket_path) as client, client.lease(memory_mib=memory_mib):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1]), int(sys.argv[2])))
