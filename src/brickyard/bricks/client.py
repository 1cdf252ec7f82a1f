"""Calls a brick. One that is being started again is waited for; its errors come out as our own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from brickyard.bricks.contract import Failure, Health
from brickyard.kit.errors import BrickyardError, Unavailable, by_code

R = TypeVar("R", bound=BaseModel)

PATIENCE_S = 60.0
SLOWEST_CHUNK_S = 900.0


class Brick:
    """One brick behind its socket. Use it in one event loop."""

    def __init__(self, name: str, socket: Path, patience_s: float = PATIENCE_S) -> None:
        self.name = name
        self._patience_s = patience_s
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        timeout = httpx.Timeout(SLOWEST_CHUNK_S, connect=5.0)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://brick", timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def health(self) -> Health:
        return await self.ask("GET", "/health", None, Health)

    async def ask(self, method: str, path: str, body: BaseModel | None, reply: type[R]) -> R:
        """Ask until the brick answers. A request lost with a dying brick is sent again: chunks are safe to repeat."""
        give_up = time.monotonic() + self._patience_s
        while True:
            try:
                answer = await self._http.request(
                    method, path, content=body.model_dump_json() if body else None, headers=_JSON
                )
            except httpx.TransportError as error:
                if time.monotonic() > give_up:
                    raise Unavailable(
                        f"The {self.name} brick has not answered for {self._patience_s:.0f} s ({error!r}). "
                        "Look at its log; the job goes on from its last finished chunk when the brick is back."
                    ) from error
                await asyncio.sleep(0.2)
                continue
            if answer.is_success:
                return reply.model_validate_json(answer.content)
            raise _failure(self.name, answer)


_JSON = {"content-type": "application/json"}


def _failure(brick: str, answer: httpx.Response) -> BrickyardError:
    try:
        failure = Failure.model_validate_json(answer.content)
    except ValidationError:
        return BrickyardError(f"The {brick} brick failed with status {answer.status_code}; its log says why.")
    return by_code(failure.code, failure.message)
