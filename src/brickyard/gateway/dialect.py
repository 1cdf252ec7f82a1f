"""Each dialect answers errors in its own shape; this is what makes its routes do so."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from brickyard.kit.db import is_outage
from brickyard.kit.errors import (
    BadInput,
    BrickyardError,
    Busy,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    by_code,
)
from brickyard.kit.logs import get

Render = Callable[[BrickyardError], Response]

log = get(__name__)


def route_class(render: Render, first: Callable[[Request], Awaitable[None]] | None = None) -> type[APIRoute]:
    """Routes that answer every error with what `render` makes of it, and with Retry-After where that is known.

    `first` is asked before anything of the body is read: a stranger's upload fills no disk.
    """

    class DialectRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    if first is not None:
                        await first(request)
                    return await answer(request)
                except Exception as error:  # noqa: BLE001  the edge of this dialect: nothing passes in another shape
                    return rendered(render, ours(error))

            return answered

    return DialectRoute


def rendered(render: Render, error: BrickyardError) -> Response:
    response = render(error)
    if isinstance(error, (Busy, TooManyRequests)):
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = "Bearer"
    return response


def ours(error: Exception) -> BrickyardError:
    """Any error as one of our family. One that was not foreseen is logged, and says no more than that."""
    if isinstance(error, BrickyardError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
        return BadInput(f"{where or 'The request'}: {first['msg']}.")
    if isinstance(error, HTTPException):
        known = by_code("bad_input", f"{error.detail}.")
        known.status = error.status_code
        return known
    if is_outage(error):
        return Unavailable("The database does not answer. Try again in a moment.")
    log.error("a request failed", exc_info=error)
    return BrickyardError("Something went wrong that was not foreseen. The log of the web process says what.")
