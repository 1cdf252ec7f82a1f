from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from brickyard.gateway.presence import while_there
from brickyard.kit.errors import TooLarge, Unavailable


def request(hangs_up: asyncio.Event) -> Request:
    async def receive() -> dict[str, Any]:
        await hangs_up.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def test_the_result_comes_back() -> None:
    async def work() -> int:
        return 7

    async def run() -> int:
        return await while_there(request(asyncio.Event()), work())

    assert asyncio.run(run()) == 7


def test_an_error_comes_out_as_it_is() -> None:
    async def work() -> int:
        raise TooLarge("too large")

    async def run() -> int:
        return await while_there(request(asyncio.Event()), work())

    with pytest.raises(TooLarge, match="too large"):
        asyncio.run(run())


def test_when_the_caller_hangs_up_the_work_ends_and_lets_go() -> None:
    held = []

    async def run() -> None:
        hangs_up = asyncio.Event()

        async def work() -> None:
            held.append("place")
            hangs_up.set()
            try:
                await asyncio.Event().wait()
            finally:
                held.remove("place")

        await while_there(request(hangs_up), work())

    with pytest.raises(Unavailable, match="hung up"):
        asyncio.run(run())
    assert held == []
