from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from brickyard.bricks.llm import asking
from brickyard.bricks.llm.asking import Abilities, Inventory
from brickyard.bricks.llm.servers import Kind, Server, servers
from brickyard.bricks.llm.work import session
from brickyard.kit.errors import Unavailable
from tests.llm_server import FOR_EVER, LlmServer, serving


def asked(server: LlmServer, question: Callable[[aiohttp.ClientSession, Server], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        kind = Kind.OLLAMA if server.is_ollama else Kind.OPENAI
        async with session() as http:
            return await question(http, Server("s", kind, server.url))

    return asyncio.run(ask())


def test_what_an_ollama_has_and_has_loaded() -> None:
    with serving(LlmServer(models={"a:1b": 1 << 20, "b:2b": (2 << 20) + 1})) as server:
        server._load("b:2b", FOR_EVER, {"options": {"num_ctx": 8192}})
        found = asked(server, asking.inventory)
    assert (set(found.there), set(found.loaded)) == ({"a:1b", "b:2b"}, {"b:2b"})
    entry = found.loaded["b:2b"]
    assert (asking.size_mib(entry), asking.vram_mib(entry), asking.context_of(entry)) == (3, 3, 8192)
    expires_at = asking.expires_at(entry)
    assert expires_at is not None
    assert expires_at.year == 2318


def test_what_a_model_can_do() -> None:
    async def both(http: aiohttp.ClientSession, server: Server) -> list[Abilities]:
        return [await asking.abilities(http, server, {"name": name}) for name in ("tiny:latest", "embed:1b")]

    with serving(LlmServer(models={"tiny:latest": 1, "embed:1b": 1})) as server:
        assert asked(server, both) == [Abilities(131072, True, True), Abilities(131072, False, False)]
    with serving(LlmServer(is_ollama=False)) as server:
        found = asked(server, asking.inventory)
        entry = found.there["tiny:latest"]
        assert found.loaded == {}
        assert asked(server, lambda http, one: asking.abilities(http, one, entry)) == Abilities(2048)


def test_models_leave_and_stay_as_they_are_told() -> None:
    with serving(LlmServer()) as server:
        asked(server, lambda http, one: asking.keep_for_ever(http, one, "tiny:latest", 2048))
        assert server.loaded["tiny:latest"]["expires_at"] == FOR_EVER
        assert server.loaded["tiny:latest"]["context_length"] == 2048
        asked(server, lambda http, one: asking.unload(http, one, "tiny:latest"))
        assert (server.unloaded, server.loaded) == (["tiny:latest"], {})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (JSONResponse({"error": "server busy"}, status_code=503), "status 503: server busy"),
        (PlainTextResponse("bad gateway", status_code=502), "status 502: bad gateway"),
        (PlainTextResponse("hello"), "does not speak the API of an ollama server"),
        (JSONResponse(["models"]), "does not speak"),
        (JSONResponse({"models": ["gemma3:4b"]}), "does not speak"),
        (JSONResponse({"models": [{"name": "a", "expires_at": "soon"}]}), "does not speak"),
    ],
)
def test_other_answers_are_no_answers(answer: Response, says: str) -> None:
    with serving(LlmServer(instead=answer)) as server, pytest.raises(Unavailable, match=says):
        asked(server, asking.inventory)


def test_it_may_hold_nothing() -> None:
    with serving(LlmServer(instead=JSONResponse({"models": None}))) as server:
        assert asked(server, asking.inventory) == Inventory()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match=r"does not answer .*Start it"):
        asked(LlmServer(url=f"http://127.0.0.1:{port}"), asking.inventory)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(LlmServer()) as server:
        assert set(asked(server, asking.inventory).there) == {"tiny:latest"}


def test_a_key_is_sent_to_the_server_that_wants_it() -> None:
    (server,) = servers("openai+http://:secret@llama:8000")
    assert asking.credentials(server) == {"authorization": "Bearer secret"}
    assert asking.credentials(Server("s", Kind.OLLAMA, "http://gpu1")) == {}
