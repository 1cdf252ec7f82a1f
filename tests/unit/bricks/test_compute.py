"""Chunks under a real broker, with stand-ins for engines on a simulated device."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import TranscribeRequest
from brickyard.bricks.compute import CallerGone, Compute
from brickyard.bricks.recycling import Recycler
from brickyard.bricks.watchdog import Fragmentation
from brickyard.engines.base import MemoryUse
from brickyard.engines.fake import FakeMemory, FakeRecognizer
from brickyard.gpu.client import BrokerClient
from tests.unit.bricks.scene import ENGLISH, GERMAN, Gated, Scene, gone, offer, waiting, without_warming
from tests.unit.bricks.serving import served
from tests.unit.gpu.running import broker, status_when, until


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def chunk_of(compute: Compute, work: Any, request: Any = None) -> Any:
    return compute.run_chunk(request or waiting(), offer(), "standard", "ada", lambda _, __: work())


# ---- without a broker


def test_a_chunk_whose_caller_has_gone_is_not_computed() -> None:
    computed: list[int] = []
    with pytest.raises(CallerGone):
        asyncio.run(chunk_of(Compute("asr"), lambda: computed.append(1), gone()))
    assert computed == []


def test_a_caller_that_goes_while_others_are_served_costs_nothing() -> None:
    free = threading.Event()
    done: list[str] = []

    def first() -> None:
        assert free.wait(10)
        done.append("first")

    async def serve() -> Sequence[object]:
        own = Compute("asr")
        one = asyncio.create_task(chunk_of(own, first))
        two = asyncio.create_task(chunk_of(own, lambda: done.append("second"), gone()))
        three = asyncio.create_task(chunk_of(own, lambda: done.append("third")))
        await asyncio.sleep(0.05)
        free.set()
        return await asyncio.gather(one, two, three, return_exceptions=True)

    kinds = [type(result).__name__ for result in asyncio.run(serve())]
    assert kinds == ["Computed", "CallerGone", "Computed"]
    assert done == ["first", "third"]


def test_one_thread_computes_one_after_another_in_order_of_arrival() -> None:
    seen: list[tuple[int, int]] = []

    def note(number: int) -> None:
        seen.append((number, threading.get_ident()))

    async def serve() -> None:
        own = Compute("asr")
        await asyncio.gather(*(chunk_of(own, partial(note, n)) for n in range(5)))

    asyncio.run(serve())
    assert [number for number, _ in seen] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in seen}) == 1
    assert seen[0][1] != threading.get_ident()


def test_an_error_in_the_thread_reaches_the_caller_and_the_next_one_is_served() -> None:
    def fail() -> None:
        raise KeyError("broken")

    async def serve() -> Sequence[Any]:
        own = Compute("asr")
        return await asyncio.gather(
            chunk_of(own, fail), chunk_of(own, lambda: "fine"), own.run_beside(lambda: "too"), return_exceptions=True
        )

    first, second, third = asyncio.run(serve())
    assert isinstance(first, KeyError)
    assert (second.result, third.result) == ("fine", "too")
    assert second.computed_s >= 0


def test_one_who_is_cancelled_keeps_his_lease_until_the_thread_ends(scene: Scene) -> None:
    """Or the memory of the chunk would be promised to others while it is in use."""
    gate = threading.Event()
    entered = threading.Event()

    def work() -> None:
        entered.set()
        assert gate.wait(10)

    async def story() -> None:
        async with broker(scene.socket, scene.device), BrokerClient(scene.socket) as other:
            own = Compute("asr", BrokerClient(scene.socket))
            async with own.running():
                task = asyncio.create_task(chunk_of(own, work))
                await until(entered.is_set)
                task.cancel()
                await asyncio.sleep(0.05)
                assert [lease["kind"] for lease in (await other.status())["leases"]] == ["resident", "working"]
                assert not task.done()
                gate.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await status_when(other, leases=1)

    asyncio.run(story())


# ---- residency


def test_nothing_is_loaded_before_it_is_needed_and_leased(scene: Scene) -> None:
    async def story() -> None:
        async with broker(scene.socket, scene.device), BrokerClient(scene.socket) as other:
            async with scene.brick(scene.offer(ENGLISH, 300, 10), scene.offer(GERMAN, 400, 20)) as brick:
                assert (await brick.get("/health")).json()["loaded"] == []
                assert scene.heap.reserved_mib == 0
                reply = (await scene.ask(brick)).json()
                assert reply["segments"][0]["text"] == "speech of 1.0 seconds at level 0.100"
                assert reply["computed_s"] > 0
                assert (await brick.get("/health")).json()["loaded"] == ["tiny"]
                await scene.ask(brick, language="de")
                await scene.ask(brick, language="en")
                status = await other.status()
            assert scene.loaded == ["tiny", "large"]
            assert sorted(lease["memory_mib"] for lease in status["leases"]) == [300, 400]
            assert {lease["kind"] for lease in status["leases"]} == {"resident"}
            assert scene.heap.reserved_mib == 0, "a brick that ends lets go of everything"

    asyncio.run(story())


def test_the_default_model_is_loaded_beforehand_where_there_is_room(scene: Scene) -> None:
    async def story() -> None:
        async with broker(scene.socket, scene.device), BrokerClient(scene.socket) as other:
            async with other.lease(memory_mib=800), scene.brick(scene.offer(ENGLISH, 300, 10), warm=True) as brick:
                await status_when(other, leases=1, waiting=1)
                assert (await brick.get("/health")).json() == {
                    "brick": "asr",
                    "engine": "tiny",
                    "window_s": None,
                    "overlap_s": None,
                    "loaded": [],
                }
            async with scene.brick(scene.offer(ENGLISH, 300, 10), warm=True):
                await until(lambda: scene.loaded == ["tiny"])

    asyncio.run(story())


def test_two_bricks_on_a_device_with_room_for_one_take_turns(scene: Scene) -> None:
    async def story() -> list[int]:
        async with (
            broker(scene.socket, scene.device),
            scene.brick(scene.offer(ENGLISH, 600, 20), name="one") as one,
            scene.brick(scene.offer(GERMAN, 600, 20), name="two") as two,
        ):
            done = []
            for _ in range(3):
                done += [(await scene.ask(one)).status_code, (await scene.ask(two, language="de")).status_code]
            return done

    assert asyncio.run(story()) == [200] * 6
    assert scene.loaded == ["tiny", "large"] * 3


def test_a_line_before_two_bricks_is_served_whole(scene: Scene) -> None:
    async def story() -> list[int]:
        async with (
            broker(scene.socket, scene.device),
            scene.brick(scene.offer(ENGLISH, 600, 20), name="one") as one,
            scene.brick(scene.offer(GERMAN, 600, 20), name="two") as two,
        ):
            asked = [scene.ask(one) for _ in range(10)] + [scene.ask(two, language="de") for _ in range(10)]
            return [reply.status_code for reply in await asyncio.gather(*asked)]

    assert asyncio.run(story()) == [200] * 20
    assert len(scene.loaded) < 6, "they do not change places with every chunk"


def test_an_evicted_model_gives_its_memory_back_and_is_loaded_again(scene: Scene) -> None:
    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 600, 20)) as brick,
        ):
            await scene.ask(brick)
            async with other.lease(memory_mib=900):
                assert scene.heap.reserved_mib == 0
                assert (await brick.get("/health")).json()["loaded"] == []
            assert (await scene.ask(brick)).status_code == 200
            assert (await other.status())["weights"][0]["reload_s"] >= 0

    asyncio.run(story())
    assert scene.loaded == ["tiny", "tiny"]


def test_a_chunk_that_computes_is_not_disturbed_by_an_eviction(scene: Scene) -> None:
    gate, said = threading.Event(), []

    def load() -> FakeRecognizer:
        return Gated(gate, said, FakeMemory(scene.heap, 600, 20))

    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(offer(load=load, weights_mib=600, working_mib=lambda _: 160)) as brick,
        ):
            computing = asyncio.create_task(scene.ask(brick))
            await until(lambda: scene.heap.allocated_mib > 0)
            room = asyncio.create_task(other.make_room("gpu", 500))
            wanting = asyncio.create_task(other.lease(memory_mib=900).__aenter__())
            await status_when(other, leases=2, waiting=1)
            assert scene.heap.allocated_mib >= 600
            gate.set()
            assert (await computing).status_code == 200
            await asyncio.wait_for(wanting, 20)
            await room
            assert scene.heap.allocated_mib == 0

    asyncio.run(story())


def test_an_urgent_chunk_passes_those_that_wait_at_the_same_brick(scene: Scene) -> None:
    gate, said = threading.Event(), []

    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(offer(load=lambda: Gated(gate, said))) as brick,
        ):
            batch = [asyncio.create_task(scene.ask(brick, length, priority="batch")) for length in (0.1, 0.2, 0.3)]
            await status_when(other, leases=2, waiting=2)
            urgent = asyncio.create_task(scene.ask(brick, 0.9, priority="interactive"))
            await status_when(other, leases=2, waiting=3)
            gate.set()
            await asyncio.gather(urgent, *batch)

    asyncio.run(story())
    assert said == ["0.1", "0.9", "0.2", "0.3"]


def test_a_runtime_that_keeps_its_memory_is_ended_with_its_process(scene: Scene) -> None:
    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 600, 20, frees_memory=False)) as brick,
        ):
            await scene.ask(brick)
            async with other.lease(memory_mib=900):
                pass

    asyncio.run(story())
    assert scene.recycled == ["asr"]


def test_it_is_not_ended_while_it_has_another_model_loaded(scene: Scene) -> None:
    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 500, 20, frees_memory=False), scene.offer(GERMAN, 100, 20)) as brick,
        ):
            await scene.ask(brick)
            await scene.ask(brick, language="de")
            async with other.lease(memory_mib=700):
                assert (await brick.get("/health")).json()["loaded"] == ["large"]

    asyncio.run(story())
    assert scene.recycled == []


# ---- fragments


def test_memory_held_for_nothing_ends_the_process_between_chunks(tmp_path: Path) -> None:
    """The stand-in's weights lie in a segment of which they need a tenth, so no cache can be dropped."""
    scene = Scene(tmp_path, segment_mib=100)

    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 10, 10), tolerated=Fragmentation(share=0.25, mib=50)) as brick,
        ):
            assert (await scene.ask(brick)).status_code == 200
            await until(lambda: scene.recycled == ["asr"])
            (holder,) = [each for each in (await other.status())["holders"] if each["holder"] == "asr"]
            assert (holder["held_mib"], holder["fragmented_mib"]) == (100, 90)

    asyncio.run(story())


