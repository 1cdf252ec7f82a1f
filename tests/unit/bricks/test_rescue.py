"""Out of memory, met by a brick beside a real broker: what the engine sees, what caller and broker are told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from brickyard.bricks.batches import Learned
from brickyard.bricks.rescue import OOMS
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.kit.errors import OutOfMemory
from tests.unit.bricks.scene import ENGLISH, GERMAN, SIZES, Gated, Scene, offer
from tests.unit.gpu.running import broker, status_when, until


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def rungs(client: BrokerClient, count: int) -> list[tuple[str, int]]:
    """What the broker was told, in the order of the ladder, once it is so many."""
    for _ in range(2000):
        told = [(oom["rung"], oom["batch"]) for oom in (await client.status())["ooms"]]
        if len(told) >= count:
            return told
        await asyncio.sleep(0.005)
    raise AssertionError(f"the broker was told {told}")


def counted(rung: str) -> float:
    return OOMS.labels("asr", "tiny", rung)._value.get()


def test_a_chunk_that_finds_no_room_is_done_with_half_the_batch_and_no_other_is_done_again(scene: Scene) -> None:
    """Room for 4 of a batch, while 8 were leased: each takes more than its profile says."""
    before = counted("halve batch")

    async def story() -> list[tuple[str, int]]:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 100, 50, takes_mib=200), learned=scene.folder / "asr.json") as brick,
        ):
            for _ in range(3):
                assert (await scene.ask(brick)).status_code == 200
            return await rungs(other, 2)

    assert asyncio.run(story()) == [("drop caches", 8), ("halve batch", 8)]
    assert scene.engines[0].seen == [8, 8, 4, 4, 4]
    assert counted("halve batch") == before + 1


def test_chunks_that_waited_meanwhile_do_not_climb_the_ladder_again(scene: Scene) -> None:
    async def story() -> list[tuple[str, int]]:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 100, 50, takes_mib=200)) as brick,
        ):
            answers = await asyncio.gather(*(scene.ask(brick) for _ in range(3)))
            assert [answer.status_code for answer in answers] == [200] * 3
            return await rungs(other, 2)

    assert asyncio.run(story()) == [("drop caches", 8), ("halve batch", 8)]
    assert scene.engines[0].seen == [8, 8, 4, 4, 4]


def test_one_who_came_before_the_last_attempt_is_waited_for(scene: Scene) -> None:
    """After making room nobody else is seen; then somebody is: the chunk is to be asked for again, not given up."""

    async def story() -> Any:
        async with (
            broker(scene.socket, scene.device),
            scene.brick(scene.offer(ENGLISH, 100, 10, takes_mib=1000)) as brick,
        ):
            asked = asyncio.create_task(scene.ask(brick))
            await until(lambda: bool(scene.engines) and len(scene.engines[0].seen) == 6)
            scene.device.elsewhere_mib = 500
            return await asked

    refused = asyncio.run(story())
    assert refused.json()["code"] == OutOfMemory.code


def test_the_next_process_begins_with_what_was_learned(scene: Scene) -> None:
    async def story() -> None:
        async with broker(scene.socket, scene.device):
            for _ in range(2):
                model = scene.offer(ENGLISH, 100, 50, takes_mib=200)
                async with scene.brick(model, learned=scene.folder / "asr.json") as brick:
                    assert (await scene.ask(brick)).status_code == 200

    asyncio.run(story())
    assert [engine.seen for engine in scene.engines] == [[8, 8, 4], [4]]


def test_the_lease_is_for_the_batch_that_is_asked_for(scene: Scene) -> None:
    gate, file = threading.Event(), scene.folder / "asr.json"
    Learned(file).failed("tiny", "gpu", SIZES, 8)

    async def story() -> list[int]:
        model = offer(load=lambda: Gated(gate, []), working_mib=lambda batch: 50 * batch)
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(model, learned=file) as brick,
        ):
            computing = asyncio.create_task(scene.ask(brick))
            leases = (await status_when(other, leases=2))["leases"]
            gate.set()
            await computing
            return [lease["memory_mib"] for lease in leases if lease["kind"] == "working"]

    assert asyncio.run(story()) == [4 * 50]


def test_idle_models_leave_before_a_chunk_is_given_up(scene: Scene) -> None:
    """The model of the other brick is idle; without it there is room for the smallest batch."""

    async def story() -> list[tuple[str, int]]:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(GERMAN, 400, 10), name="two") as two,
            scene.brick(scene.offer(ENGLISH, 100, 10, takes_mib=600)) as brick,
        ):
            assert (await scene.ask(two, language="de")).status_code == 200
            assert (await scene.ask(brick)).status_code == 200
            assert (await two.get("/health")).json()["loaded"] == []
            return await rungs(other, 5)

    assert [rung for rung, _ in asyncio.run(story())] == ["drop caches", *["halve batch"] * 3, "make room"]
    assert scene.engines[1].seen == [8, 8, 4, 2, 1, 1]


def test_its_own_idle_models_leave_too(scene: Scene) -> None:
    async def story() -> None:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(GERMAN, 400, 10), scene.offer(ENGLISH, 100, 10, takes_mib=600)) as brick,
        ):
            assert (await scene.ask(brick, language="de")).status_code == 200
            assert (await scene.ask(brick)).status_code == 200
            assert (await brick.get("/health")).json()["loaded"] == ["tiny"]
            assert [weights["model"] for weights in (await other.status())["weights"]] == ["tiny"]

    asyncio.run(story())


def test_what_others_hold_without_idling_is_waited_for_by_the_caller(scene: Scene) -> None:
    async def story() -> tuple[Any, Any]:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 100, 10, takes_mib=600)) as brick,
        ):
            async with other.lease(memory_mib=300):
                block = scene.heap.allocate(400)
                refused = await scene.ask(brick)
                scene.heap.free(block)
            scene.heap.drop_caches()
            return refused, await scene.ask(brick)

    refused, done = asyncio.run(story())
    assert (refused.status_code, refused.json()["code"]) == (503, OutOfMemory.code)
    assert "tried again when they have given" in refused.json()["message"]
    assert done.status_code == 200


def test_what_does_not_fit_an_empty_device_is_refused_for_good(scene: Scene) -> None:
    async def story() -> tuple[Any, list[tuple[str, int]]]:
        async with (
            broker(scene.socket, scene.device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 100, 10, takes_mib=1000)) as brick,
        ):
            return await scene.ask(brick), await rungs(other, 6)

    refused, told = asyncio.run(story())
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert "tiny does not fit gpu, though nobody else uses that: 100 MiB for its weights" in refused.json()["message"]
    assert told[-1] == ("give up", 1)


def test_weights_that_find_no_room_are_no_longer_booked(scene: Scene) -> None:
    """Another process has taken memory without a lease since the broker looked last."""

    async def story() -> tuple[Any, Any]:
        device = SimulatedDevice("gpu", 1000)
        async with (
            broker(scene.socket, device),
            BrokerClient(scene.socket) as other,
            scene.brick(scene.offer(ENGLISH, 600, 10)) as brick,
        ):
            block = scene.heap.allocate(500)
            device.elsewhere_mib = 200
            refused = await scene.ask(brick)
            scene.heap.free(block)
            scene.heap.drop_caches()
            weights = (await other.status())["weights"]
            return refused, (weights, await scene.ask(brick))

    refused, (weights, done) = asyncio.run(story())
    assert refused.status_code in {503, 413}
    assert weights == []
    assert done.status_code == 200
