"""What keeps the platform busy, in one word and a few numbers. Pure; it names nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from brickyard.echo.queue.schemas import BusyWith

MIB = 1 << 20
LLM_HOLDER = "brick-llm"

Told = Mapping[str, Any]
"""What the broker tells of itself; see gpu/status.py."""


def busy_with(
    *, waiting: int, running: int, places: int, workers: int, paused: Sequence[str], card: Told | None, now: datetime
) -> BusyWith | None:
    """The first reason that holds, those that end only when somebody acts first. `waiting`, `running`: jobs; `paused`:
    queues; `card`: None where the broker does not answer."""
    if workers == 0:
        return BusyWith(code="no_worker", waiting=waiting)
    if "default" in paused:
        return BusyWith(code="queue_paused", waiting=waiting)
    held = None if card is None else _card(card, now)
    if held is not None:
        return held
    if running >= places:
        return BusyWith(code="jobs", waiting=waiting)
    return None


def _card(card: Told, now: datetime) -> BusyWith | None:
    """Somebody waits for a device: for whom."""
    wanted = {request["device"] for request in card["waiting"]}
    if not wanted:
        return None
    waiting = len(card["waiting"])
    leases = [lease for lease in card["leases"] if lease["device"] in wanted]
    notebooks = [lease for lease in leases if lease["kind"] == "notebook"]
    if notebooks:
        ends_in_s = [lease["ends_in_s"] for lease in notebooks]
        endless = any(left is None for left in ends_in_s)
        return BusyWith(
            code="notebook_holds_card",
            waiting=waiting,
            bytes=sum(lease["memory_mib"] for lease in notebooks) * MIB,
            until=None if endless else now + timedelta(seconds=max(ends_in_s)),
        )
    computes = any(lease["kind"] == "working" and lease["holder"] == LLM_HOLDER for lease in leases)
    return BusyWith(code="llm" if computes else "memory", waiting=waiting)
