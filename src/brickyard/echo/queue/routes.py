"""`/api/v1/jobs`, `/api/v1/queues`, `/api/v1/workers`"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.queue.schemas import EverybodysJob, JobView, LineView, NewPlace, QueueView, WorkerView
from brickyard.echo.queue.service import Queue
from brickyard.jobs.states import JobState

LOOK_EVERY_S = 0.5
SIGN_OF_LIFE_S = 15.0
WATCHED_FOR_S = 300.0
"""Then the stream ends, and who still looks on asks again: a session that has ended sees no more."""


def router(queue: Queue) -> APIRouter:
    api = APIRouter(tags=["jobs"])
    see, steer = [needs(Action.JOB_SEE)], [needs(Action.JOB_STEER)]

    @api.get("/jobs")
    def newest(
        actor: Annotated[Actor, needs(Action.JOB_LIST)],
        state: Annotated[list[JobState] | None, Query(description="only these states")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[JobView]:
        """Your jobs, newest first. `?state=failed` lists the dead letters."""
        return queue.newest(actor.id, state or [], limit)

    @api.get("/admin/jobs", dependencies=[needs(Action.JOB_LIST_ALL)], tags=["administration"])
    def everybodys(
        state: Annotated[list[JobState] | None, Query(description="only these states")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[EverybodysJob]:
        """Everybody's jobs, newest first, with whose they are and what they are about."""
        return queue.everybodys(state or [], limit)

    @api.get("/jobs/{job}", dependencies=see)
    def get(job: UUID) -> JobView:
        return queue.view(job)

    @api.get(
        "/jobs/{job}/events",
        dependencies=see,
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events(job: UUID) -> StreamingResponse:
        """Server-sent events: `progress` with the job whenever it has changed, `end` with its last state. After some
        minutes `again`: it is to be asked for anew."""
        await run_in_threadpool(queue.jobs.get, job)
        return StreamingResponse(
            _watch(queue, job),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @api.post("/jobs/{job}/pause", dependencies=steer)
    def pause(job: UUID) -> JobView:
        """A running job pauses at its next chunk."""
        return queue.pause(job)

    @api.post("/jobs/{job}/resume", dependencies=steer)
    def resume(job: UUID) -> JobView:
        """A paused job waits for its turn again, and goes on where it was."""
        return queue.resume(job)

    @api.post("/jobs/{job}/cancel", dependencies=steer)
    def cancel(job: UUID) -> JobView:
        """A running job stops at its next chunk."""
        return queue.cancel(job)

    @api.put("/jobs/{job}/place")
    def place(job: UUID, new: NewPlace, actor: Annotated[Actor, needs(Action.JOB_STEER)]) -> JobView:
        """Have one of your waiting jobs go before another of its class. Everybody else stays where they are."""
        return queue.place(job, new.before, actor)

    @api.post("/jobs/{job}/replay", dependencies=steer)
    def replay(job: UUID) -> JobView:
        """A failed job gets all its attempts again; finished chunks stay done."""
        return queue.replay(job)

    @api.get("/queue", tags=["queues"], dependencies=[needs(Action.QUEUE_SEE)])
    def line() -> LineView:
        """How long the line is, whether the platform is busy and with what, and how long a new job would wait."""
        return queue.line()

    @api.get("/queues", tags=["queues"], dependencies=[needs(Action.QUEUE_SEE)])
    def queues() -> list[QueueView]:
        return queue.all_queues()

    @api.post("/queues/{name}/pause", status_code=204, tags=["queues"], dependencies=[needs(Action.QUEUE_STEER)])
    def pause_queue(name: str) -> None:
        """Jobs that run go on; none starts."""
        queue.queues.set_paused(name, True)

    @api.post("/queues/{name}/resume", status_code=204, tags=["queues"], dependencies=[needs(Action.QUEUE_STEER)])
    def resume_queue(name: str) -> None:
        queue.queues.set_paused(name, False)

    @api.get("/workers", tags=["queues"], dependencies=[needs(Action.QUEUE_SEE)])
    def workers() -> list[WorkerView]:
        """The worker processes that are alive, on all hosts."""
        return queue.workers()

    return api


async def _watch(queue: Queue, job: UUID) -> AsyncIterator[str]:
    last = ""
    silent_s = 0.0
    give_up = time.monotonic() + WATCHED_FOR_S
    while time.monotonic() < give_up:
        view = await run_in_threadpool(queue.view, job)
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
    yield "event: again\ndata: {}\n\n"
