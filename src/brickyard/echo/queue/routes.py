"""`/api/v1/jobs`, `/api/v1/queues`, `/api/v1/workers`"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from brickyard.echo.identity import Owner
from brickyard.echo.queue.schemas import JobView, QueueView, WorkerView
from brickyard.echo.queue.service import Queue
from brickyard.jobs.states import JobState

LOOK_EVERY_S = 0.5
SIGN_OF_LIFE_S = 15.0


def router(queue: Queue) -> APIRouter:
    api = APIRouter(tags=["jobs"])

    @api.get("/jobs")
    def newest(
        owner: Owner,
        state: Annotated[list[JobState] | None, Query(description="only these states")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[JobView]:
        """Your jobs, newest first. `?state=failed` lists the dead letters."""
        return queue.newest(owner, state or [], limit)

    @api.get("/jobs/{job}")
    def get(job: UUID, owner: Owner) -> JobView:
        return queue.view(job, owner)

    @api.get(
        "/jobs/{job}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events(job: UUID, owner: Owner) -> StreamingResponse:
        """Server-sent events: `progress` with the job whenever it has changed, `end` with its last state."""
        await run_in_threadpool(queue.own, job, owner)
        return StreamingResponse(
            _watch(queue, job, owner),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @api.post("/jobs/{job}/pause")
    def pause(job: UUID, owner: Owner) -> JobView:
        """A running job pauses at its next chunk."""
        return queue.pause(job, owner)

    @api.post("/jobs/{job}/resume")
    def resume(job: UUID, owner: Owner) -> JobView:
        """A paused job waits for its turn again, and goes on where it was."""
        return queue.resume(job, owner)

    @api.post("/jobs/{job}/cancel")
    def cancel(job: UUID, owner: Owner) -> JobView:
        """A running job stops at its next chunk."""
        return queue.cancel(job, owner)

    @api.post("/jobs/{job}/replay")
    def replay(job: UUID, owner: Owner) -> JobView:
        """A failed job gets all its attempts again; finished chunks stay done."""
        return queue.replay(job, owner)

    @api.get("/queues", tags=["queues"])
    def queues(_: Owner) -> list[QueueView]:
        return queue.all_queues()

    @api.post("/queues/{name}/pause", status_code=204, tags=["queues"])
    def pause_queue(name: str, _: Owner) -> None:
        """Jobs that run go on; none starts."""
        queue.queues.set_paused(name, True)

    @api.post("/queues/{name}/resume", status_code=204, tags=["queues"])
    def resume_queue(name: str, _: Owner) -> None:
        queue.queues.set_paused(name, False)

    @api.get("/workers", tags=["queues"])
    def workers(_: Owner) -> list[WorkerView]:
        """The worker processes that are alive, on all hosts."""
        return queue.workers()

    return api


async def _watch(queue: Queue, job: UUID, owner: str) -> AsyncIterator[str]:
    last = ""
    silent_s = 0.0
    while True:
        view = await run_in_threadpool(queue.view, job, owner)
        news = view.model_dump_json()
        if news != last:
            yield f"event: progress\ndata: {news}\n\n"
            last, silent_s = news, 0.0
        if view.state.has_ended:
            yield f"event: end\ndata: {news}\n\n"
            return
        if silent_s >= SIGN_OF_LIFE_S:
            yield ": still here\n\n"
            silent_s = 0.0
        await asyncio.sleep(LOOK_EVERY_S)
        silent_s += LOOK_EVERY_S
