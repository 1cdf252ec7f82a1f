"""What a step has in hand while it runs: its job, the results of earlier steps, and its checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.job import Job
from brickyard.jobs.states import Wanted
from brickyard.kit import db

T = TypeVar("T")

FOLLOW_EVERY_S = 0.1


class Stopped(BaseException):
    """The job stops at this chunk because somebody asked it to. Not an error, so no handler of errors sees it."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(wanted.value)
        self.wanted = wanted


class StepFailed(BaseException):
    """Carries a step's error past the queue's engine without being recorded there."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class StepContext:
    """Database calls run in a thread and wait for a server that restarts; they are safe to repeat."""

    job: Job
    step: str
    results: Mapping[str, Any]
    """What the steps before this one returned, by name."""
    checkpoints: Checkpoints

    async def begin(self, chunks_total: int | None = None, work_total_s: float | None = None) -> None:
        """Say how much there is to do, as soon as it is known; what is not told anew stays as it was told."""
        await self._call(lambda: self.checkpoints.begin(self.step, chunks_total, work_total_s))

    async def done(self) -> dict[int, Any]:
        """The results of the chunks that are done already, by index."""
        return await self._call(lambda: self.checkpoints.chunks(self.step))

    async def chunks_of(self, step: str) -> list[Any]:
        """What another step of this job, one that is done, has kept: the results of its chunks, in order."""
        found = await self._call(lambda: self.checkpoints.chunks(step))
        return [found[index] for index in sorted(found)]

    async def follow(self, step: str) -> AsyncIterator[Any]:
        """The results of another step's chunks, in order, as they come, until that step has ended.

        Raises Stopped where the job is asked to stop while there is nothing new.
        """
        following = 0
        while True:
            has_ended = await self._call(lambda: self.checkpoints.has_ended(step))
            found = await self._call(lambda: self.checkpoints.chunks(step, following))  # noqa: B023  called at once
            for index in sorted(found):
                yield found[index]
                following = index + 1
            if has_ended:
                return
            await self.stop_if_asked()
            await asyncio.sleep(FOLLOW_EVERY_S)

    async def save(self, index: int, result: Any, work_s: float, busy_s: float, *, device_s: float = 0.0) -> None:
        """Keep one chunk. Raises Stopped, after keeping it, where the job has been asked to stop."""
        wanted = await self._call(
            lambda: self.checkpoints.save(self.step, index, result, work_s, busy_s, device_s=device_s)
        )
        if wanted:
            raise Stopped(wanted)

    async def stop_if_asked(self) -> None:
        """For steps without chunks. Raises Stopped."""
        wanted = await self._call(self.checkpoints.wanted)
        if wanted:
            raise Stopped(wanted)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.to_thread(db.patiently, call)
