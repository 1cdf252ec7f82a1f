from __future__ import annotations

import asyncio
from typing import Any

import pytest

from brickyard.bricks.hangup import while_there
from brickyard.kit.errors import Busy


def heard(after_s: float | None) -> Any:
    async def receive() -> dict[str, Any]:
        await (asyncio.Event().wait() if after_s is None else asyncio.sleep(after_s))
        return {"type": "http.disconnect"}

    return receive


def test_work_ends_with_the_caller() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    assert asyncio.run(while_there(heard(0.0), work())) is False
    assert ended == ["cancelled"]


def test_work_that_is_done_is_done() -> None:
    async def work() -> None: ...

    assert asyncio.run(while_there(heard(None), work())) is True


def test_errors_come_out() -> None:
    async def work() -> None:
        raise Busy("full")

    with pytest.raises(Busy):
        asyncio.run(while_there(heard(None), work()))


def test_one_who_is_stopped_himself_leaves_nothing_behind() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def scenario() -> None:
        task = asyncio.create_task(while_there(heard(None), work()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(scenario())
    assert ended == ["cancelled"]
