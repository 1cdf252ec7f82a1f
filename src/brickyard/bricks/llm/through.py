"""Requests of the dialects, passed on to a server as they are, and its answer back as it comes. Plain ASGI: between a
server's piece and the caller there is nothing that need not be.

Work goes through the line. What is asked about the models is answered from what was last seen of all servers; changes
to them go straight to one Ollama, and only administrators get so far (the gateway sees to that).
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from brickyard.bricks.contract import Failure
from brickyard.bricks.hangup import while_there
from brickyard.bricks.llm import asking, streams
from brickyard.bricks.llm.contract import ADMIN, ERROR, PRIORITY, TENANT, THROUGH
from brickyard.bricks.llm.directory import Directory
from brickyard.bricks.llm.servers import Server
from brickyard.bricks.llm.terms import EMBEDS, GENERATES
from brickyard.bricks.llm.work import Work, parsed
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BadInput, BrickyardError, Busy, Unavailable

SHOW = "/api/show"
BLOBS = "/api/blobs/"
CHANGES = frozenset({"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"})
GREETING = "Ollama is running"

Headers = dict[str, str]


class Through:
    """`work`: how requests reach a server, once the brick lives. `look`: asks the servers what they have."""

    def __init__(
        self,
        directory: Directory,
        work: Callable[[], Work],
        ready: Callable[[], Awaitable[None]],
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self._directory = directory
        self._work = work
        self._ready = ready
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].partition(THROUGH)[2]
        told = _Told(send)
        try:
            await self._ready()
            await self._answer(path, scope, receive, told)
        except BrickyardError as error:
            if not told.begun:
                await failure(error)(scope, receive, send)
            elif within := streams.error_within(told.content_type, error):
                await told.last(within)
            else:
                raise  # so that the connection breaks: what was sent must not look whole

    async def _answer(self, path: str, scope: Scope, receive: Receive, told: _Told) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if path in GENERATES | EMBEDS:
            raw = b"".join([piece async for piece in _body(receive)])
            await while_there(receive, self._worked(path, raw, headers, told))
        elif path == SHOW or path in CHANGES or path.startswith(BLOBS):
            await self._straight(path, scope["method"], receive, told)
        else:
            response = self._known(path)
            await response(scope, receive, told.send)

    async def _worked(self, path: str, raw: bytes, headers: Headers, told: _Told) -> None:
        priority = PriorityClass(headers.get(PRIORITY, PriorityClass.STANDARD))
        asked = self._work().asked(path, raw, priority, headers.get(TENANT, ""), is_admin=ADMIN in headers)
        async with self._work().answered(asked) as answer:
            await told.start(answer.status, answer.headers, answer.content_type)
            async for piece in answer.pieces():
                await told.more(piece)
        await told.last(b"")

    async def _straight(self, path: str, method: str, receive: Receive, told: _Told) -> None:
        """To one server, beside the line; it takes no memory of the card."""
        work = self._work()
        if path.startswith(BLOBS):
            await self._passed(work, self._directory.ollama_with(None), method, path, _body(receive), told)
        else:
            raw = b"".join([piece async for piece in _body(receive)])
            body = parsed(raw)
            model = body.get("model") or body.get("name") or body.get("source")
            server = self._directory.ollama_with(model if isinstance(model, str) else None)
            await while_there(receive, self._passed(work, server, method, path, raw, told))

    async def _passed(
        self, work: Work, server: Server, method: str, path: str, body: bytes | AsyncIterator[bytes], told: _Told
    ) -> None:
        try:
            async with work.http.request(
                method, server.url + path, data=body, headers=asking.credentials(server)
            ) as response:
                content_type = response.headers.get("content-type", "application/json")
                await told.start(response.status, [(b"content-type", content_type.encode("latin-1"))], content_type)
                async for piece in response.content.iter_any():
                    await told.more(piece)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise asking.away(server, error) from error
        if path in CHANGES:
            await self._look()  # before the end is told: who has pulled a model may ask for it then
        await told.last(b"")

    def _known(self, path: str) -> Response:
        match path:
            case "/api/tags" | "/api/ps":
                return JSONResponse({"models": self._directory.entries(loaded=path == "/api/ps")})
            case "/api/version":
                return JSONResponse({"version": self._directory.ollama_version()})
            case "/":
                self._directory.ollama_with(None)
                return PlainTextResponse(GREETING)
        raise BadInput(f"{path} is not passed on to LLM servers.")


class _Told:
    """What has been sent of an answer."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.begun = False
        self.content_type = ""

    async def start(self, status: int, headers: list[tuple[bytes, bytes]], content_type: str) -> None:
        self.begun, self.content_type = True, content_type
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, piece: bytes) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": True})

    async def last(self, piece: bytes) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": False})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("The caller hung up before all of the request was here.")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


def failure(error: BrickyardError) -> JSONResponse:
    """The header tells it from an answer of a server."""
    headers = {ERROR: error.code}
    if isinstance(error, Busy):
        headers["retry-after"] = str(math.ceil(error.retry_after_s))
    told = Failure(code=error.code, message=error.message)
    return JSONResponse(told.model_dump(), status_code=error.status, headers=headers)
