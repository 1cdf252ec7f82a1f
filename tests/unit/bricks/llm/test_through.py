from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from brickyard.bricks.llm.client import Passing
from brickyard.bricks.llm.contract import ADMIN, PRIORITY, TENANT
from brickyard.bricks.llm.terms import Terms
from brickyard.kit.errors import BadInput, Busy, NotFound, Unavailable
from tests.llm_server import LlmServer
from tests.unit.bricks.llm.scene import brick
from tests.unit.gpu.running import until

CHAT, NATIVE = "/v1/chat/completions", "/api/chat"
ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


def passed(socket: Path, scenario: Callable[[Passing], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        passing = Passing(socket, patience_s=0.3)
        try:
            async with asyncio.timeout(20):
                return await scenario(passing)
        finally:
            await passing.close()

    return asyncio.run(whole())


async def whole(passing: Passing, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    content = b"" if body is None else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    async with passing.open(method, path, told, content) as passage:
        return passage.status, b"".join([piece async for piece in passage.pieces()])


def test_bodies_and_answers_of_openais_api_go_through_as_they_are() -> None:
    server = LlmServer(is_ollama=False)
    asked = {**ASKED, "model": "tiny:latest", "tools": [{"type": "function", "function": {"name": "weather"}}]}

    async def scenario(passing: Passing) -> None:
        status, answer = await whole(passing, "POST", CHAT, asked)
        assert status == 200
        assert json.loads(answer)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"

    with brick(server) as socket:
        passed(socket, scenario)
    assert server.asked == [(CHAT, asked)]


def test_pieces_come_as_they_are_made() -> None:
    server = LlmServer(words=["one", "two"], holds_after=1)
    server.go_on.clear()

    async def scenario(passing: Passing) -> None:
        async with passing.open("POST", NATIVE, {}, json.dumps(ASKED).encode()) as passage:
            assert (passage.content_type, passage.model) == ("application/x-ndjson", "tiny:latest")
            pieces = passage.pieces()
            assert b'"one"' in await anext(pieces)
            server.go_on.set()
            assert b'"two"' in await anext(pieces)

    with brick(server) as socket:
        passed(socket, scenario)


def test_the_terms_are_those_of_the_platform() -> None:
    server = LlmServer()
    asked = {**ASKED, "keep_alive": 0, "options": {"num_ctx": 64}, "stream": False}

    async def scenario(passing: Passing) -> None:
        await whole(passing, "POST", NATIVE, asked)
        await whole(passing, "POST", NATIVE, asked, **{ADMIN: "1"})

    with brick(server, given=Terms("9m", context_tokens={"": 8192})) as socket:
        passed(socket, scenario)
    told = [(body["keep_alive"], body["options"]["num_ctx"]) for _, body in server.asked]
    assert told == [("9m", 8192), (0, 64)]


def test_the_bricks_own_errors_are_told_from_those_of_servers() -> None:
    async def scenario(passing: Passing) -> None:
        with pytest.raises(NotFound, match="'nope' is not found"):
            await whole(passing, "POST", CHAT, {"model": "nope"})
        for wrong in ([], {}, {"model": 3}):
            with pytest.raises(BadInput):
                await whole(passing, "POST", CHAT, wrong)
        with pytest.raises(BadInput, match="/api/experimental is not passed on"):
            await whole(passing, "POST", "/api/experimental", ASKED)
        status, answer = await whole(passing, "POST", CHAT, ASKED)
        assert (status, json.loads(answer)["error"]["code"]) == (400, "strange")

    with brick(LlmServer(refuses_with=400)) as socket:
        passed(socket, scenario)


def test_a_full_line_says_when_to_come_again() -> None:
    server = LlmServer()
    server.go_on.clear()

    async def scenario(passing: Passing) -> None:
        works = asyncio.create_task(whole(passing, "POST", NATIVE, ASKED))
        await until(lambda: server.under_way == 1)
        with pytest.raises(Busy) as raised:
            await whole(passing, "POST", NATIVE, ASKED, **{PRIORITY: "batch", TENANT: "ada"})
        assert raised.value.retry_after_s >= 1
        server.go_on.set()
        assert (await works)[0] == 200

    with brick(server, parallel=1, longest_line=0) as socket:
        passed(socket, scenario)


@pytest.mark.parametrize("path", [CHAT, NATIVE])
def test_a_server_that_breaks_off_is_told_within_the_stream(path: str) -> None:
    async def scenario(passing: Passing) -> bytes:
        return (await whole(passing, "POST", path, {**ASKED, "stream": True}))[1]

    with brick(LlmServer(breaks_after=1)) as socket:
        last = passed(socket, scenario).strip().splitlines()[-1]
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert "broke off" in (error["message"] if path == CHAT else error)


def test_what_is_looked_up_comes_from_what_was_seen() -> None:
    server = LlmServer()
    server._load("tiny:latest", None, {})

    async def scenario(passing: Passing) -> None:
        for path in ("/api/tags", "/api/ps"):
            assert json.loads((await whole(passing, "GET", path))[1])["models"][0]["name"] == "tiny:latest"
        assert json.loads((await whole(passing, "GET", "/api/version"))[1]) == {"version": "0.12.6"}
        assert await whole(passing, "GET", "/") == (200, b"Ollama is running")
        assert json.loads((await whole(passing, "POST", "/api/show", {"model": "tiny:latest"}))[1])["capabilities"]
        assert (await whole(passing, "POST", "/api/show", {"model": "nope"}))[0] == 404

    with brick(server) as socket:
        passed(socket, scenario)


def test_what_models_there_are_can_be_changed() -> None:
    server = LlmServer()

    async def scenario(passing: Passing) -> None:
        status, answer = await whole(passing, "POST", "/api/pull", {"model": "new:1b"})
        assert (status, answer) == (200, b'{"status": "success"}\n')
        assert (await whole(passing, "POST", NATIVE, {**ASKED, "model": "new:1b"}))[0] == 200
        assert (await whole(passing, "DELETE", "/api/delete", {"model": "new:1b"}))[0] == 200
        with pytest.raises(NotFound):
            await whole(passing, "POST", NATIVE, {**ASKED, "model": "new:1b"})

        async def blob() -> Any:
            for _ in range(3):
                yield b"x" * 100_000

        async with passing.open("POST", "/api/blobs/sha256:1", {}, blob()) as passage:
            assert passage.status == 201

    with brick(server) as socket:
        passed(socket, scenario)
    assert ("/api/blobs/sha256:1", {"bytes": 300_000}) in server.asked


def test_a_body_that_is_not_sent_whole_is_no_request() -> None:
    server = LlmServer()

    async def scenario(_: Passing) -> None:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(b"POST /through/api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        writer.close()
        await reader.read()

    with brick(server) as socket:
        passed(socket, scenario)
        transport = httpx.HTTPTransport(uds=str(socket))
        with httpx.Client(transport=transport, base_url="http://brick") as client:
            assert client.get("/health").json()["brick"] == "llm"
    assert server.asked == []


def test_a_brick_that_is_away_is_waited_for_and_then_told(tmp_path: Path) -> None:
    async def scenario(passing: Passing) -> None:
        with pytest.raises(Unavailable, match="llm brick does not answer"):
            await whole(passing, "POST", CHAT, ASKED)

    passed(tmp_path / "nobody.sock", scenario)
