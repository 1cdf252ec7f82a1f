"""The gateway as it runs: the real gate with keys in a database, the dialects, the brick on its socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

from brickyard.access import keys
from brickyard.access.keys import NewKey
from brickyard.access.turnstile import Turnstile
from brickyard.bricks.llm.client import Llm, Passing
from brickyard.gateway import ollama, openai_llm
from brickyard.gateway.gate import Gate
from tests.llm_server import LlmServer, on_loopback
from tests.unit.bricks.llm.scene import brick


@dataclass(frozen=True)
class Platform:
    """Its address, and keys of one who uses it and of one who administers it."""

    url: str
    key: str
    admin_key: str
    engine: sa.Engine


@contextmanager
def platform(engine: sa.Engine, *servers: LlmServer, **options: Any) -> Iterator[Platform]:
    """In front of stand-ins for LLM servers, and of a real one at `address`. Other `options` are the brick's."""
    gate = Gate(Turnstile(engine))
    with brick(*servers, **options) as socket:
        llm, passing = Llm(socket), Passing(socket)

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> Any:
            async with gate.running(), llm:
                yield
                await passing.close()

        app = FastAPI(lifespan=lifespan)
        app.include_router(openai_llm.router(gate, passing, openai_llm.language_models(llm)))
        app.include_router(ollama.router(gate, passing))
        with on_loopback(app) as url:
            key, _ = keys.create(engine, NewKey("notebook", "ada"))
            admin_key, _ = keys.create(engine, NewKey("operator", "eve", is_admin=True))
            yield Platform(url, key, admin_key, engine)


def used(engine: sa.Engine) -> dict[str, float]:
    """What is written down for all keys, by measure."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT measure, sum(amount) FROM usage GROUP BY measure"))
        return {str(measure): float(amount) for measure, amount in rows}
