from __future__ import annotations

import pytest

from brickyard.bricks.models import Models
from brickyard.bricks.watchdog import Fragmentation, Holdings
from brickyard.engines.base import MemoryUse
from brickyard.engines.fake import FakeRecognizer
from tests.unit.bricks.scene import offer


class Silent(FakeRecognizer):
    def memory(self) -> MemoryUse | None:
        return None


@pytest.mark.parametrize(
    ("held_mib", "allocated_mib", "too_much"),
    [(3000, 2400, False), (2400, 1800, False), (2000, 1400, True), (600, 80, True), (500, 0, False), (400, 900, False)],
)
def test_both_bounds_have_to_be_passed(held_mib: int, allocated_mib: int, too_much: bool) -> None:
    assert Fragmentation(share=0.25, mib=512).is_too_much(MemoryUse(held_mib, allocated_mib)) is too_much


def test_on_a_cpu_a_process_is_entitled_to_its_context_its_weights_and_its_chunks() -> None:
    models = Models()
    holdings = Holdings(models, resident_mib=lambda: 1000)
    small = models.residence(offer("small", Silent, "cpu", weights_mib=100, context_mib=160))
    models.residence(offer("large", Silent, "cpu", weights_mib=400, context_mib=150))
    assert holdings.use("cpu") == MemoryUse(1000, 160)
    small.load()
    with holdings.working("cpu", 50), holdings.working("cpu", 50), holdings.working("gpu", 7000):
        assert holdings.use("cpu") == MemoryUse(1000, 360)
    assert holdings.use("cpu") == MemoryUse(1000, 260)


def test_nobody_holds_less_than_is_in_use() -> None:
    models = Models()
    models.residence(offer("large", Silent, "cpu", weights_mib=400)).load()
    assert Holdings(models, resident_mib=lambda: 300).use("cpu") == MemoryUse(300, 300)


def test_on_a_card_the_runtime_is_asked_and_where_it_does_not_tell_nothing_is_known() -> None:
    models = Models()
    holdings = Holdings(models)
    models.residence(offer("silent", Silent)).load()
    assert holdings.use("gpu") is None
    told = models.residence(offer("telling")).load().memory()
    assert told is not None
    assert holdings.use("gpu") == told


def test_the_resident_memory_of_this_process_is_what_the_system_says() -> None:
    use = Holdings(Models()).use("cpu")
    assert use is not None
    kept = b"x" * (64 << 20)
    more = Holdings(Models()).use("cpu")
    assert more is not None
    assert more.held_mib - use.held_mib >= 50
    assert len(kept) == 64 << 20
