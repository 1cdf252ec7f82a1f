"""The steps from video to on-screen text, where that was asked for.

frames ──► ocr ──► screen

Frames lie beside the recording until `screen` is done. They are the same each time, so where they are lost between two
chunks they are made again, and the chunks that are done stay good.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.ocr.contract import ReadRequest
from brickyard.bricks.runner import Computed, each_chunk
from brickyard.echo import derived
from brickyard.echo.screen.schemas import OnScreen
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from brickyard.kit.db import patiently
from brickyard.kit.sealed import Stored
from brickyard.media.frames import Frame, Frames, extract_frames, extracted
from brickyard.media.limits import Limits
from brickyard.text.names import name_hints
from brickyard.text.screen import Reading, ReadLine, spans_of
from brickyard.text.spoken import Turn

KIND = "screen"
GROUP = 8
"""Frames in a chunk: some seconds of computing."""
UNTOLD = 0.9
"""Taken for the confidence of a reader that does not tell any."""

TurnsOf = Callable[[UUID], Sequence[Turn]]
"""The turns of a recording, with the names that its transcript gives to speakers."""


def without_screen(params: Mapping[str, Any]) -> bool:
    """Whether nobody asked what is on screen."""
    return not params.get("ocr", False)


class ScreenSteps:
    """`ocr` is the brick, which reads the frames from the same files."""

    def __init__(self, engine: sa.Engine, files: RecordingFiles, limits: Limits, ocr: Ocr, turns_of: TurnsOf) -> None:
        self._engine = engine
        self._files = files
        self._limits = limits
        self._ocr = ocr
        self._turns_of = turns_of

    async def frames(self, context: StepContext) -> Any:
        """Pictures of the video that changed. Returns {has_video, looks, frames}; no video has no frames."""
        if without_screen(context.job.params):
            return _told(Frames(has_video=False, looked=0, frames=[]))
        await context.begin(work_total_s=context.job.work_s)
        return _told(await extract_frames(await self._source(context), self._folder(context), self._limits))

    async def ocr(self, context: StepContext) -> Any:
        """Chunks of some frames: {engine, readings}, each of these {start, end, lines}."""
        if not context.results["frames"]["frames"]:
            return {"chunks": 0}
        source = await self._source(context)
        found = await self._frames_again(context, source)
        folder = self._folder(context)

        async def read(group: Sequence[Frame]) -> Computed:
            request = ReadRequest(
                images=[str(folder / frame.file) for frame in group],
                key=source.key_text,
                languages=_languages(context.job.params),
                engine=context.job.params.get("ocr_engine") or "auto",
                priority=context.job.priority.name.lower(),
                tenant=context.job.owner,
            )
            reply = await self._ocr.read(request)
            readings = [
                {"start": frame.time, "end": frame.until, "lines": [line.model_dump() for line in image.lines]}
                for frame, image in zip(group, reply.images, strict=True)
            ]
            return Computed({"engine": reply.engine, "readings": readings}, reply.computed_s)

        groups = [found.frames[first : first + GROUP] for first in range(0, len(found.frames), GROUP)]
        done = await each_chunk(context, groups, lambda group: group[-1].until - group[0].time, read)
        return {"chunks": len(done)}

    async def screen(self, context: StepContext) -> Any:
        """Merges what was read over time, looks for names, keeps it, and removes the frames."""
        if without_screen(context.job.params):
            return {"spans": 0}
        await context.begin(work_total_s=context.job.work_s)
        chunks = await context.chunks_of("ocr")
        document = await asyncio.to_thread(self._assembled, context, chunks)
        await asyncio.to_thread(derived.put, self._engine, document.recording, KIND, "", context.job.id, document)
        await asyncio.to_thread(shutil.rmtree, self._folder(context), ignore_errors=True)
        return {"spans": len(document.spans), "names": sum(map(len, document.names.values()))}

    def _assembled(self, context: StepContext, chunks: Sequence[Any]) -> OnScreen:
        recording = UUID(context.job.params["recording"])
        facts = context.results["frames"]
        spans = spans_of(_reading(reading) for chunk in chunks for reading in chunk["readings"])
        engines = dict.fromkeys(name for chunk in chunks for name in chunk["engine"].split(", "))
        return OnScreen(
            recording=recording,
            job=context.job.id,
            engine=", ".join(engines),
            has_video=facts["has_video"],
            looks=facts["looks"],
            frames=facts["frames"],
            spans=spans,
            names=name_hints(spans, self._turns_of(recording)),
        )

    async def _frames_again(self, context: StepContext, source: Stored) -> Frames:
        """As they were left, or made again: this may be another host, or they were lost in a crash."""
        folder = self._folder(context)
        found = await asyncio.to_thread(extracted, folder)
        if found is not None and len(found.frames) == context.results["frames"]["frames"]:
            return found
        return await extract_frames(source, folder, self._limits)

    async def _source(self, context: StepContext) -> Stored:
        recording = UUID(context.job.params["recording"])
        return await asyncio.to_thread(patiently, lambda: self._files.source(recording))

    def _folder(self, context: StepContext) -> Path:
        return self._files.folder(UUID(context.job.params["recording"])) / "frames"


def _told(found: Frames) -> dict[str, Any]:
    return {"has_video": found.has_video, "looks": found.looked, "frames": len(found.frames)}


def _languages(params: Mapping[str, Any]) -> list[str]:
    """What was said to be expected on screen. What is spoken is no hint: slides are often in another language."""
    return list(params.get("ocr_languages") or [])


def _reading(kept: Mapping[str, Any]) -> Reading:
    lines = [
        ReadLine(line["text"], UNTOLD if line["confidence"] is None else line["confidence"], _box(line["box"]))
        for line in kept["lines"]
    ]
    return Reading(kept["start"], kept["end"], lines)


def _box(sides: Sequence[float] | None) -> tuple[float, float, float, float] | None:
    if sides is None:
        return None
    left, top, right, bottom = sides
    return left, top, right, bottom
