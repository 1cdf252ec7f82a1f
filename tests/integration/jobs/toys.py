"""Toy pipelines for the queue's tests: each chunk appends a line to a file, so what ran, and how often, can be read."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from brickyard.jobs.context import StepContext
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.kit.errors import BadMedia, Unavailable


def note(context: StepContext, line: str) -> None:
    with Path(context.job.params["trace"]).open("a") as trace:
        trace.write(line + "\n")


async def prepare(context: StepContext) -> Any:
    note(context, "prepare")
    return {"prepared": True, "warnings": ["toy warning"]}


async def count(context: StepContext) -> Any:
    """`chunks` chunks of `chunk_s` seconds each; fails as params say."""
    params = context.job.params
    await context.begin(params.get("chunks", 3), float(params.get("chunks", 3)))
    done = await context.done()
    for index in range(params.get("chunks", 3)):
        if index in done:
            continue
        await asyncio.sleep(params.get("chunk_s", 0.01))
        if index == params.get("fail_at") and context.job.attempts <= params.get("fail_attempts", 0):
            raise Unavailable("toy outage")
        if index == params.get("bad_at"):
            raise BadMedia("toy bad input")
        note(context, f"{context.step} {index} pid={os.getpid()}")
        chunk_s = params.get("chunk_s", 0.01)
        await context.save(index, {"index": index}, 1.0, chunk_s, device_s=chunk_s / 2)
    return {"count": params.get("chunks", 3)}


async def finish(context: StepContext) -> Any:
    note(context, f"finish {context.job.params.get('name', '')}")
    return {"results": dict(context.results), "items": context.job.params.get("items")}


PIPELINES = {
    "toy": Pipeline(
        "toy",
        (
            Step("prepare", prepare),
            Step("left", count, needs=("prepare",)),
            Step("right", count, needs=("prepare",)),
            Step("finish", finish, needs=("left", "right")),
        ),
    ),
    "one": Pipeline("one", (Step("finish", finish),)),
    "count": Pipeline("count", (Step("count", count),)),
}
