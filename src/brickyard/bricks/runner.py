"""Takes a step through its chunks: what is done is skipped, each result is kept before the next but one is computed.

While one chunk is computed the next already waits at the brick, so the accelerator never waits for the database.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from brickyard.jobs.context import StepContext

T = TypeVar("T")

AHEAD = 2
"""Chunks under way at a time: one at work, one waiting at the brick's door."""


async def each_chunk(
    context: StepContext,
    chunks: Sequence[T],
    work_s: Callable[[T], float],
    compute: Callable[[T], Awaitable[Any]],
) -> list[Any]:
    """The result of every chunk, in order; those that have a checkpoint are not computed again.

    `work_s`: seconds of audio in a chunk, for progress. Raises Stopped after a chunk when the job is asked to stop.
    """
    results = await context.begin(len(chunks), sum(map(work_s, chunks)))
    missing = deque(index for index in range(len(chunks)) if index not in results)
    under_way: deque[tuple[int, asyncio.Task[Any]]] = deque()
    since = time.monotonic()
    try:
        while missing or under_way:
            while missing and len(under_way) < AHEAD:
                index = missing.popleft()
                under_way.append((index, asyncio.create_task(_awaited(compute(chunks[index])))))
            index, task = under_way.popleft()
            results[index] = await task
            now = time.monotonic()
            await context.save(index, results[index], work_s(chunks[index]), now - since)
            since = now
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
    return [results[index] for index in range(len(chunks))]


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result
