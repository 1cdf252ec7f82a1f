"""When a recording's time is over. Pure.

What speaks for a recording, the first that does: legal hold, its own days, its team's, the platform's. Days count from
its arrival. A job that is not done yet postpones the end; legal hold has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_DAYS = 36_500


class Because(StrEnum):
    HOLD = "legal hold"
    RECORDING = "its own days"
    TEAM = "its team's days"
    PLATFORM = "the platform's days"
    NOTHING = "nothing says when"


@dataclass(frozen=True, slots=True)
class Facts:
    """Days are None where none were set. `has_work`: a job over it waits, runs or is paused."""

    created_at: datetime
    own_days: int | None = None
    team_days: int | None = None
    is_held: bool = False
    has_work: bool = False


@dataclass(frozen=True, slots=True)
class Expiry:
    """`at` is None where the recording stays."""

    at: datetime | None
    because: Because


def expiry(facts: Facts, platform_days: int | None) -> Expiry:
    if facts.is_held:
        return Expiry(None, Because.HOLD)
    for days, because in (
        (facts.own_days, Because.RECORDING),
        (facts.team_days, Because.TEAM),
        (platform_days, Because.PLATFORM),
    ):
        if days is not None:
            return Expiry(facts.created_at + timedelta(days=min(days, LONGEST_DAYS)), because)
    return Expiry(None, Because.NOTHING)


def is_due(facts: Facts, platform_days: int | None, now: datetime) -> bool:
    """Whether it is to be deleted now."""
    at = expiry(facts, platform_days).at
    return at is not None and at <= now and not facts.has_work
