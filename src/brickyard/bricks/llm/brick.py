"""The `llm` brick: one line for all who want something of the LLM servers.

It holds no weights itself. What the gateway passes through goes on as it is, apart from what terms.py sets; what parts
of the platform ask is put into the words of the server that is chosen.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import generate_latest

from brickyard.bricks.hangup import while_there
from brickyard.bricks.llm import asking, talk
from brickyard.bricks.llm.contract import (
    THROUGH,
    Completion,
    CompletionRequest,
    LlmModels,
    Piece,
    PromptTooLong,
)
from brickyard.bricks.llm.directory import Directory
from brickyard.bricks.llm.metrics import BACKEND_UP
from brickyard.bricks.llm.places import Places
from brickyard.bricks.llm.servers import Kind, Server
from brickyard.bricks.llm.sittings import Figures, Sittings
from brickyard.bricks.llm.terms import Terms, letters_of
from brickyard.bricks.llm.through import Through, failure
from brickyard.bricks.llm.work import Asked, Work, session
from brickyard.bricks.server import State
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BrickyardError, NotFound, Unavailable
from brickyard.kit.logs import get
from brickyard.kit.metrics import CONTENT_TYPE, registry

log = get(__name__)

LOOKS_EVERY_S = 2.0
FIRST_LOOK_WITHIN_S = 10.0
FOR_EVER = timedelta(days=30)


class LlmBrick:
    """`parallel`: requests at once at each server; `longest_line`: how many may wait for a place."""

    def __init__(
        self,
        servers: Sequence[Server],
        broker: BrokerClient | None = None,
        *,
        given: Terms | None = None,
        parallel: int = 4,
        longest_line: int = 64,
        default_model: str | None = None,
        looks_every_s: float = LOOKS_EVERY_S,
    ) -> None:
        self._terms = given or Terms()
        self._default_model = default_model
        self._looks_every_s = looks_every_s
        self._broker = broker
        self.places = Places(lambda under_way: self.directory.desks(under_way, parallel), longest_line)
        self.directory = Directory(servers, self._terms, self._changed)
        self._on_card = next((server for server in servers if server.shares_card), None)

    def app(self) -> FastAPI:
        app = FastAPI(title="Brickyard llm", lifespan=self._lifespan, openapi_url=None)
        app.add_api_route("/health", self._health, methods=["GET"])
        app.add_api_route("/metrics", _metrics, methods=["GET"])
        app.add_api_route("/models", self._models, methods=["GET"])
        app.add_api_route("/complete", self._complete, methods=["POST"], response_model=Completion)
        app.add_api_route("/stream", self._stream, methods=["POST"], response_class=StreamingResponse)
        through = Through(self.directory, lambda: self.work, self.ready, self.look)
        app.mount(THROUGH, through)
        app.add_exception_handler(BrickyardError, _translated)
        return app

    # ---- its life

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self.http = await stack.enter_async_context(session())
            sittings = self._seated(stack)
            self.work = Work(self.http, self.directory, self.places, self._terms, sittings)
            for look in (self._look_for_ever(sittings), self._pin_for_ever(sittings)):
                stack.push_async_callback(_cancelled, asyncio.create_task(look))
            yield

    def _seated(self, stack: AsyncExitStack) -> Sittings | None:
        if self._broker is None or self._on_card is None:
            return None
        card = self._on_card
        sittings = Sittings(
            self._broker,
            self._figures,
            lambda model: asking.unload(self.http, card, model),
            self._held_mib,
            self._terms.pinned,
        )
        stack.push_async_callback(sittings.close)
        return sittings

    async def _look_for_ever(self, sittings: Sittings | None) -> None:
        while True:
            as_of = time.monotonic()
            try:
                await self.look()
                if sittings is not None:
                    await sittings.look(_vram(self._loaded_on_card()), as_of)
            except BrickyardError as error:
                log.warning("what is loaded could not be looked after", reason=error.message)
            await asyncio.sleep(self._looks_every_s)

    async def _pin_for_ever(self, sittings: Sittings | None) -> None:
        """Apart from the looking, since it may wait long for room."""
        while sittings is not None and self._terms.pinned:
            try:
                await self._keep_pinned(sittings)
            except BrickyardError as error:
                log.warning("a pinned model could not be loaded", reason=error.message)
            await asyncio.sleep(self._looks_every_s)

    async def look(self) -> None:
        await self.directory.look(self.http)
        for name, stand in self.directory.stands.items():
            BACKEND_UP.labels(name).set(stand.is_up)

    async def ready(self) -> None:
        """Servers are asked before the first request is answered."""
        if self.directory.looked.is_set():
            return
        try:
            async with asyncio.timeout(FIRST_LOOK_WITHIN_S):
                await self.directory.looked.wait()
        except TimeoutError:
            raise Unavailable("The LLM servers have not answered yet. Try again in a moment.") from None

    def _changed(self) -> None:
        self.places.serve()

    # ---- the card

    def _loaded_on_card(self) -> Mapping[str, asking.Entry]:
        assert self._on_card is not None
        return self.directory.stands[self._on_card.name].inventory.loaded

    async def _held_mib(self) -> dict[str, int]:
        assert self._on_card is not None
        return _vram((await asking.inventory(self.http, self._on_card)).loaded)

    def _figures(self, model: str) -> Figures:
        assert self._on_card is not None
        stand = self.directory.stands[self._on_card.name]
        files_mib = asking.size_mib(stand.inventory.there.get(model, {}))
        context_tokens = self.directory.context_of(self._on_card.name, model)
        return Figures(files_mib, context_tokens, stand.held_mib.get(model))

    async def _keep_pinned(self, sittings: Sittings) -> None:
        """Loads what is to stay, and says again that it stays where a request of OpenAI's API has changed that."""
        assert self._on_card is not None
        stand = self.directory.stands[self._on_card.name]
        for model in self._terms.pinned & stand.inventory.there.keys():
            entry = stand.inventory.loaded.get(model)
            expires_at = asking.expires_at(entry) if entry else None
            if expires_at is not None and expires_at - datetime.now(UTC) > FOR_EVER:
                continue
            context = asking.context_of(entry) if entry else self._terms.context_of(model)
            async with sittings.at(model, PriorityClass.BATCH) as begins:
                await asking.keep_for_ever(self.http, self._on_card, model, context)
                begins()

    # ---- what callers say

    async def _health(self) -> State:
        kinds = sorted({stand.server.kind for stand in self.directory.stands.values()})
        loaded = sorted({model.name for model in self.directory.models() if model.loaded})
        return State(brick="llm", engine=", ".join(kinds), loaded=loaded)

    async def _models(self) -> LlmModels:
        await self.ready()
        return LlmModels(models=self.directory.models(), default=self._default(), troubles=self.directory.troubles())

    async def _complete(self, request: CompletionRequest, http: Request) -> Response:
        asked = await self._asked(request, stream=False)
        found: list[Completion] = []

        async def complete() -> None:
            async with self.work.answered(asked) as answer:
                content = await answer.whole()
                if answer.status >= 400:
                    raise _refused(answer.server, answer.status, content)
                found.append(talk.completion(content, asked.model, answer.server.kind, answer.lasts_s()))

        if not await while_there(http.receive, complete()):
            return Response(status_code=499)
        return Response(found[0].model_dump_json(), media_type="application/json")

    async def _stream(self, request: CompletionRequest, http: Request) -> StreamingResponse:
        asked = await self._asked(request, stream=True)
        return StreamingResponse(self._pieces(asked), media_type="application/x-ndjson")

    async def _pieces(self, asked: Asked) -> AsyncIterator[bytes]:
        """An error is a line too: the status has been told by then."""
        try:
            async with self.work.answered(asked) as answer:
                if answer.status >= 400:
                    raise _refused(answer.server, answer.status, await answer.whole())
                rest = b""
                async for data in answer.pieces():
                    *lines, rest = (rest + data).split(b"\n")
                    if text := "".join(talk.piece(line, answer.server.kind) for line in lines):
                        yield _line(Piece(text=text))
                if text := talk.piece(rest, answer.server.kind):
                    yield _line(Piece(text=text))
        except BrickyardError as error:
            yield _line(Piece(code=error.code, message=error.message))

    async def _asked(self, request: CompletionRequest, *, stream: bool) -> Asked:
        await self.ready()
        name = request.model or self._default()
        if name is None:
            self.directory.find("")
            raise NotFound("No LLM server has a model that writes text. Pull one, or name another server.")
        model = self.directory.find(name)
        known = self.directory.most_context_of(model)
        if request.context_tokens and known and known < request.context_tokens:
            raise PromptTooLong(
                f"{request.context_tokens:,} tokens of context are asked for; {model} takes {known:,} here. "
                "Raise BRICKYARD_LLM_CONTEXT_TOKENS, or ask for another model."
            )
        kind = self._kind_for(model)
        body = self._terms.applied(talk.PATHS[kind], talk.body(request, model, kind, stream=stream), model)
        return Asked(
            path=talk.PATHS[kind],
            model=model,
            body=json.dumps(body).encode(),
            letters=letters_of(body),
            priority=request.priority,
            user=request.tenant,
            native=kind is Kind.OLLAMA,
        )

    def _kind_for(self, model: str) -> Kind:
        """Ollama's own API says more, so it goes before the other where both have the model."""
        kinds = [desk.native for desk in self.directory.desks({}, 1) if model in desk.models]
        return Kind.OLLAMA if any(kinds) else Kind.OPENAI

    def _default(self) -> str | None:
        return self._default_model or self.directory.default()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _vram(loaded: Mapping[str, asking.Entry]) -> dict[str, int]:
    return {name: asking.vram_mib(entry) for name, entry in loaded.items()}


def _refused(server: Server, status: int, content: bytes) -> BrickyardError:
    return Unavailable(f"The LLM server {server.name} refuses with status {status}: {talk.reason(content)}.")


def _line(piece: Piece) -> bytes:
    return piece.model_dump_json().encode() + b"\n"


async def _metrics() -> Response:
    return Response(generate_latest(registry), media_type=CONTENT_TYPE)


def _translated(_: Request, error: Exception) -> Response:
    assert isinstance(error, BrickyardError)
    return failure(error)