def leaking(readings: list[int]) -> tuple[Compute, list[str]]:
    """A brick on a CPU whose resident memory is as read, the last for ever."""
    ended: list[str] = []

    def read() -> int:
        return readings.pop(0) if len(readings) > 1 else readings[0]

    compute = Compute(
        "asr",
        recycler=Recycler("asr", lambda: ended.append("ended"), steady_after_s=0.0),
        tolerated=Fragmentation(share=0.25, mib=512),
        resident_mib=read,
    )
    return compute, ended


class Silent(FakeRecognizer):
    """Does not tell what it holds, as runtimes on a CPU do not."""

    def __init__(self, dropped: list[str]) -> None:
        super().__init__()
        self.dropped = dropped

    def memory(self) -> MemoryUse | None:
        return None

    def drop_caches(self) -> None:
        self.dropped.append("dropped")


@pytest.mark.parametrize(
    ("readings", "drops", "ends"), [([300], 0, 0), ([1500, 300], 1, 0), ([1500], 1, 1), ([790], 0, 0)]
)
def test_on_a_cpu_resident_memory_is_held_against_what_is_leased(readings: list[int], drops: int, ends: int) -> None:
    dropped: list[str] = []

    async def story() -> list[str]:
        compute, ended = leaking(readings)
        async with compute.running():
            model = offer(device="cpu", load=lambda: Silent(dropped), weights_mib=150, context_mib=150)
            await compute.run_chunk(waiting(), model, "standard", "ada", lambda _, __: None)
            await asyncio.sleep(0.5)
        return ended

    assert len(asyncio.run(story())) == ends
    assert len(dropped) == drops


