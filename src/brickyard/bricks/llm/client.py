"""Calls the `llm` brick: typed for parts of the platform, and as it comes for the dialects of the gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import httpx
from pydantic import ValidationError

from brickyard.bricks.client import PATIENCE_S, Brick
from brickyard.bricks.contract import Failure
from brickyard.bricks.llm.contract import (
    ERROR,
    MODEL,
    THROUGH,
    Completion,
    CompletionRequest,
    LlmModel,
    LlmModels,
    Piece,
)
from brickyard.bricks.llm.work import SLOWEST_PIECE_S
from brickyard.kit.errors import BrickyardError, Busy, Unavailable, by_code

FIRST_PAUSE_S = 0.1


class Llm(Brick):
    def __init__(self, socket: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("llm", socket, patience_s)

    async def complete(self, request: CompletionRequest) -> Completion:
        """Raises Unsupported where no server is set, NotFound, PromptTooLong, Busy, Unavailable."""
        return await self.ask("POST", "/complete", request, Completion)

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str]:
        """The text as it comes. Raises what `complete` does."""
        async with self._http.stream("POST", "/stream", content=request.model_dump_json(), headers=_JSON) as answer:
            try:
                if not answer.is_success:
                    raise _failure(answer.status_code, answer.headers, await answer.aread())
                async for line in answer.aiter_lines():
                    piece = Piece.model_validate_json(line)
                    if piece.code is not None:
                        raise by_code(piece.code, piece.message)
                    yield piece.text
            except httpx.TransportError as error:
                raise Unavailable(f"The llm brick broke off ({error!r}). Try again; its log says why.") from error

    async def models(self) -> list[LlmModel]:
        return (await self.overview()).models

    async def overview(self) -> LlmModels:
        """All models, and which one is the default."""
        return await self.ask("GET", "/models", None, LlmModels)


class Passage:
    """An answer on its way through the gateway."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.content_type = response.headers.get("content-type", "application/json")
        self.model = unquote(response.headers.get(MODEL, ""))
        self.length = response.headers.get("content-length")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises Unavailable where the brick breaks off."""
        try:
            async for data in self._response.content.iter_any():
                yield data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"The llm brick broke off ({type(error).__name__}). Try again in a moment.") from error


class Passing:
    """The brick as the dialects use it. One that is being started again is waited for. Use it in one event loop."""

    def __init__(self, socket: Path, patience_s: float = 10.0) -> None:
        self._socket = socket
        self._patience_s = patience_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def open(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | AsyncIterator[bytes] = b""
    ) -> AsyncIterator[Passage]:
        """An answer of a server, whatever it is. Raises what the brick itself has to say: NotFound, Busy, ..."""
        response = await self._opened(method, path, headers, body)
        try:
            if response.headers.get(ERROR):
                raise _failure(response.status, response.headers, await response.read())
            yield Passage(response)
        finally:
            response.release()

    async def _opened(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | AsyncIterator[bytes]
    ) -> aiohttp.ClientResponse:
        give_up, pause_s = time.monotonic() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                return await self._there().request(method, f"http://brick{THROUGH}{path}", headers=headers, data=body)
            except aiohttp.ClientError as error:
                if time.monotonic() > give_up or not isinstance(body, bytes):
                    raise Unavailable(f"The llm brick does not answer ({error}). Try again in a moment.") from error
            await asyncio.sleep(pause_s)

    def _there(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=0, keepalive_timeout=4.0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SLOWEST_PIECE_S),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


_JSON = {"content-type": "application/json"}


def _failure(status: int, headers: Mapping[str, str], content: bytes) -> BrickyardError:
    try:
        told = Failure.model_validate_json(content)
    except ValidationError:
        return BrickyardError(f"The llm brick failed with status {status}; its log says why.")
    error = by_code(told.code, told.message)
    if isinstance(error, Busy):
        error.retry_after_s = float(headers.get("retry-after", "1"))
    return error
