"""A real HTTP server that answers as Ollama's API is documented; Ollama itself does not run here."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from brickyard.gpu.ollama import LoadedModel, Ollama, used_since
from brickyard.kit.errors import Unavailable

GIB = 1 << 30
NOON = datetime(2026, 6, 4, 12, 0, 0, tzinfo=UTC)


def entry(name: str, vram: int, size: int, expires_at: str = "2026-06-04T14:38:31.123456789-07:00") -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "size": size,
        "digest": "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1",
        "details": {"parent_model": "", "format": "gguf", "family": "gemma3", "parameter_size": "4.3B"},
        "expires_at": expires_at,
        "size_vram": vram,
        "context_length": 4096,
    }


@dataclass
class FakeOllama:
    models: list[dict[str, Any]] = field(default_factory=list)
    instead: Response | None = None
    """What it answers to everything."""
    address: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def answer_instead(request: Request, call_next: Any) -> Any:
            return self.instead or await call_next(request)

        @app.get("/api/version")
        def version() -> dict[str, str]:
            return {"version": "0.12.6"}

        @app.get("/api/ps")
        def ps() -> dict[str, Any]:
            return {"models": self.models}

        @app.post("/api/generate")
        async def generate(request: Request) -> Any:
            return self.generate(await request.json())

        return app

    def generate(self, body: dict[str, Any]) -> Response | dict[str, Any]:
        name = body["model"]
        if name == "removed":
            return JSONResponse({"error": f"model '{name}' not found"}, status_code=404)
        if body["prompt"] or body["keep_alive"] != 0 or body["stream"] is not False:
            return JSONResponse({"error": "not a request to unload"}, status_code=400)
        self.models = [model for model in self.models if model["name"] != name]
        return {"model": name, "created_at": "2026-06-04T12:00:00Z", "response": "", "done": True}


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOllama]:
    fake = FakeOllama()
    with served(fake.app()) as fake.address:
        yield fake


@pytest.fixture
def ollama(server: FakeOllama) -> FakeOllama:
    server.models, server.instead = [], None
    return server


@asynccontextmanager
async def asked(fake: FakeOllama) -> AsyncIterator[Ollama]:
    async with Ollama(fake.address + "/") as tenant:
        yield tenant


def loaded(fake: FakeOllama) -> list[LoadedModel]:
    async def ask() -> list[LoadedModel]:
        async with asked(fake) as tenant:
            return await tenant.loaded()

    return asyncio.run(ask())


def evict(fake: FakeOllama, name: str) -> None:
    async def ask() -> None:
        async with asked(fake) as tenant:
            await tenant.evict(name)

    asyncio.run(ask())


def test_what_it_holds(ollama: FakeOllama) -> None:
    ollama.models = [
        entry("gemma3:4b", 6 * GIB, 6 * GIB),
        entry("llama3:70b", 40 * GIB + 1, 50 * GIB, "2318-10-01T00:00:00Z"),
    ]
    whole, split = loaded(ollama)
    assert (whole.name, whole.vram_mib, whole.in_ram_mib) == ("gemma3:4b", 6144, 0)
    assert whole.expires_at == datetime(2026, 6, 4, 21, 38, 31, 123456, tzinfo=UTC)
    assert (split.vram_mib, split.size_mib, split.in_ram_mib) == (40961, 51200, 10239)


@pytest.mark.parametrize("models", [[], None])
def test_it_may_hold_nothing(ollama: FakeOllama, models: Any) -> None:
    ollama.models = models
    assert loaded(ollama) == []


def test_a_model_that_is_evicted_is_gone(ollama: FakeOllama) -> None:
    ollama.models = [entry("gemma3:4b", GIB, GIB), entry("qwen3:8b", GIB, GIB)]
    evict(ollama, "gemma3:4b")
    assert [model.name for model in loaded(ollama)] == ["qwen3:8b"]


def test_its_version(ollama: FakeOllama) -> None:
    async def ask() -> str:
        async with asked(ollama) as tenant:
            return await tenant.version()

    assert asyncio.run(ask()) == "0.12.6"


def test_its_own_words_are_passed_on(ollama: FakeOllama) -> None:
    with pytest.raises(Unavailable, match=r"status 404: model 'removed' not found"):
        evict(ollama, "removed")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (JSONResponse({"error": "server busy"}, status_code=503), "status 503: server busy"),
        (JSONResponse(["no"], status_code=500), "status 500"),
        (PlainTextResponse("404 page not found", status_code=404), "does not speak Ollama's API.*404 page not found"),
        (PlainTextResponse("Ollama is running"), "does not speak Ollama's API"),
        (RedirectResponse("http://192.0.2.1/api/ps"), "does not speak Ollama's API"),
        (JSONResponse(["models"]), "does not speak Ollama's API"),
        (JSONResponse({"models": ["gemma3:4b"]}), "does not speak Ollama's API"),
        (JSONResponse({"models": [{"name": "gemma3:4b"}]}), "does not speak Ollama's API"),
        (JSONResponse({"models": [entry("gemma3:4b", 1, 1, "soon")]}), "does not speak Ollama's API"),
    ],
)
def test_other_answers_are_no_answers(ollama: FakeOllama, answer: Response, says: str) -> None:
    ollama.instead = answer
    with pytest.raises(Unavailable, match=says):
        loaded(ollama)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match=r"does not answer at .*Start it"):
        loaded(FakeOllama(address=f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("address", ["localhost", "http://[::1", "ftp://127.0.0.1"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(Unavailable, match="correct its address"):
        loaded(FakeOllama(address=address))


def test_one_that_says_nothing_is_not_waited_for() -> None:
    async def ask(port: int) -> None:
        async with (
            httpx.AsyncClient(timeout=0.2, trust_env=False) as http,
            Ollama(f"http://127.0.0.1:{port}", http) as it,
        ):
            await it.loaded()

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable, match="ReadTimeout"):
        asyncio.run(ask(silent.getsockname()[1]))


def test_a_client_that_was_given_stays_open(ollama: FakeOllama) -> None:
    async def ask() -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            async with Ollama(ollama.address, http) as tenant:
                await tenant.loaded()
            return http.is_closed

    assert not asyncio.run(ask())


def test_proxies_of_the_environment_are_not_used(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert loaded(ollama) == []


def model(name: str, expires_at: datetime) -> LoadedModel:
    return LoadedModel(name, 1000, 1000, expires_at)


def test_a_use_moves_the_time_at_which_a_model_expires() -> None:
    later = NOON + timedelta(minutes=5)
    before = [model("idle", NOON), model("used", NOON), model("hurried", later), model("unloaded", NOON)]
    now = [model("idle", NOON), model("used", later), model("hurried", NOON), model("new", NOON)]
    assert used_since(before, now) == {"used", "hurried", "new"}
    assert used_since(now, now) == set()
