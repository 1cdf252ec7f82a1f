"""A stand-in for an LLM server: a real HTTP server that answers as Ollama's and OpenAI's APIs are documented. It runs
no model; it says the words that it was given, and what it is asked to do to show how others bear it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

GIB = 1 << 30
FOR_EVER = "2318-10-01T00:00:00Z"


@dataclass
class LlmServer:
    """`models`: their size in bytes. `words`: what it says, a token each. `pause_s`: before each of them."""

    models: dict[str, int] = field(default_factory=lambda: {"tiny:latest": GIB})
    words: list[str] = field(default_factory=lambda: ["Good ", "morning."])
    pause_s: float = 0.0
    is_ollama: bool = True
    context_length: int = 4096
    breaks_after: int | None = None
    """It breaks off after so many words."""
    refuses_with: int | None = None
    instead: Response | None = None
    ends: str = "\n"
    """Of lines."""
    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Paths and bodies of all requests that work."""
    unloaded: list[str] = field(default_factory=list)
    cut_off: int = 0
    """Streams whose reader left before the end."""
    under_way: int = 0
    most_under_way: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    """Cleared, it says no more than `holds_after` words."""
    holds_after: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self.go_on.set()

    def app(self) -> ASGIApp:
        app = FastAPI()
        self._add_openai(app)
        if self.is_ollama:
            self._add_ollama(app)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await (self.instead or app)(scope, receive, send)

        return answer

    def _add_ollama(self, app: FastAPI) -> None:
        @app.get("/api/version")
        def version() -> dict[str, str]:
            return {"version": "0.12.6"}

        @app.get("/api/tags")
        def tags() -> dict[str, Any]:
            return {"models": [self._entry(name) for name in self.models]}

        @app.get("/api/ps")
        def ps() -> dict[str, Any]:
            return {"models": list(self.loaded.values())}

        @app.post("/api/show")
        async def show(request: Request) -> Response:
            name = (await request.json())["model"]
            if name not in self.models:
                return JSONResponse({"error": f"model '{name}' not found"}, status_code=404)
            capabilities = ["embedding"] if "embed" in name else ["completion", "vision"]
            return JSONResponse({"capabilities": capabilities, "model_info": {"gemma3.context_length": 131072}})

        @app.post("/api/{verb}")
        async def work(verb: str, request: Request) -> Response:
            body = json.loads(await request.body() or b"{}")
            if verb == "pull":
                self.models[body["model"]] = GIB
                return StreamingResponse(_lines({"status": "success"}), media_type="application/x-ndjson")
            return await self._native(verb, body, request)

        @app.delete("/api/delete")
        async def delete(request: Request) -> Response:
            self.models.pop((await request.json())["model"], None)
            return Response()

        @app.api_route("/api/blobs/{digest}", methods=["POST"])
        async def blob(digest: str, request: Request) -> Response:
            self.asked.append((f"/api/blobs/{digest}", {"bytes": len(await request.body())}))
            return Response(status_code=201)

    async def _native(self, verb: str, body: dict[str, Any], request: Request) -> Response:
        name = body["model"]
        if verb == "generate" and not body.get("prompt"):
            if body.get("keep_alive") == 0:
                self.unloaded.append(name)
                self.loaded.pop(name, None)
            else:
                self._load(name, FOR_EVER if body.get("keep_alive") == -1 else None, body)
            return JSONResponse({"model": name, "response": "", "done": True})
        self.asked.append((f"/api/{verb}", body))
        if self.refuses_with:
            return JSONResponse({"error": "server busy, please try again"}, status_code=self.refuses_with)
        self._load(name, FOR_EVER if body.get("keep_alive") == -1 else None, body)
        if verb in {"embed", "embeddings"}:
            return JSONResponse({"model": name, "embeddings": [[0.5, 0.25]], "prompt_eval_count": 3})
        if body.get("stream", True) is False:
            said = "".join([word async for word in self._said(request)])
            return JSONResponse({**self._native_piece(verb, name, said), **self._native_end()})
        return StreamingResponse(self._native_stream(verb, name, request), media_type="application/x-ndjson")

    async def _native_stream(self, verb: str, name: str, request: Request) -> AsyncIterator[bytes]:
        async for word in self._said(request):
            yield json.dumps({**self._native_piece(verb, name, word), "done": False}).encode() + b"\n"
        yield json.dumps({**self._native_piece(verb, name, ""), **self._native_end()}).encode() + b"\n"

    def _native_piece(self, verb: str, name: str, text: str) -> dict[str, Any]:
        said = {"message": {"role": "assistant", "content": text}} if verb == "chat" else {"response": text}
        return {"model": name, "created_at": "2026-11-20T09:00:00Z", **said}

    def _native_end(self) -> dict[str, Any]:
        return {
            "done": True,
            "done_reason": "stop",
            "load_duration": 2_000_000_000,
            "prompt_eval_count": 7,
            "eval_count": len(self.words),
        }

    def _add_openai(self, app: FastAPI) -> None:
        @app.get("/v1/models")
        def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": name, "max_model_len": 2048} for name in self.models]}

        @app.post("/v1/{path:path}")
        async def work(path: str, request: Request) -> Response:
            body = await request.json()
            self.asked.append((f"/v1/{path}", body))
            if self.refuses_with:
                told = {"message": "no", "type": "invalid_request_error", "param": "messages", "code": "strange"}
                return JSONResponse({"error": told}, status_code=self.refuses_with)
            self._load(body["model"], None, {})
            if path == "embeddings":
                return JSONResponse(self._embedding(body))
            if body.get("stream"):
                return StreamingResponse(self._events(path, body, request), media_type="text/event-stream")
            said = "".join([word async for word in self._said(request)])
            return JSONResponse(self._whole(path, body, said))

    def _embedding(self, body: dict[str, Any]) -> dict[str, Any]:
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def _whole(self, path: str, body: dict[str, Any], said: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said}
        if body.get("tools"):
            called = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Riga"}'}
            message = {"role": "assistant", "content": None}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": called}]
        if body.get("response_format"):
            message["content"] = json.dumps({"asked": body["response_format"]["type"]})
        choice: dict[str, Any] = {"index": 0, "finish_reason": "tool_calls" if body.get("tools") else "stop"}
        choice |= {"message": message} if path == "chat/completions" else {"text": said}
        return {**self._head(path, body), "choices": [choice], "usage": self._usage()}

    def _head(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        kind = "chat.completion" if path == "chat/completions" else "text_completion"
        return {"id": "c1", "object": kind, "created": 1_795_000_000, "model": body["model"]}

    def _usage(self) -> dict[str, int]:
        return {"prompt_tokens": 7, "completion_tokens": len(self.words), "total_tokens": 7 + len(self.words)}

    async def _events(self, path: str, body: dict[str, Any], request: Request) -> AsyncIterator[bytes]:
        head = self._head(path, body) | {"object": "chat.completion.chunk"}
        async for word in self._said(request):
            said = {"delta": {"content": word}} if path == "chat/completions" else {"text": word}
            yield self._event({**head, "choices": [{"index": 0, "finish_reason": None, **said}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield self._event({**head, "choices": [], "usage": self._usage()})
        yield f"data: [DONE]{self.ends}{self.ends}".encode()

    def _event(self, told: dict[str, Any]) -> bytes:
        return f"data: {json.dumps(told)}{self.ends}{self.ends}".encode()

    async def _said(self, request: Request) -> AsyncIterator[str]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        ended = False
        try:
            for number, word in enumerate(self.words):
                if await self._is_left(request, number):
                    return
                if number == self.breaks_after:
                    ended = True
                    raise RuntimeError("the stand-in breaks off")
                await asyncio.sleep(self.pause_s)
                yield word
            ended = True
        finally:
            self.cut_off += not ended
            self.under_way -= 1

    async def _is_left(self, request: Request, number: int) -> bool:
        """Whether its reader is gone, once it may say this word."""
        while not await request.is_disconnected():
            if self.go_on.is_set() or number < self.holds_after:
                return False
            await asyncio.sleep(0.005)
        return True

    def _entry(self, name: str) -> dict[str, Any]:
        return {"name": name, "model": name, "size": self.models[name], "digest": f"sha256:{name}", "details": {}}

    def _load(self, name: str, expires_at: str | None, body: dict[str, Any]) -> None:
        name = name if name in self.models else f"{name}:latest"
        if name not in self.models or not self.is_ollama:
            return
        soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        context = (body.get("options") or {}).get("num_ctx", self.context_length)
        size = self.models[name]
        self.loaded[name] = {
            **self._entry(name),
            "size_vram": size,
            "expires_at": expires_at or soon,
            "context_length": context,
        }


async def _lines(*told: dict[str, Any]) -> AsyncIterator[bytes]:
    for one in told:
        yield json.dumps(one).encode() + b"\n"


class _Quick(uvicorn.Server):
    """Ends within 10 ms rather than some hundreds: tests start and stop many."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, without its pause of 0.1 s."""
        for listener in [*self.servers, *(sockets or [])]:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = set(self.server_state.tasks)
        _, late = await asyncio.wait(tasks, timeout=1.0) if tasks else (set(), set())
        for task in late:
            task.cancel()
        await self.lifespan.shutdown()


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[None]:
    """In a thread of the test's own process. `options` are uvicorn's, such as where."""
    sockets = options.pop("sockets", None)
    server = _Quick(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended while starting"
        time.sleep(0.002)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def on_loopback(app: Any, **options: Any) -> Iterator[str]:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener, listening(app, sockets=[listener], **options):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(server: LlmServer) -> Iterator[LlmServer]:
    """Its address is in `url` meanwhile."""
    with on_loopback(server.app(), lifespan="off") as server.url:
        try:
            yield server
        finally:
            server.go_on.set()
