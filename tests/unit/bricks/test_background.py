from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from brickyard.bricks.background import Background
from brickyard.kit.errors import Unavailable


def test_what_fails_is_written_to_the_log_and_harms_nobody() -> None:
    async def fail() -> None:
        raise Unavailable("the broker is away")

    async def story() -> None:
        background = Background()
        background.start("nobody was told", fail())
        await asyncio.sleep(0.01)
        await background.close()

    with capture_logs() as logs:
        asyncio.run(story())
    assert [(log["event"], log["reason"]) for log in logs] == [("nobody was told", "the broker is away")]


def test_closing_ends_what_still_runs() -> None:
    ended: list[str] = []

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def story() -> None:
        background = Background()
        background.start("running", run())
        await asyncio.sleep(0)
        await background.close()

    asyncio.run(story())
    assert ended == ["ended"]
