from __future__ import annotations

import asyncio
import subprocess
import sys

from brickyard.bricks import recycling
from brickyard.bricks.recycling import RECYCLED, RECYCLES, Recycler


def test_the_process_ends_between_chunks_and_those_that_come_wait() -> None:
    async def story() -> list[str]:
        order: list[str] = []
        recycler = Recycler("toy", lambda: order.append("ended"), steady_after_s=0.0)

        async def chunk(name: str, finish: asyncio.Event) -> None:
            async with recycler.computing():
                order.append(f"{name} begins")
                await finish.wait()
                order.append(f"{name} ends")

        one, two = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(chunk("first", one))
        await asyncio.sleep(0)
        ending = asyncio.create_task(recycler.recycle("test"))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(chunk("second", two))
        await asyncio.sleep(0.01)
        assert order == ["first begins"]
        one.set()
        two.set()
        await asyncio.gather(first, ending, second)
        return order

    before = RECYCLES.labels("toy", "test")._value.get()
    assert asyncio.run(story()) == ["first begins", "first ends", "ended", "second begins", "second ends"]
    assert RECYCLES.labels("toy", "test")._value.get() == before + 1


def test_a_reply_has_time_to_reach_its_caller() -> None:
    async def story() -> list[str]:
        order: list[str] = []
        recycler = Recycler("toy", lambda: order.append("ended"), steady_after_s=0.0)

        async def request() -> None:
            async with recycler.computing():
                ending = asyncio.create_task(recycler.recycle("test"))
                await asyncio.sleep(0.01)
            await asyncio.sleep(recycling.REPLIES_GO_OUT_S / 3)
            order.append("replied")
            await ending

        await request()
        return order

    assert asyncio.run(story()) == ["replied", "ended"]


def test_a_young_process_computes_on_until_it_is_old_enough() -> None:
    async def story() -> None:
        ended: list[str] = []
        recycler = Recycler("toy", lambda: ended.append("ended"), steady_after_s=3600.0)
        task = asyncio.create_task(recycler.recycle("test"))
        await asyncio.sleep(0.05)
        async with recycler.computing():
            assert recycler.computing_now == 1
        assert ended == []
        task.cancel()

    asyncio.run(story())


def test_asked_twice_it_ends_once() -> None:
    async def story() -> list[str]:
        ended: list[str] = []
        recycler = Recycler("toy", lambda: ended.append("ended"), steady_after_s=0.0)
        first, second = (asyncio.create_task(recycler.recycle("test")) for _ in range(2))
        await first
        assert not second.done()
        second.cancel()
        return ended

    assert asyncio.run(story()) == ["ended"]


def test_the_exit_code_says_that_nothing_failed() -> None:
    code = (
        "import atexit; from brickyard.bricks import recycling; atexit.register(print, 'no'); recycling.end_process()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (RECYCLED, ""), done.stderr
