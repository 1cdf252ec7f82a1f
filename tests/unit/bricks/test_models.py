from __future__ import annotations

import asyncio
import threading
from typing import Any

from brickyard.bricks.models import Models
from brickyard.engines.fake import FakeRecognizer
from brickyard.gpu.lease import Model
from tests.unit.bricks.scene import offer


async def at_once(call: Any) -> Any:
    return call()


async def let_go(engine: FakeRecognizer) -> None:
    engine.close()


def test_how_long_loading_took_is_told_the_next_time() -> None:
    loading = threading.Event()

    def load() -> FakeRecognizer:
        loading.wait(0.05)
        return FakeRecognizer()

    residence = Models().residence(offer("tiny", load, weights_mib=300, reload_s=9.0, pinned=True))
    assert residence.model == Model("tiny", 300, 9.0, pinned=True)
    residence.load()
    assert 0.04 < residence.model.reload_s < 9.0


def test_a_model_is_closed_when_nobody_uses_it_any_more() -> None:
    async def story() -> list[str]:
        models, order = Models(), []
        residence = models.residence(offer())
        residence.load()

        async def use(name: str, turns: int) -> None:
            with residence.in_use():
                for _ in range(turns):
                    await asyncio.sleep(0)
                order.append(name)

        uses = [asyncio.create_task(use("first", 3)), asyncio.create_task(use("second", 6))]
        await asyncio.sleep(0)
        assert await residence.close(let_go) is not None
        order.append("closed")
        await asyncio.gather(*uses)
        assert models.loaded() == []
        assert await residence.close(let_go) is None
        return order

    assert asyncio.run(story()) == ["first", "second", "closed"]


class Counting(FakeRecognizer):
    def __init__(self, parallel: bool) -> None:
        super().__init__()
        self.parallel = parallel
        self.dropped = 0

    def drop_caches(self) -> None:
        self.dropped += 1


def test_caches_are_dropped_without_disturbing_one_who_computes_or_waiting_for_him() -> None:
    async def story() -> list[int]:
        models = Models()
        kinds = {"own": False, "parallel": True, "busy": False, "idle": False}
        residences = {name: models.residence(offer(name, lambda p=p: Counting(p))) for name, p in kinds.items()}
        engines = [residence.load() for residence in residences.values()]
        models.residence(offer("elsewhere", lambda: Counting(False), device="other")).load()
        async with residences["own"].turn, residences["busy"].turn:
            await models.drop_caches("gpu", at_once, held=residences["own"])
        first = [engine.dropped for engine in engines]
        await models.drop_caches("gpu", at_once)
        assert [engine.dropped for engine in engines] == [one + 1 for one in first]
        return first

    assert asyncio.run(story()) == [1, 1, 0, 1]
