"""The step `index`, the last of all: makes what there is of a recording searchable, and tells what the job made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.search import store
from brickyard.jobs.context import StepContext


def index_step(engine: sa.Engine, made_by: str = "transcript") -> Callable[[StepContext], Awaitable[Any]]:
    """`made_by`: the step whose result is the job's."""

    async def run(context: StepContext) -> Any:
        """Returns what that step told, and `passages`."""
        await context.begin(work_total_s=context.job.work_s)
        recording = UUID(context.job.params["recording"])
        passages = await asyncio.to_thread(store.index, engine, recording)
        return {**context.results[made_by], "passages": passages}

    return run
