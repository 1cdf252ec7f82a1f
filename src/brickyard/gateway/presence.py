"""Work for a caller who may hang up: it ends when he does, and what it held is free for others."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from brickyard.bricks import hangup
from brickyard.kit.errors import Unavailable

T = TypeVar("T")


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. The request's body has to be read before. Raises Unavailable, which nobody will read,
    where the caller hung up."""
    results: list[T] = []

    async def keep() -> None:
        results.append(await work)

    if not await hangup.while_there(request.receive, keep()):
        work.close()
        raise Unavailable("The caller hung up.")
    return results[0]
