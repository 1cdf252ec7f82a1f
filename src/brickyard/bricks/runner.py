"""Takes a step through its chunks: what is done is skipped, each result is kept in order, work goes on meanwhile.

While chunks are computed the next already wait at the brick, so the accelerator never waits for the database. A chunk
that finds no memory, or loses its lease, is asked for again until it is computed: the job waits, but does not fail.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import Counter

from brickyard.jobs.context import StepContext, Stopped
from brickyard.kit.errors import LeaseLost, OutOfMemory
from brickyard.kit.logs import get
from brickyard.kit.metrics import registry

T = TypeVar("T")

AHEAD = 3
"""Chunks under way at a time: those at work, and one waiting at the brick's door."""
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LOOK_EVERY_S = 1.0
"""How soon a chunk that waits notices that the job is asked to stop."""
LAST_MOMENT_S = 2.0
"""What a chunk is given to end by itself then, since what it has computed would be lost."""

RETRIED = Counter(
    "brickyard_chunks_retried", "Chunks asked for again, by step and reason", ["step", "reason"], registry=registry
)

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Computed:
    """A chunk's result, and the seconds of the device it took, without waiting."""

    result: Any
    device_s: float = 0.0


async def each_chunk(
    context: StepContext,
    chunks: Sequence[T],
    work_s: Callable[[T], float],
    compute: Callable[[T], Awaitable[Computed]],
) -> list[Any]:
    """The result of every chunk, in order; those that have a checkpoint are not computed again.

    `work_s`: seconds of audio in a chunk, for progress. Raises Stopped after a chunk when the job is asked to stop.
    """

    async def in_order() -> AsyncIterator[T]:
        for chunk in chunks:
            yield chunk

    await context.begin(len(chunks), sum(map(work_s, chunks)))
    return await chunks_as_they_come(context, in_order(), work_s, compute)


async def chunks_as_they_come(
    context: StepContext,
    chunks: AsyncIterator[T],
    work_s: Callable[[T], float],
    compute: Callable[[T], Awaitable[Computed]],
) -> list[Any]:
    """The same for chunks that are still being found while the first are computed.

    Their order and content must be the same every time, since a chunk is known by its number.
    """
    results = await context.done()
    under_way: deque[tuple[int, T, asyncio.Task[Computed]]] = deque()
    since = time.monotonic()

    async def keep_first() -> None:
        nonlocal since
        index, chunk, task = under_way[0]
        computed = await _unless_stopped(context, task)
        results[index] = computed.result
        under_way.popleft()
        now = time.monotonic()
        await context.save(index, computed.result, work_s(chunk), now - since, device_s=computed.device_s)
        since = now

    found = 0
    try:
        async for chunk in chunks:
            if found not in results:
                under_way.append((found, chunk, asyncio.create_task(_until_computed(context, compute, chunk))))
            found += 1
            if len(under_way) >= AHEAD:
                await keep_first()
        while under_way:
            await keep_first()
    finally:
        for _, _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in under_way), return_exceptions=True)
    return [results[index] for index in range(found)]


async def _unless_stopped(context: StepContext, task: asyncio.Task[Computed]) -> Computed:
    """Raises Stopped where the job is asked to stop while its chunk waits in line; one that computes may end."""
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_EVERY_S)
        if task.done():
            break
        try:
            await context.stop_if_asked()
        except Stopped:
            await asyncio.wait({task}, timeout=LAST_MOMENT_S)
            if not task.done():
                raise
    return await task


async def _until_computed(context: StepContext, compute: Callable[[T], Awaitable[Computed]], chunk: T) -> Computed:
    """Raises Stopped where the job is asked to stop while the chunk waits for its next try."""
    tries = 0
    while True:
        try:
            return await compute(chunk)
        except (OutOfMemory, LeaseLost) as error:
            tries += 1
            pause_s = retry_in_s(error, tries)
            RETRIED.labels(context.step, error.code).inc()
            log.warning(
                "chunk is asked for again",
                step=context.step,
                tries=tries,
                reason=error.code,
                message=error.message,
                pause_s=pause_s,
            )
            await _wait(context, pause_s)


def retry_in_s(error: OutOfMemory | LeaseLost, tries: int) -> float:
    """Seconds to wait after so many tries: 1, 2, 4 … 30. A lost lease is asked for again at once, the first time."""
    doublings = tries - 1 if isinstance(error, OutOfMemory) else tries - 2
    return 0.0 if doublings < 0 else min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(doublings, 10))


async def _wait(context: StepContext, pause_s: float) -> None:
    go_on_at = time.monotonic() + pause_s
    await context.stop_if_asked()
    while (left_s := go_on_at - time.monotonic()) > 0:
        await asyncio.sleep(min(left_s, LOOK_EVERY_S))
        await context.stop_if_asked()
