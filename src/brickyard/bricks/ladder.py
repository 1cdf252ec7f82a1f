"""What to do when a device has no room: the cheapest remedy first, and each only once. Pure.

    drop caches   what the runtime keeps without using it goes back; the same batch again
    halve batch   as often as there is a smaller one; only this chunk is computed again
    make room     at the smallest batch, idle models leave the device, this process's own and those of others
    retry later   others still have some of the device, and will give it back: the chunk is asked for again
    give up       nobody else has anything of it, so it can never fit

Loading weights has no batch: it goes from dropping caches to making room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

NEARLY_NOTHING_MIB = 64
NEARLY_NOTHING = 0.1
"""A part of what is needed that would not make the difference if others gave it back."""


class Rung(StrEnum):
    DROP_CACHES = "drop caches"
    HALVE_BATCH = "halve batch"
    MAKE_ROOM = "make room"
    RETRY_LATER = "retry later"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far up the ladder a chunk is. `alone`: after making room, nobody else has anything of the device."""

    batch: int
    dropped: bool = False
    made_room: bool = False
    alone: bool = False


def next_rung(attempt: Attempt, batches: Sequence[int]) -> tuple[Rung, Attempt]:
    """What to do after this attempt found no room, and the attempt to make then. After the last two there is none.

    `batches`: the sizes there are, ascending; empty where there is no batch.
    """
    if not attempt.dropped:
        return Rung.DROP_CACHES, replace(attempt, dropped=True)
    smaller = halved(attempt.batch, batches)
    if smaller is not None:
        return Rung.HALVE_BATCH, replace(attempt, batch=smaller)
    if not attempt.made_room:
        return Rung.MAKE_ROOM, replace(attempt, made_room=True)
    return (Rung.GIVE_UP if attempt.alone else Rung.RETRY_LATER), attempt


def halved(batch: int, batches: Sequence[int]) -> int | None:
    """The largest size up to half of `batch`, or the smallest there is; None where none is smaller."""
    smaller = [size for size in batches if size < batch]
    if not smaller:
        return None
    return max((size for size in smaller if 2 * size <= batch), default=smaller[0])


def is_alone(others_mib: int, needed_mib: int) -> bool:
    """Whether what others have of the device is too little to matter."""
    return others_mib <= max(NEARLY_NOTHING_MIB, NEARLY_NOTHING * needed_mib)
