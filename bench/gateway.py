"""What the gateway costs: requests straight to an LLM server, and through gateway and brick, alternately in one run.

The server is a stand-in in a process of its own (llm_backend.py) that streams tokens at a set rate; gateway and brick
are the real ones, each in a process of its own, over real sockets, with a key looked up and a rate counted. Both
APIs of the gateway get half of the requests.

`added_p99_ms`: 99 of 100 requests have their first token so much later than 99 of 100 that go straight there, one
request at a time, half of them while 4 streams of 60 tokens a second are under way. `added_p50_ms` is the median.
`throughput_ratio`: tokens a second through the gateway, of those that come straight from the server, where that gives
what a card gives: 16 streams at once, 60 tokens a second each.
`saturated_ratio`: the same where the server gives all it can, on the same cores as gateway and brick. No real server
does: `saturated_tokens_s` is what the gateway passes on then.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import form

KEY = "by_bench"
PATHS = ("/v1/chat/completions", "/api/chat")
STREAMS = 16
CROWD = 64
RATE = 60
LENGTH = 3 * RATE
BACKGROUND = 4
HERE = Path(__file__).parent
PROMPT = "What was decided about the harbour? " * 40


@dataclass(frozen=True, slots=True)
class Ways:
    """Ports of the server itself and of the gateway."""

    straight: int
    through: int


@contextmanager
def processes() -> Iterator[Ways]:
    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        brick_socket = Path(folder) / "llm.sock"
        ways = Ways(_free_port(), _free_port())
        started = [
            subprocess.Popen([sys.executable, str(HERE / "llm_backend.py"), str(ways.straight)]),
            subprocess.Popen(
                [sys.executable, str(HERE / "llm_processes.py"), "brick", str(brick_socket), str(ways.straight)]
            ),
            subprocess.Popen(
                [sys.executable, str(HERE / "llm_processes.py"), "gateway", str(brick_socket), str(ways.through), KEY]
            ),
        ]
        try:
            asyncio.run(_ready(ways))
            yield ways
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


async def _ready(ways: Ways) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            await request(ways.through, PATHS[0], tokens=1, rate=0)
            return
        except (OSError, asyncio.IncompleteReadError, ValueError):
            assert time.monotonic() < give_up, "gateway and brick did not start"
            await asyncio.sleep(0.1)


async def request(port: int, path: str, tokens: int, rate: float) -> float:
    """Seconds to the first token; all of them are read. Raises ValueError where the answer is none."""
    asked = {"model": "tiny", "tokens": tokens, "rate": rate, "stream": True, "stream_options": {}}
    asked["messages"] = [{"role": "user", "content": PROMPT}]
    body = json.dumps(asked).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        since = time.perf_counter()
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        told = await reader.readuntil(b"\r\n\r\n")
        if not told.startswith(b"HTTP/1.1 200"):
            raise ValueError(told.decode())
        read = await reader.readuntil(b"word ")
        first_s = time.perf_counter() - since
        while not read.endswith(b"0\r\n\r\n"):
            read = read[-8:] + await reader.read(1 << 16)
    finally:
        writer.close()
    return first_s


async def first_tokens_ms(ways: Ways, pairs: int) -> dict[str, list[float]]:
    """In order of size, straight and through."""
    took: dict[str, list[float]] = {"straight": [], "through": []}
    for number in range(pairs):
        path = PATHS[number % 2]
        took["straight"].append(1000 * await request(ways.straight, path, 1, 0))
        took["through"].append(1000 * await request(ways.through, path, 1, 0))
    return {way: sorted(values) for way, values in took.items()}


async def latencies(ways: Ways, pairs: int) -> dict[str, list[float]]:
    alone = await first_tokens_ms(ways, pairs // 2)

    async def keep_asking(number: int) -> None:
        while True:
            await request(ways.through, PATHS[number % 2], tokens=RATE, rate=RATE)

    background = [asyncio.create_task(keep_asking(number)) for number in range(BACKGROUND)]
    await asyncio.sleep(0.5)
    crowded = await first_tokens_ms(ways, pairs // 2)
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    return {way: sorted(alone[way] + crowded[way]) for way in alone}


async def tokens_s(port: int, streams: int, tokens: int, rate: float) -> float:
    since = time.perf_counter()
    await asyncio.gather(*(request(port, PATHS[number % 2], tokens, rate) for number in range(streams)))
    return streams * tokens / (time.perf_counter() - since)


async def throughput(ways: Ways, streams: int, tokens: int, rate: float, rounds: int) -> tuple[float, float]:
    """Tokens a second, the median of some rounds: straight and through."""
    straight, through = [], []
    for _ in range(rounds):
        straight.append(await tokens_s(ways.straight, streams, tokens, rate))
        through.append(await tokens_s(ways.through, streams, tokens, rate))
    return statistics.median(straight), statistics.median(through)


def at(values: list[float], share: float) -> float:
    return values[int(share * len(values))]


def main() -> None:
    chosen = form.arguments("what the gateway costs")
    rounds = 2 if chosen.quick else 5
    with processes() as ways:
        asyncio.run(first_tokens_ms(ways, 50))  # so that nobody is measured warming up
        form.note("first tokens …")
        took = asyncio.run(latencies(ways, 400 if chosen.quick else 2000))
        form.note("streams at the rate of a card …")
        straight, through = asyncio.run(throughput(ways, STREAMS, LENGTH, RATE, rounds))
        crowd, crowd_through = asyncio.run(throughput(ways, CROWD, LENGTH, RATE, rounds))
        form.note("streams at full speed …")
        most, passed_on = asyncio.run(throughput(ways, STREAMS, 1000, 0, rounds))
    figures = {
        "added_p50_ms": at(took["through"], 0.5) - at(took["straight"], 0.5),
        "added_p99_ms": at(took["through"], 0.99) - at(took["straight"], 0.99),
        "straight_p50_ms": at(took["straight"], 0.5),
        "straight_p99_ms": at(took["straight"], 0.99),
        "through_p99_ms": at(took["through"], 0.99),
        "tokens_s": through,
        "throughput_ratio": through / straight,
        "crowd_tokens_s": crowd_through,
        "crowd_ratio": crowd_through / crowd,
        "saturated_tokens_s": passed_on,
        "saturated_ratio": passed_on / most,
    }
    form.table(("", "measured"), list(figures.items()))
    form.close("gateway", figures)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    main()
