from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from brickyard.gateway.passing import LARGEST_BODY_MIB, body_of
from brickyard.kit.errors import TooLarge, Unavailable
from tests.llm_server import LlmServer, on_loopback
from tests.unit.bricks.llm.scene import brick
from tests.unit.gateway.llm import ASKED, CHAT, NATIVE, Door, application, gateway, until


def only_metered(door: Door) -> dict[str, float]:
    until(lambda: door.metered)
    ((name, service, model, amounts),) = door.metered
    assert (name, service, model) == ("user", "llm", "tiny:latest")
    return amounts


@pytest.mark.parametrize("path", [CHAT, NATIVE, "/v1/completions", "/api/generate"])
@pytest.mark.parametrize("stream", [True, False])
def test_what_was_used_is_metered(path: str, stream: bool) -> None:
    door = Door()
    with gateway(LlmServer(), door) as client:
        assert client.post(path, json={**ASKED, "prompt": "Hi", "stream": stream}).status_code == 200
    assert only_metered(door) == {"prompt_tokens": 7, "completion_tokens": 2, "requests": 1}


def test_what_was_refused_is_not() -> None:
    door = Door()
    with gateway(LlmServer(refuses_with=400), door) as client:
        for path in (CHAT, NATIVE):
            assert client.post(path, json=ASKED).status_code == 400
        assert client.get("/api/tags").status_code == 200
        assert client.post(CHAT, json={**ASKED, "model": "nope"}).status_code == 404
    assert door.metered == []


@pytest.mark.parametrize("path", [CHAT, NATIVE])
def test_a_caller_who_leaves_in_the_middle_pays_for_what_came(path: str) -> None:
    door, server = Door(), LlmServer(words=["a"] * 10_000, holds_after=3)
    server.go_on.clear()
    with gateway(server, door) as client:
        with client.stream("POST", path, json={**ASKED, "stream": True}) as answer:
            seen = b""
            for piece in answer.iter_bytes():
                seen += piece
                if seen.count(b'"a"') == 3:
                    break
        until(lambda: server.cut_off == 1)
        assert only_metered(door) == {"prompt_tokens": 4, "completion_tokens": 3, "requests": 1}


@pytest.mark.parametrize("streams", [True, False])
def test_a_caller_who_leaves_before_anything_came_is_noticed(streams: bool) -> None:
    """In the line as at the server."""
    server = LlmServer()
    server.go_on.clear()
    asked = {**ASKED, "stream": streams}
    with gateway(server, parallel=1, longest_line=1) as client:

        def leave(seconds: float) -> None:
            with pytest.raises(httpx.ReadTimeout):
                client.post(CHAT, json=asked, timeout=seconds)

        works = threading.Thread(target=leave, args=(1.0,))
        works.start()
        until(lambda: server.under_way == 1)
        leave(0.2)
        works.join()
        until(lambda: server.cut_off == 1)
        server.go_on.set()
        assert client.post(CHAT, json=asked).status_code == 200
    assert len(server.asked) == 2


def test_leaving_is_noticed_in_an_application_that_has_other_things_around_its_routes() -> None:
    server = LlmServer(words=["a"] * 10_000, holds_after=1)
    server.go_on.clear()
    with brick(server) as socket:
        app, _ = application(Door().gate(), socket)

        @app.middleware("http")
        async def around(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
            return await go_on(request)

        headers = {"authorization": "Bearer user"}
        with on_loopback(app) as url, httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            with client.stream("POST", CHAT, json={**ASKED, "stream": True}) as answer:
                next(answer.iter_bytes())
            until(lambda: server.cut_off == 1)
            with pytest.raises(httpx.ReadTimeout):
                client.post(CHAT, json=ASKED, timeout=0.3)
            until(lambda: server.cut_off == 2)


@pytest.mark.parametrize("path", [CHAT, NATIVE])
def test_an_error_in_the_middle_is_told_in_the_streams_own_form(path: str) -> None:
    with gateway(LlmServer(breaks_after=1)) as client:
        answer = client.post(path, json={**ASKED, "stream": True})
    assert answer.status_code == 200
    last = answer.text.strip().splitlines()[-1]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert "broke off" in (error["message"] if path == CHAT else error)


def test_a_whole_answer_that_breaks_off_does_not_look_whole() -> None:
    with gateway(LlmServer(breaks_after=1)) as client:
        answer = client.post(CHAT, json=ASKED)
    assert answer.status_code >= 500


@pytest.mark.parametrize("path", [CHAT, NATIVE])
def test_a_brick_that_is_away_is_told(path: str, tmp_path: Any) -> None:
    app, _ = application(Door().gate(), tmp_path / "nobody.sock")
    with on_loopback(app) as url:
        answer = httpx.post(url + path, json=ASKED, headers={"authorization": "Bearer user"}, trust_env=False)
    assert answer.status_code == 503
    assert "llm brick does not answer" in answer.text


def test_shares_and_classes_are_those_of_the_key() -> None:
    server = LlmServer()
    server.go_on.clear()
    with gateway(server, parallel=1, longest_line=1) as client:

        def ask(priority: str, said: list[int]) -> threading.Thread:
            headers = {"x-brickyard-priority": priority}
            thread = threading.Thread(
                target=lambda: said.append(client.post(CHAT, json=ASKED, headers=headers).status_code)
            )
            thread.start()
            return thread

        first, batch, urgent = [], [], []  # type: ignore[var-annotated]
        threads = [ask("standard", first)]
        until(lambda: server.under_way == 1)
        threads.append(ask("batch", batch))
        threads.append(ask("interactive", urgent))
        threads[1].join()
        server.go_on.set()
        for thread in threads:
            thread.join()
    assert (first, batch, urgent) == ([200], [503], [200])


def test_a_body_may_not_be_of_any_size() -> None:
    def request(*parts: bytes, leaves: bool = False) -> Request:
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages.append({"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b""})

        async def receive() -> Any:
            return messages.pop(0)

        return Request({"type": "http", "headers": []}, receive)

    assert asyncio.run(body_of(request(b"ab", b"c"))) == b"abc"
    with pytest.raises(TooLarge, match=f"{LARGEST_BODY_MIB} MiB"):
        asyncio.run(body_of(request(*[bytes(1 << 20)] * (LARGEST_BODY_MIB + 1))))
    with pytest.raises(Unavailable, match="hung up"):
        asyncio.run(body_of(request(b"ab", leaves=True)))
