"""Takes a step through its chunks: what is done is skipped, each result is kept in order, work goes on meanwhile.

While chunks are computed the next already wait at the brick, so the accelerator never waits for the database.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from brickyard.jobs.context import StepContext

T = TypeVar("T")

AHEAD = 3
"""Chunks under way at a time: those at work, and one waiting at the brick's door."""


async def each_chunk(
    context: StepContext,
    chunks: Sequence[T],
    work_s: Callable[[T], float],
    compute: Callable[[T], Awaitable[Any]],
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
    compute: Callable[[T], Awaitable[Any]],
) -> list[Any]:
    """The same for chunks that are still being found while the first are computed.

    Their order and content must be the same every time, since a chunk is known by its number.
    """
    results = await context.begin()
    under_way: deque[tuple[int, T, asyncio.Task[Any]]] = deque()
    since = time.monotonic()

    async def keep_first() -> None:
        nonlocal since
        index, chunk, task = under_way[0]
        results[index] = await task
        under_way.popleft()
        now = time.monotonic()
        await context.save(index, results[index], work_s(chunk), now - since)
        since = now

    count = 0
    try:
        async for chunk in chunks:
            if count not in results:
                under_way.append((count, chunk, asyncio.create_task(_computed(compute, chunk))))
            count += 1
            if len(under_way) >= AHEAD:
                await keep_first()
        while under_way:
            await keep_first()
    finally:
        for _, _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, _, task in under_way), return_exceptions=True)
    return [results[index] for index in range(count)]


async def _computed(compute: Callable[[T], Awaitable[Any]], chunk: T) -> Any:
    return await compute(chunk)
