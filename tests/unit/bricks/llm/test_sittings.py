"""Leases for what a server loads by itself. The broker is real; the server is a dictionary that is loaded and unloaded
as Ollama does it, and the card's memory is used by what is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from brickyard.bricks.llm.sittings import CARD, Figures, Sittings
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.lease import Model, PriorityClass
from brickyard.gpu.policy import Rules
from brickyard.kit.errors import TooLarge
from tests.unit.gpu.running import broker, status_when, until

INTERACTIVE, STANDARD, BATCH = PriorityClass
SIZES = {"small": 1000, "large": 7000, "huge": 20_000}


class Card(SimulatedDevice):
    def __init__(self, holds: dict[str, int], name: str = CARD) -> None:
        super().__init__(name, 10_000)
        self._holds = holds

    @property
    def used_mib(self) -> int:
        return sum(self._holds.values())


class Scene:
    """A server on a card of 10,000 MiB."""

    def __init__(self, path: Path, client: BrokerClient) -> None:
        self.path = path
        self.client = client
        self.holds: dict[str, int] = {}
        self.unloaded: list[str] = []
        self.asked = 0
        self.sittings: Sittings

    async def unload(self, model: str) -> None:
        self.unloaded.append(model)
        self.holds.pop(model, None)

    async def held(self) -> dict[str, int]:
        self.asked += 1
        return dict(self.holds)

    @asynccontextmanager
    async def request(self, model: str, priority: PriorityClass = STANDARD) -> AsyncIterator[None]:
        async with self.sittings.at(model, priority) as begins:
            self.holds[model] = SIZES[model]
            begins()
            yield

    async def look(self) -> None:
        await self.sittings.look(await self.held(), time.monotonic())

    async def other_mib(self) -> int:
        """What the broker takes to be in use without a lease."""
        (device,) = (await self.client.status())["devices"]
        return int(device["elsewhere_mib"])


def run(tmp_path: Path, scenario: Callable[[Scene], Awaitable[Any]], device: str = CARD, **options: Any) -> None:
    async def whole() -> None:
        path = tmp_path / "broker.sock"
        own = BrokerClient(path, "brick-llm")
        async with BrokerClient(path, "other") as client:
            scene = Scene(path, client)
            rules = Rules(stays_s=0.2, stays_reloads=0.0)
            async with broker(path, Card(scene.holds, device), rules=rules):
                figures = lambda model: Figures(0, held_mib=SIZES[model])  # noqa: E731
                scene.sittings = Sittings(own, figures, scene.unload, scene.held, **options)
                await scenario(scene)
                await asyncio.sleep(0)
                await scene.sittings.close()

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_memory_is_counted_once(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("large"):
            status = await status_when(scene.client, leases=2)
            (weights,) = status["weights"]
            assert (weights["model"], weights["holder"], weights["memory_mib"]) == ("large", "brick-llm", 7000)
        await scene.look()
        for _ in range(100):
            if await scene.other_mib() == 0:
                break
            await asyncio.sleep(0.05)
        for _ in range(3):
            await asyncio.sleep(0.3)
            assert await scene.other_mib() == 0
        (device,) = (await scene.client.status())["devices"]
        assert (device["resident_mib"], device["free_mib"]) == (7000, 3000)

    run(tmp_path, scenario)


def test_all_requests_for_a_model_share_a_slot_of_the_card(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("small"), scene.request("small", INTERACTIVE), scene.request("small", BATCH):
            status = await status_when(scene.client, leases=2)
            assert [lease["kind"] for lease in status["leases"]].count("working") == 1
        await status_when(scene.client, leases=1)

    run(tmp_path, scenario)


def test_a_model_leaves_once_nobody_uses_it_and_those_who_come_meanwhile_wait(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        said: list[str] = []

        async def other() -> None:
            async with scene.client.lease(memory_mib=5000, device=CARD, priority=INTERACTIVE):
                said.append("other")
                assert scene.holds == {}

        async def late() -> None:
            async with scene.request("large"):
                said.append("late")

        async with scene.request("large"):
            tasks = [asyncio.create_task(other())]
            # A busy model is only asked to leave once it has stayed for its while.
            await until(lambda: bool(scene.sittings._leaving), within_s=15)
            tasks.append(asyncio.create_task(late()))
            await asyncio.sleep(0.1)
            assert (said, scene.unloaded) == ([], [])
        await asyncio.gather(*tasks)
        assert said == ["other", "late"]
        assert scene.unloaded == ["large"]

    run(tmp_path, scenario)


def test_an_idle_model_makes_room_at_once(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("large", BATCH):
            pass
        async with scene.client.lease(memory_mib=5000, device=CARD):
            assert scene.unloaded == ["large"]
        async with scene.request("large"):
            assert scene.holds == {"large": 7000}

    run(tmp_path, scenario)


def test_what_the_server_let_go_of_itself_is_given_back(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("large"):
            pass
        await until(lambda: scene.asked > 0)  # it looks by itself once a model is loaded
        await scene.client.status()
        asked_before = time.monotonic() - 60
        scene.holds.clear()
        await scene.sittings.look({}, asked_before)
        await status_when(scene.client, leases=1)
        await scene.look()
        await status_when(scene.client, leases=0)

    run(tmp_path, scenario)


def test_what_was_loaded_without_a_lease_is_unloaded(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        scene.holds["large"] = 7000
        async with scene.request("small"):
            await scene.look()
        assert (scene.unloaded, scene.holds) == (["large"], {"small": 1000})

    run(tmp_path, scenario)


def test_an_urgent_request_does_not_wait_in_the_class_of_others(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async def ask(priority: PriorityClass) -> None:
            async with scene.request("small", priority):
                pass

        async with scene.client.lease(memory_mib=10_000, device=CARD):
            tasks = [asyncio.create_task(ask(priority)) for priority in (BATCH, INTERACTIVE, STANDARD)]
            status = await status_when(scene.client, leases=1, waiting=1)
            while status["waiting"][0]["priority"] != "interactive":
                status = await status_when(scene.client, leases=1, waiting=1)
        await asyncio.gather(*tasks)

    run(tmp_path, scenario)


def test_one_who_no_longer_waits_is_in_nobodys_way(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client.lease(memory_mib=10_000, device=CARD):
            waits = asyncio.create_task(scene.sittings.at("small", STANDARD).__aenter__())
            await status_when(scene.client, leases=1, waiting=1)
            waits.cancel()
            await status_when(scene.client, leases=1, waiting=0)
        async with scene.request("small"):
            pass

    run(tmp_path, scenario)


def test_a_model_that_is_larger_than_the_card_is_refused(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(2):
            with pytest.raises(TooLarge, match="20000 MiB"):
                async with scene.request("huge"):
                    raise AssertionError

    run(tmp_path, scenario)


def test_a_pinned_model_never_leaves(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("large"):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), scene.client.lease(memory_mib=5000, device=CARD, priority=INTERACTIVE):
                raise AssertionError
        assert scene.unloaded == []

    run(tmp_path, scenario, pinned=frozenset({"large"}))


def test_without_a_card_nothing_is_leased(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.request("huge"):
            assert (await scene.client.status())["leases"] == []
        scene.holds["large"] = 7000
        await scene.look()
        assert scene.unloaded == []

    run(tmp_path, scenario, device="cpu")


def test_before_a_model_was_loaded_its_files_and_context_are_what_it_takes() -> None:
    assert Figures(17_000, 32_000).needs_mib() == 17_000 + 300 + 32 * 160
    assert Figures(1_700, 8_000).needs_mib() == 1_700 + 300 + 128
    assert Figures(17_000, 32_000, held_mib=21_500).needs_mib() == 21_500
    assert Model("m", Figures(0).needs_mib()).weights_mib > 0
