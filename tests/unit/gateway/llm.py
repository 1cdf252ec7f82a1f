"""The LLM dialects in an application, in front of the real brick and a stand-in for an LLM server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from fastapi import FastAPI
from starlette.requests import Request

from brickyard.bricks.llm.client import Llm, Passing
from brickyard.gateway import ollama, openai_llm
from brickyard.gateway.gate import Caller, Gate
from brickyard.kit.errors import TooManyRequests, Unauthenticated
from tests.llm_server import LlmServer, on_loopback
from tests.unit.bricks.llm.scene import brick

CHAT, NATIVE = "/v1/chat/completions", "/api/chat"
ASKED: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Good evening."}]}


class Door:
    """A gate that knows three keys: `user`, `admin`, and `spent`, whose rate is used up."""

    def __init__(self) -> None:
        self.metered: list[tuple[str, str, str, dict[str, float]]] = []

    async def admit(self, request: Request, scope: str | None, key: str | None = None) -> Caller:
        assert scope in {None, "llm"}
        name = request.headers.get("authorization", "").removeprefix("Bearer ")
        if name == "spent":
            raise TooManyRequests("This key may send 1 request a minute.", 12.5)
        if name not in {"user", "admin"}:
            raise Unauthenticated("This key is not known.")
        priority = request.headers.get("x-brickyard-priority", "standard")
        return Caller(UUID(int=1), name, f"Ada Ł {name}", name == "admin", priority)

    def meter(self, caller: Caller, service: str, model: str, **amounts: float) -> None:
        self.metered.append((caller.name, service, model, amounts))

    def gate(self) -> Gate:
        return cast(Gate, self)


def application(gate: Gate, brick_socket: Path) -> tuple[FastAPI, Passing]:
    app, passing = FastAPI(), Passing(brick_socket, patience_s=0.3)
    app.include_router(openai_llm.router(gate, passing, openai_llm.language_models(Llm(brick_socket, patience_s=0.3))))
    app.include_router(ollama.router(gate, passing))
    return app, passing


@contextmanager
def gateway(server: LlmServer, door: Door | None = None, key: str = "user", **options: Any) -> Iterator[httpx.Client]:
    """`options` are the brick's."""
    with brick(server, **options) as brick_socket:
        app, _ = application((door or Door()).gate(), brick_socket)
        headers = {"authorization": f"Bearer {key}"}
        with (
            on_loopback(app) as url,
            httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as client,
        ):
            yield client


def until(true: Any, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