def test_one_who_hangs_up_while_waiting_leaves_the_line_at_once(scene: Scene) -> None:
    """Over a real socket: nobody makes room for a chunk that nobody wants any more."""
    gate, said = threading.Event(), []
    model = offer(ENGLISH.name, lambda: Gated(gate, said))
    compute = Compute("asr", BrokerClient(scene.socket, "asr"))
    app = without_warming(AsrBrick([ENGLISH], lambda _: model, compute).app(), compute)

    async def story(place: Path) -> None:
        async with broker(scene.socket, scene.device), BrokerClient(scene.socket) as other:
            server = served(app, place)
            await asyncio.to_thread(server.__enter__)
            async with Asr(place) as asr:
                request = TranscribeRequest(audio=str(scene.sound), start=0, end=1, spans=[(0.0, 1.0)])
                first = asyncio.create_task(asr.transcribe(request))
                await status_when(other, leases=2)
                second = asyncio.create_task(asr.transcribe(request))
                await status_when(other, leases=2, waiting=1)
                second.cancel()
                await status_when(other, leases=2, waiting=0)
                gate.set()
                assert len((await first).segments) == 1
            await asyncio.to_thread(server.__exit__, None, None, None)

    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        asyncio.run(story(Path(folder) / "asr.sock"))
    assert len(said) == 1
