"""The step `decode`: from what was uploaded to 16 kHz sound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.recordings import store
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from brickyard.kit.db import patiently
from brickyard.media.decode import decode
from brickyard.media.limits import Limits


def decode_step(engine: sa.Engine, files: RecordingFiles, limits: Limits) -> Callable[[StepContext], Awaitable[Any]]:
    async def run(context: StepContext) -> Any:
        """Returns {duration_s, channels, warnings}."""
        recording = UUID(context.job.params["recording"])
        await context.begin(work_total_s=context.job.work_s)
        source, audio = await asyncio.to_thread(patiently, lambda: (files.source(recording), files.audio(recording)))
        decoded = await decode(source, audio, limits)
        await asyncio.to_thread(store.set_duration, engine, recording, decoded.duration_s)
        return {
            "duration_s": decoded.duration_s,
            "channels": decoded.channels,
            "warnings": list(decoded.warnings),
        }

    return run
