"""What both LLM dialects do with a request: pass it to the brick, and the answer back as it comes, counted.

It does so as plain ASGI: a piece of an answer goes from one socket to the other with nothing in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from brickyard.bricks.hangup import while_there
from brickyard.bricks.llm import streams
from brickyard.bricks.llm.client import Passage, Passing
from brickyard.bricks.llm.contract import ADMIN, PRIORITY, TENANT
from brickyard.bricks.llm.streams import WithoutUsage
from brickyard.bricks.llm.tally import Tally
from brickyard.gateway.dialect import Render, rendered
from brickyard.gateway.gate import Caller, Gate
from brickyard.kit.errors import BrickyardError, TooLarge, Unavailable

SERVICE = "llm"
LARGEST_BODY_MIB = 64


@dataclass(frozen=True, slots=True)
class Errand:
    """A request for the brick. `letters`: of the prompt; the meter takes its tokens from them where nobody tells."""

    method: str
    path: str
    caller: Caller
    body: bytes | AsyncIterator[bytes] = b""
    letters: int = 0
    without_usage: bool = False

    def headers(self) -> dict[str, str]:
        """Shares are those of the key's owner, however many keys he has."""
        told = {
            PRIORITY: self.caller.priority,
            TENANT: quote(self.caller.owner),
            "content-type": "application/json",
        }
        return {**told, ADMIN: "1"} if self.caller.is_admin else told


class Passed(Response):
    """The brick's answer to an errand, or its error as `render` shows it."""

    def __init__(self, passing: Passing, gate: Gate, errand: Errand, render: Render) -> None:
        super().__init__()
        self._passing = passing
        self._gate = gate
        self._errand = errand
        self._render = render
        self._begun = ""
        """The content type, once the answer has begun."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if isinstance(self._errand.body, bytes):
                await while_there(receive, self._pass_on(send))
            else:
                await self._pass_on(send)
        except BrickyardError as error:
            if not self._begun:
                await rendered(self._render, error)(scope, receive, send)
            elif within := streams.error_within(self._begun, error):
                await send({"type": "http.response.body", "body": within, "more_body": False})
            else:
                raise  # so that the connection breaks: what was sent must not look whole

    async def _pass_on(self, send: Send) -> None:
        errand = self._errand
        async with self._passing.open(errand.method, errand.path, errand.headers(), errand.body) as passage:
            await send({"type": "http.response.start", "status": passage.status, "headers": _shown(passage, errand)})
            self._begun = passage.content_type
            tally = Tally(passage.content_type.startswith((streams.EVENTS, streams.LINES)), errand.letters)
            try:
                await self._pieces(passage, tally, send)
            finally:
                if passage.model and passage.status < 400:
                    self._meter(passage.model, tally)

    async def _pieces(self, passage: Passage, tally: Tally, send: Send) -> None:
        kept = WithoutUsage() if self._errand.without_usage else None
        async for piece in passage.pieces():
            tally.feed(piece)
            left = piece if kept is None else kept.feed(piece)
            if left:
                await send({"type": "http.response.body", "body": left, "more_body": True})
        rest = b"" if kept is None else kept.rest()
        await send({"type": "http.response.body", "body": rest, "more_body": False})

    def _meter(self, model: str, tally: Tally) -> None:
        counts = tally.counts()
        self._gate.meter(
            self._errand.caller,
            SERVICE,
            model,
            prompt_tokens=counts.prompt_tokens,
            completion_tokens=counts.completion_tokens,
            requests=1,
        )


def _shown(passage: Passage, errand: Errand) -> list[tuple[bytes, bytes]]:
    told = [(b"content-type", passage.content_type.encode("latin-1"))]
    if passage.length is not None and not errand.without_usage:
        told.append((b"content-length", passage.length.encode("latin-1")))
    if passage.content_type.startswith(streams.EVENTS):
        told += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    return told


async def body_of(request: Request) -> bytes:
    """Raises TooLarge."""
    largest = LARGEST_BODY_MIB << 20
    parts: list[bytes] = []
    size = 0
    async for part in _parts(request):
        size += len(part)
        if size > largest:
            raise TooLarge(f"The request has more than {LARGEST_BODY_MIB} MiB, the most that a body may have.")
        parts.append(part)
    return b"".join(parts)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("The caller hung up before all of the request was here.")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
