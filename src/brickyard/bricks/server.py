"""What all bricks share as HTTP applications: their life, their health, and errors in one shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from brickyard.bricks.compute import CallerGone, Compute
from brickyard.bricks.contract import Failure, Health
from brickyard.bricks.models import Offer
from brickyard.kit.errors import BrickyardError


class State(Health):
    """`loaded`: the models that are loaded now. A brick answers whether there are any or not."""

    loaded: list[str]


def application(compute: Compute, health: Callable[[], Health], first: Sequence[Offer[Any]] = ()) -> FastAPI:
    """An application whose brick computes with `compute`, loading `first` as soon as there is room for them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with compute.running(first):
            yield

    app = FastAPI(title=f"Brickyard {compute.brick}", lifespan=lifespan, openapi_url=None)

    @app.get("/health")
    async def read_health() -> State:
        loaded = sorted(residence.offer.name for residence in compute.models.loaded())
        return State(**health().model_dump(), loaded=loaded)

    @app.exception_handler(BrickyardError)
    def translate(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse(Failure(code=error.code, message=error.message).model_dump(), status_code=error.status)

    @app.exception_handler(CallerGone)
    def gone(_: Request, __: CallerGone) -> JSONResponse:
        return JSONResponse(Failure(code="gone", message="the caller has gone").model_dump(), status_code=499)

    return app
