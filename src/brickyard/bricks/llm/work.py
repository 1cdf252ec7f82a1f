"""One request on its way: a place, the memory, the server, and the answer as it comes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp

from brickyard.bricks.llm import asking, terms
from brickyard.bricks.llm.contract import MODEL
from brickyard.bricks.llm.directory import Directory
from brickyard.bricks.llm.metrics import DURATION, FIRST_BYTE, REQUESTS, TOKENS
from brickyard.bricks.llm.places import Places
from brickyard.bricks.llm.servers import Server
from brickyard.bricks.llm.sittings import Sittings
from brickyard.bricks.llm.tally import Counts, Tally
from brickyard.bricks.llm.terms import Body, Terms
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BadInput, Busy, Unavailable

SLOWEST_PIECE_S = 900.0
"""A server may load a large model, or read a long prompt, for long before it says anything."""
TRIES = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """`path` on the server, `body` as it gets it. `letters`: of the prompt."""

    path: str
    model: str
    body: bytes
    letters: int
    priority: PriorityClass
    user: str
    native: bool = False
    arrived_at: float = field(default_factory=time.monotonic)


class Answer:
    """A server's answer. To be read once, in pieces as they come."""

    def __init__(
        self,
        asked: Asked,
        server: Server,
        response: aiohttp.ClientResponse,
        begins: Callable[[], None],
        sent_at: float,
    ) -> None:
        self.server = server
        self.sent_at = sent_at
        self.status = response.status
        self.content_type = response.headers.get("content-type", "application/json")
        self._asked = asked
        self._response = response
        self._begins = begins
        streams = "json" not in self.content_type.partition("/")[2] or "ndjson" in self.content_type
        self._tally = Tally(streams, asked.letters)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        length = self._response.headers.get("content-length")
        return [
            (b"content-type", self.content_type.encode("latin-1")),
            (MODEL.encode(), quote(self._asked.model).encode()),
            *([(b"content-length", length.encode("latin-1"))] if length else []),
        ]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises Unavailable where the server breaks off."""
        begun = False
        try:
            async for data in self._response.content.iter_any():
                if not begun:
                    begun = True
                    if self.status < 400:
                        self._begins()
                    FIRST_BYTE.labels(self._asked.model).observe(time.monotonic() - self._asked.arrived_at)
                self._tally.feed(data)
                yield data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(
                f"The LLM server {self.server.name} broke off ({type(error).__name__}). Try again; its log says why."
            ) from error

    async def whole(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    def lasts_s(self) -> float:
        """Since it was sent to the server."""
        return time.monotonic() - self.sent_at

    def counts(self) -> Counts:
        return self._tally.counts()


class Work:
    """`sittings`: for the server that shares this host's card."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        directory: Directory,
        places: Places,
        given: Terms,
        sittings: Sittings | None = None,
    ) -> None:
        self.http = http
        self._directory = directory
        self._places = places
        self._terms = given
        self._sittings = sittings

    def asked(self, path: str, raw: bytes, priority: PriorityClass, user: str, *, is_admin: bool) -> Asked:
        """A request as the body of an API says it. Raises BadInput, NotFound."""
        body = parsed(raw)
        wanted = body.get("model")
        if not isinstance(wanted, str) or not wanted:
            raise BadInput("model: say which model is asked for; /v1/models and /api/tags list them.")
        native = path.startswith("/api/")
        model = self._directory.find(wanted, native=native)
        changed = self._terms.applied(path, body, model, is_admin=is_admin)
        content = raw if changed is body else json.dumps(changed).encode()
        return Asked(path, model, content, terms.letters_of(body), priority, user, native)

    @asynccontextmanager
    async def answered(self, asked: Asked) -> AsyncIterator[Answer]:
        """Raises Busy, Unavailable, PromptTooLong, and what a lease raises."""
        outcome = "failed"
        try:
            terms.check_length(asked.model, asked.letters, self._directory.most_context_of(asked.model))
            async with AsyncExitStack() as stack:
                answer = await self._reach(asked, stack)
                try:
                    yield answer
                finally:
                    DURATION.labels(asked.model).observe(answer.lasts_s())
                    _count(asked.model, answer.counts())
                outcome = "ok" if answer.status < 400 else "refused"
        except Busy:
            outcome = "turned_away"
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "cancelled"
            raise
        finally:
            REQUESTS.labels(asked.model, outcome).inc()

    async def _reach(self, asked: Asked, stack: AsyncExitStack) -> Answer:
        """One that can't be reached is left, as long as another server has the model."""
        while True:
            place = self._places.place(asked.model, asked.priority, asked.user, native=asked.native)
            server = self._directory.stands[await stack.enter_async_context(place)].server
            terms.check_length(asked.model, asked.letters, self._directory.context_of(server.name, asked.model))
            try:
                return await self._send(asked, server, stack)
            except (aiohttp.ClientError, TimeoutError) as error:
                await stack.aclose()
                away = asking.away(server, error)
                self._directory.lost(server.name, away.message)
                if not any(asked.model in desk.models for desk in self._directory.desks({}, 1)):
                    raise away from error

    async def _send(self, asked: Asked, server: Server, stack: AsyncExitStack) -> Answer:
        begins: Callable[[], None] = _nothing
        if server.shares_card and self._sittings is not None and asked.path in terms.GENERATES | terms.EMBEDS:
            begins = await stack.enter_async_context(self._sittings.at(asked.model, asked.priority))
        headers = {"content-type": "application/json", **asking.credentials(server)}
        sent_at = time.monotonic()
        for tries_left in reversed(range(TRIES)):
            try:
                response = await stack.enter_async_context(
                    self.http.post(server.url + asked.path, data=asked.body, headers=headers)
                )
                return Answer(asked, server, response, begins, sent_at)
            except aiohttp.ServerDisconnectedError:
                # A kept connection that the server closed in the same moment; it has not begun to work.
                if not tries_left:
                    raise
        raise AssertionError


def parsed(raw: bytes) -> Body:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadInput(f"The body is no JSON: {error}.") from error
    if not isinstance(body, dict):
        raise BadInput("The body has to be a JSON object.")
    return body


def session() -> aiohttp.ClientSession:
    """Connections to the servers; proxies of the environment are not used."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SLOWEST_PIECE_S),
        headers={"accept-encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )


def _count(model: str, counts: Counts) -> None:
    if counts.told:
        TOKENS.labels(model, "prompt").inc(counts.prompt_tokens)
        TOKENS.labels(model, "completion").inc(counts.completion_tokens)


def _nothing() -> None: ...
