"""What a lease costs: grant and release through the socket of a real broker in a process of its own.

`lease_p99_ms`: one client, one lease after the other. `lease_p99_ms_20`: the same while 19 more clients ask some 20
times a second each. `share_of_chunk`: a lease's median against a minute of speech through the default recognizer, on
one core.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import form
import speech

from brickyard.engines.base import SAMPLE_RATE, Span
from brickyard.engines.moonshine import Moonshine
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.lease import Model

OTHERS = 19
PAUSE_S = 0.05
CHUNK_S = 60.0
MODEL = Model("model", 100)
SERVE = (
    "import asyncio, sys; from pathlib import Path; from brickyard.gpu.broker import Broker; "
    "from brickyard.gpu.devices import CpuDevice; from brickyard.gpu.serving import serve; "
    "from brickyard.kit import logs; logs.configure('broker', 'WARNING'); "
    "asyncio.run(serve(Broker([CpuDevice()], slots=100, settles_s=0.0), Path(sys.argv[1])))"
)


@contextmanager
def broker() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "broker.sock"
        process = subprocess.Popen([sys.executable, "-c", SERVE, str(path)])
        try:
            while not path.exists():
                time.sleep(0.05)
            yield path
        finally:
            process.terminate()
            process.wait()


async def leases_ms(path: Path, count: int) -> list[float]:
    """How long each took from asking to having given back, in order of size. The broker answers in order, so one
    question after the release has been answered means that the release has been done."""
    took = []
    async with BrokerClient(path, "bench") as client:
        await client.load(MODEL)
        for _ in range(count):
            since = time.perf_counter()
            async with client.lease(memory_mib=10, model=MODEL, user="anna"):
                pass
            await client.report("cpu", 1, 1)
            took.append(1000 * (time.perf_counter() - since))
            await asyncio.sleep(0)
    return sorted(took)


async def keep_asking(path: Path, user: str) -> None:
    async with BrokerClient(path, user) as client:
        while True:
            async with client.lease(memory_mib=10, user=user):
                await asyncio.sleep(PAUSE_S / 2)
            await asyncio.sleep(PAUSE_S / 2)


async def measure(path: Path, count: int) -> tuple[list[float], list[float]]:
    alone = await leases_ms(path, count)
    others = [asyncio.create_task(keep_asking(path, f"user {number}")) for number in range(OTHERS)]
    await asyncio.sleep(0.5)
    crowded = await leases_ms(path, count)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return alone, crowded


def chunk_ms() -> float:
    with tempfile.TemporaryDirectory() as folder:
        sound = speech.samples(speech.joined(CHUNK_S, Path(folder)), Path(folder))
    spans = [Span(float(start), start + 10.0) for start in range(0, int(len(sound) / SAMPLE_RATE) - 9, 10)]
    engine = Moonshine(threads=1)
    engine.transcribe(sound, spans, "en")
    since = time.perf_counter()
    engine.transcribe(sound, spans, "en")
    return 1000 * (time.perf_counter() - since)


def main() -> None:
    chosen = form.arguments("the cost of a lease")
    with broker() as path:
        alone, crowded = asyncio.run(measure(path, 500 if chosen.quick else 5000))
    chunk = chunk_ms()
    figures = {
        "lease_p50_ms": statistics.median(alone),
        "lease_p99_ms": alone[int(0.99 * len(alone))],
        "lease_p50_ms_20": statistics.median(crowded),
        "lease_p99_ms_20": crowded[int(0.99 * len(crowded))],
        "chunk_ms": chunk,
        "share_of_chunk": statistics.median(alone) / chunk,
    }
    form.table(("", "measured"), list(figures.items()))
    form.close("lease", figures)


if __name__ == "__main__":
    main()
