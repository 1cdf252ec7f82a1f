from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from brickyard.bricks.llm.line import Desk
from brickyard.bricks.llm.places import Places
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import Busy, Unavailable
from tests.unit.gpu.running import until

INTERACTIVE, STANDARD, BATCH = PriorityClass


class Servers:
    """One server, which may be away."""

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self.is_up = True

    def desks(self, under_way: Counter[str]) -> Sequence[Desk]:
        has = frozenset({"m"})
        return [Desk("s", has, has, under_way["s"], self.parallel)] if self.is_up else []


@asynccontextmanager
async def asking(
    places: Places, said: list[str], name: str, priority: PriorityClass = STANDARD, user: str = "ada"
) -> AsyncIterator[asyncio.Event]:
    """A request that says when it has its place, and leaves once it is told to."""
    leave = asyncio.Event()

    async def ask() -> None:
        async with places.place("m", priority, user):
            said.append(name)
            await leave.wait()

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    try:
        yield leave
        leave.set()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(scenario: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_those_who_wait_get_the_places_that_others_leave() -> None:
    async def scenario() -> None:
        places, said = Places(Servers().desks, 8), []
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(asking(places, said, "first"))
            for name, priority in (("batch", BATCH), ("standard", STANDARD), ("urgent", INTERACTIVE)):
                (await stack.enter_async_context(asking(places, said, name, priority))).set()
            assert (said, places.waiting, places.under_way["s"]) == (["first"], 3, 1)
            first.set()
        assert said == ["first", "urgent", "standard", "batch"]
        assert (places.waiting, places.under_way["s"]) == (0, 0)

    run(scenario)


def test_the_line_has_an_end() -> None:
    async def scenario() -> None:
        places, said = Places(Servers().desks, 2), []
        async with AsyncExitStack() as stack:
            works = await stack.enter_async_context(asking(places, said, "works"))
            for name in ("waits", "waits too"):
                (await stack.enter_async_context(asking(places, said, name))).set()
            with pytest.raises(Busy, match="2 requests wait already") as raised:
                async with places.place("m", STANDARD, "ada"):
                    raise AssertionError
            assert raised.value.retry_after_s >= 1
            works.set()
        assert said == ["works", "waits", "waits too"]

    run(scenario)


def test_a_lower_class_makes_room_at_the_end_of_the_line() -> None:
    async def scenario() -> None:
        places, said = Places(Servers().desks, 1), []
        async with asking(places, said, "works") as works:
            unlucky = asyncio.create_task(places.place("m", BATCH, "bob").__aenter__())
            await asyncio.sleep(0)
            async with asking(places, said, "urgent", INTERACTIVE) as urgent:
                with pytest.raises(Busy):
                    await unlucky
                works.set()
                urgent.set()
        assert said == ["works", "urgent"]

    run(scenario)


def test_who_leaves_the_line_takes_no_place() -> None:
    async def scenario() -> None:
        places, said = Places(Servers().desks, 8), []
        async with asking(places, said, "works") as works:
            waits = asyncio.create_task(places.place("m", STANDARD, "bob").__aenter__())
            await asyncio.sleep(0)
            assert places.waiting == 1
            waits.cancel()
            await asyncio.wait({waits})
            assert places.waiting == 0
            works.set()
        assert places.under_way["s"] == 0

    run(scenario)


def test_who_leaves_in_the_moment_of_his_turn_gives_the_place_back() -> None:
    async def scenario() -> None:
        places, said = Places(Servers().desks, 8), []
        async with asking(places, said, "works") as works:
            waits = asyncio.create_task(places.place("m", STANDARD, "bob").__aenter__())
            await asyncio.sleep(0)
            works.set()
            await until(lambda: not places.waiting)
            waits.cancel()
            await asyncio.wait({waits})
        async with asyncio.timeout(5), places.place("m", STANDARD, "eve") as server:
            assert server == "s"

    run(scenario)


def test_a_server_that_goes_away_is_not_waited_for() -> None:
    async def scenario() -> None:
        servers = Servers()
        places, said = Places(servers.desks, 8), []
        async with asking(places, said, "works"):
            waits = asyncio.create_task(places.place("m", STANDARD, "bob").__aenter__())
            await asyncio.sleep(0)
            servers.is_up = False
            places.serve()
            with pytest.raises(Unavailable, match="gone"):
                await waits

    run(scenario)
