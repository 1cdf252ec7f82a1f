"""Brick and gateway for gateway.py, each in a process of its own: `brick SOCKET PORT`, `gateway SOCKET PORT KEY`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from uuid import uuid4

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request

from brickyard.access import keys, rates
from brickyard.bricks.llm.brick import LlmBrick
from brickyard.bricks.llm.client import Llm, Passing
from brickyard.bricks.llm.servers import servers
from brickyard.gateway import ollama, openai_llm
from brickyard.gateway.gate import Caller, Gate
from brickyard.kit import logs
from brickyard.kit.errors import Unauthenticated

PLACES = 128
"""More than there are streams: it is not the waiting that is measured."""


class OneKey(Gate):
    """The gate without its database: one key, found by its digest as others are, and its rate."""

    def __init__(self, key: str) -> None:
        self._digest = keys.digest(key)
        self._bucket = rates.full(1_000_000, time.monotonic())
        self._caller = Caller(uuid4(), "bench", "ada", False, "standard")
        self.used = 0.0

    async def admit(self, request: Request, scope: str, key: str | None = None) -> Caller:
        given = request.headers.get("authorization", "").partition(" ")[2]
        if keys.digest(given) != self._digest or self._bucket.take(time.monotonic()):
            raise Unauthenticated("This API key is not known.")
        return self._caller

    def meter(self, caller: Caller, service: str, model: str, **amounts: float) -> None:
        self.used += sum(amounts.values())


def brick(socket: Path, port: int) -> None:
    app = LlmBrick(servers(f"http://127.0.0.1:{port}"), parallel=PLACES).app()
    uvicorn.run(app, uds=str(socket), log_config=None, access_log=False)


def gateway(socket: Path, port: int, key: str) -> None:
    app, gate, passing = FastAPI(), OneKey(key), Passing(socket)
    app.include_router(openai_llm.router(gate, passing, openai_llm.language_models(Llm(socket))))
    app.include_router(ollama.router(gate, passing))
    uvicorn.run(app, port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    logs.configure(sys.argv[1], "WARNING")
    if sys.argv[1] == "brick":
        brick(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        gateway(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
