"""How much of a device this process holds, and how much of that for nothing.

A runtime with an allocator of its own says so itself. On a CPU the process's resident memory is compared with what it
is entitled to: its context, the weights it has loaded and the chunks at work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from brickyard.bricks.models import Models
from brickyard.engines import heap
from brickyard.engines.base import MemoryUse

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """What is tolerated: beyond both, this part of what is held and so many MiB, something is done about it."""

    share: float = 0.25
    mib: int = 512

    def is_too_much(self, use: MemoryUse) -> bool:
        return use.unused_mib > self.mib and use.unused_mib > self.share * use.held_mib


@dataclass
class Holdings:
    """What this process holds of each device. `resident_mib` reads the process's own RAM."""

    models: Models
    resident_mib: Callable[[], int] = heap.resident_mib
    _working_mib: Counter[str] = field(default_factory=Counter, init=False)

    @contextmanager
    def working(self, device: str, memory_mib: int) -> Iterator[None]:
        """A chunk that may take so much is computed meanwhile."""
        self._working_mib[device] += memory_mib
        try:
            yield
        finally:
            self._working_mib[device] -= memory_mib

    def entitled_mib(self, device: str) -> int:
        """What it has leases for, and on a CPU its context, which needs none."""
        weights_mib = sum(residence.offer.weights_mib for residence in self.models.loaded(device))
        context_mib = self.models.context_mib() if device == CPU else 0
        return context_mib + weights_mib + self._working_mib[device]

    def use(self, device: str) -> MemoryUse | None:
        """None where nobody can tell."""
        for residence in self.models.loaded(device):
            told: MemoryUse | None = residence.engine.memory() if residence.engine else None
            if told is not None:
                return told
        if device != CPU:
            return None
        held_mib = self.resident_mib()
        return MemoryUse(held_mib, min(held_mib, self.entitled_mib(device)))
