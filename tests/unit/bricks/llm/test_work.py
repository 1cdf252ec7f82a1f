from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import Any

import pytest

from brickyard.bricks.llm.directory import Directory
from brickyard.bricks.llm.places import Places
from brickyard.bricks.llm.servers import Kind, Server
from brickyard.bricks.llm.terms import Terms
from brickyard.bricks.llm.work import Asked, Work, parsed, session
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BadInput, Unavailable
from tests.llm_server import LlmServer, serving

CHAT = b'{"model": "tiny", "messages": []}'


@contextmanager
def nobody() -> Any:
    """An address where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


def working(urls: list[str], scenario: Callable[[Work, Directory], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        directory = Directory([Server(f"s{n}", Kind.OLLAMA, url) for n, url in enumerate(urls)], Terms())
        places = Places(lambda under_way: directory.desks(under_way, 1), 4)
        async with session() as http:
            await directory.look(http)
            return await asyncio.wait_for(scenario(Work(http, directory, places, Terms()), directory), 20)

    return asyncio.run(whole())


def asked(work: Work, path: str = "/api/chat", raw: bytes = CHAT) -> Asked:
    return work.asked(path, raw, PriorityClass.STANDARD, "ada", is_admin=False)


async def answer(work: Work, one: Asked) -> bytes:
    async with work.answered(one) as found:
        return await found.whole()


def test_a_body_that_need_not_be_changed_is_sent_as_it_came() -> None:
    async def scenario(work: Work, _: Directory) -> None:
        assert asked(work, "/v1/chat/completions").body is CHAT
        changed = parsed(asked(work).body)
        assert changed["keep_alive"] == "5m"
        assert asked(work).model == "tiny:latest"

    with serving(LlmServer()) as server:
        working([server.url], scenario)


def test_what_is_no_request() -> None:
    async def scenario(work: Work, _: Directory) -> None:
        for raw in (b"", b"[1]", b"{}", b'{"model": 3}'):
            with pytest.raises(BadInput):
                asked(work, raw=raw)

    with serving(LlmServer()) as server:
        working([server.url], scenario)


def test_a_server_that_went_away_unseen_is_left_for_another() -> None:
    async def scenario(work: Work, directory: Directory) -> None:
        stands = list(directory.stands.values())
        stands[1].server = Server("s1", Kind.OLLAMA, url)  # it is gone since it was looked at
        directory.stands = {"s1": stands[1], "s0": stands[0]}
        assert b"Good " in await answer(work, asked(work))
        assert not stands[1].is_up

    with nobody() as url, serving(LlmServer()) as one, serving(LlmServer()) as two:
        working([one.url, two.url], scenario)


def test_where_no_other_has_the_model_the_caller_is_told() -> None:
    async def scenario(work: Work, directory: Directory) -> None:
        one = asked(work)
        directory.stands["s0"].server = Server("s0", Kind.OLLAMA, url)
        with pytest.raises(Unavailable, match="does not answer"):
            await answer(work, one)
        assert directory.desks({}, 1) == []

    with nobody() as url, serving(LlmServer()) as server:
        working([server.url], scenario)
