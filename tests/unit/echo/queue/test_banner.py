from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.queue.banner import busy_with
from brickyard.echo.queue.schemas import BusyWith

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CALM: dict[str, Any] = {
    "waiting": 0, "running": 1, "places": 4, "workers": 1, "paused": [], "card": None, "now": NOW,
}  # fmt: skip


def lease(kind: str, holder: str = "brick-asr", device: str = "cuda:0", ends_in_s: float | None = None) -> Any:
    return {"kind": kind, "holder": holder, "device": device, "memory_mib": 2, "ends_in_s": ends_in_s}


def card(*leases: Any, waiting: int = 2) -> Any:
    return {"leases": leases, "waiting": [{"device": "cuda:0"}] * waiting}


def busy(**values: Any) -> BusyWith | None:
    return busy_with(**{**CALM, **values})


def test_with_places_free_and_nobody_waiting_for_the_card_it_is_calm() -> None:
    assert busy() is None
    assert busy(card=card(lease("notebook"), lease("working"), waiting=0)) is None


def test_full_places_are_the_jobs_doing() -> None:
    assert busy(running=4, waiting=7) == BusyWith(code="jobs", waiting=7)


def test_what_only_people_can_change_comes_first() -> None:
    assert busy(workers=0, running=4, waiting=3) == BusyWith(code="no_worker", waiting=3)
    assert busy(paused=["default"], running=4) == BusyWith(code="queue_paused")
    assert busy(paused=["night"]) is None


def test_a_notebook_is_named_with_what_it_has_and_until_when() -> None:
    told = busy(card=card(lease("notebook", ends_in_s=60.0), lease("notebook", ends_in_s=90.0)), running=4)
    until = NOW + timedelta(seconds=90)
    assert told == BusyWith(code="notebook_holds_card", waiting=2, bytes=4 << 20, until=until)
    endless = busy(card=card(lease("notebook", ends_in_s=60.0), lease("notebook")))
    assert endless is not None
    assert endless.until is None


def test_a_notebook_on_another_device_holds_up_nobody() -> None:
    told = busy(card=card(lease("notebook", device="cuda:1"), lease("working")))
    assert told == BusyWith(code="memory", waiting=2)


def test_language_models_are_named_where_they_compute() -> None:
    assert busy(card=card(lease("working", "brick-llm"))) == BusyWith(code="llm", waiting=2)
    assert busy(card=card(lease("resident", "brick-llm"))) == BusyWith(code="memory", waiting=2)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_without_a_card_it_is_busy_exactly_when_no_place_is_free(waiting: int, running: int, places: int) -> None:
    told = busy(waiting=waiting, running=running, places=places)
    assert (told is not None) == (running >= places)
