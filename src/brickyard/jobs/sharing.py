"""How running jobs share the device: pure arithmetic, the fluid twin of the broker's rules.

Every chunk of a higher class goes before those of lower ones, so in the long run the highest class takes what it can
use, and the next what is left. Within a class owners have equal parts, and an owner's jobs equal parts of that; what
one can't use goes to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brickyard.jobs.states import Priority


@dataclass(frozen=True, slots=True)
class Taker:
    """A job that wants the device. `most`: slots of it that the job can keep busy on its own."""

    owner: str
    priority: Priority
    most: float


def shares(takers: Sequence[Taker], slots: float) -> list[float]:
    """Slots of the device that each gets, in the same order."""
    found = [0.0] * len(takers)
    left = slots
    for priority in sorted({taker.priority for taker in takers}):
        owners: dict[str, list[int]] = {}
        for place, taker in enumerate(takers):
            if taker.priority is priority:
                owners.setdefault(taker.owner, []).append(place)
        of_owners = level(left, [sum(takers[place].most for place in places) for places in owners.values()])
        for share, places in zip(of_owners, owners.values(), strict=True):
            for place, own in zip(places, level(share, [takers[place].most for place in places]), strict=True):
                found[place] = own
        left = max(0.0, left - sum(of_owners))
    return found


def level(amount: float, limits: Sequence[float]) -> list[float]:
    """Equal parts of `amount`, none above its own limit; what one can't take is divided among the others."""
    parts = [0.0] * len(limits)
    left = amount
    for count, place in enumerate(sorted(range(len(limits)), key=limits.__getitem__)):
        parts[place] = min(limits[place], left / (len(limits) - count))
        left = max(0.0, left - parts[place])
    return parts
