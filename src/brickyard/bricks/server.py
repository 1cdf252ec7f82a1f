"""What all bricks share: an HTTP application, threads that compute, and leases for the memory that takes.

Requests are computed in order of arrival, on an accelerator one at a time, on a CPU as many as there are cores for.
A request whose caller has gone is dropped before it costs anything.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, ParamSpec, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from brickyard.bricks.contract import Failure, Health
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.lease import LeaseKind, PriorityClass
from brickyard.kit.errors import BrickyardError

P = ParamSpec("P")
R = TypeVar("R")


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


class Compute:
    """The computing threads of a brick, and its leases: one for the weights while it lives, one for each chunk.

    `resident_mib`, `working_mib`: what the process holds with its model loaded, and what a chunk takes on top.
    `calls`: how many chunks may be computed at once.
    """

    def __init__(
        self, brick: str, broker: BrokerClient | None, resident_mib: int, working_mib: int, calls: int = 1
    ) -> None:
        self._brick = brick
        self._broker = broker
        self._resident_mib = resident_mib
        self._working_mib = working_mib
        self._turn = asyncio.Semaphore(calls)
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix=f"{brick}-compute")

    @asynccontextmanager
    async def resident(self) -> AsyncIterator[None]:
        """Room for the weights, asked for before they are loaded."""
        async with self._lease(PriorityClass.STANDARD, "weights", LeaseKind.RESIDENT, self._resident_mib):
            yield

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run in a computing thread, in turn."""
        async with self._turn:
            return await self._in_thread(functools.partial(call, *args, **kwargs))

    async def run_chunk(self, request: Request, priority: str, tenant: str, call: Callable[[], R]) -> R:
        """Run one chunk in turn under a working lease. Raises CallerGone where nobody waits for it any more."""
        async with self._turn:
            if await request.is_disconnected():
                raise CallerGone
            async with self._lease(PriorityClass(priority), tenant, LeaseKind.WORKING, self._working_mib):
                return await self._in_thread(call)

    async def _in_thread(self, call: Callable[[], R]) -> R:
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        return await asyncio.shield(running)

    def _lease(
        self, priority: PriorityClass, tenant: str, kind: LeaseKind, memory_mib: int
    ) -> AbstractAsyncContextManager[Any]:
        if self._broker is None:
            return nullcontext()
        return self._broker.lease(memory_mib=memory_mib, priority=priority, kind=kind, tenant=f"{self._brick}/{tenant}")


def application(brick: str, compute: Compute, health: Callable[[], Health], load: Callable[[], Any]) -> FastAPI:
    """An application with what every brick has: weights under a lease, its health, and errors in one shape."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with compute.resident():
            await compute.run(load)
            yield

    app = FastAPI(title=f"Brickyard {brick}", lifespan=lifespan, openapi_url=None)

    @app.get("/health")
    def read_health() -> Health:
        return health()

    @app.exception_handler(BrickyardError)
    def translate(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse(Failure(code=error.code, message=error.message).model_dump(), status_code=error.status)

    @app.exception_handler(CallerGone)
    def gone(_: Request, __: CallerGone) -> JSONResponse:
        return JSONResponse(Failure(code="gone", message="the caller has gone").model_dump(), status_code=499)

    return app
