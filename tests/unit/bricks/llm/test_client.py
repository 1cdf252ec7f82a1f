from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from brickyard.bricks.llm.client import Llm, Passing
from brickyard.bricks.llm.contract import CompletionRequest, Message, PromptTooLong
from brickyard.bricks.llm.through import failure
from brickyard.kit.errors import BrickyardError, Busy, Unavailable
from tests.llm_server import listening

REQUEST = CompletionRequest(messages=[Message(role="user", content="Hi")])


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        yield Path(folder) / "llm.sock"


def answering(place: Path, answer: Callable[[], Response], scenario: Callable[[], Awaitable[Any]]) -> Any:
    """A brick that answers everything with this."""
    app = FastAPI()
    app.add_api_route("/{path:path}", answer, methods=["GET", "POST"], response_model=None)
    with listening(app, uds=str(place)):
        return asyncio.run(asyncio.wait_for(scenario(), 20))


async def stream(place: Path) -> list[str]:
    async with Llm(place) as llm:
        return [text async for text in llm.stream(REQUEST)]


async def opened(place: Path) -> bytes:
    passing = Passing(place)
    try:
        async with passing.open("GET", "/api/tags", {}) as passage:
            return b"".join([piece async for piece in passage.pieces()])
    finally:
        await passing.close()


@pytest.mark.parametrize("ask", [stream, opened])
def test_errors_come_out_as_our_own(place: Path, ask: Callable[[Path], Awaitable[Any]]) -> None:
    with pytest.raises(PromptTooLong, match="too long"):
        answering(place, lambda: failure(PromptTooLong("too long")), lambda: ask(place))
    with pytest.raises(Busy) as raised:
        answering(place, lambda: failure(Busy("full", 7.2)), lambda: ask(place))
    assert raised.value.retry_after_s == 8.0


def test_an_answer_that_makes_no_sense_is_told(place: Path) -> None:
    strange = lambda: Response("<html>", 500, headers={"x-brickyard-error": "internal"})  # noqa: E731
    for ask in (stream, opened):
        with pytest.raises(BrickyardError, match="status 500"):
            answering(place, strange, lambda ask=ask: ask(place))  # type: ignore[misc]


def test_an_error_in_a_stream_comes_after_what_was_said(place: Path) -> None:
    lines = b'{"text":"Good "}\n{"text":"","code":"unavailable","message":"gone"}\n'
    said: list[str] = []

    async def listen() -> None:
        async with Llm(place) as llm:
            async for text in llm.stream(REQUEST):
                said.append(text)

    with pytest.raises(Unavailable, match="gone"):
        answering(place, lambda: StreamingResponse(iter([lines])), listen)
    assert said == ["Good "]


@pytest.mark.parametrize("ask", [stream, opened])
def test_a_brick_that_breaks_off_is_told(place: Path, ask: Callable[[Path], Awaitable[Any]]) -> None:
    def breaking() -> Iterator[bytes]:
        yield b'{"text":"Good "}\n'
        raise RuntimeError("the brick is killed")

    with pytest.raises(Unavailable, match="broke off"):
        answering(place, lambda: StreamingResponse(breaking()), lambda: ask(place))


def test_a_brick_that_is_being_started_is_waited_for(place: Path) -> None:
    async def scenario() -> bytes:
        asking = asyncio.create_task(opened(place))
        await asyncio.sleep(0.2)

        def serve() -> bytes:
            app = FastAPI()
            app.add_api_route("/{path:path}", lambda: Response(b"here"), methods=["GET"], response_model=None)
            with listening(app, uds=str(place)):
                return asyncio.run_coroutine_threadsafe(asyncio.wait_for(asking, 10), loop).result()

        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(serve)

    assert asyncio.run(scenario()) == b"here"
