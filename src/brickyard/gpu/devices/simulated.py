"""A device whose memory exists in numbers only, with heaps that fragment like those of the model runtimes.

A runtime keeps what it frees: its heap takes whole segments from the device, cuts blocks from them, and gives a
segment back only where nothing lives in it any more. So a process may hold much more than it uses, and there may be
room for a chunk in the sum of all gaps but in none of them. Every figure is in MiB.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from brickyard.gpu.devices.device import Usage
from brickyard.kit.errors import BadInput, Conflict, OutOfMemory

SEGMENT_MIB = 20


class SimulatedDevice:
    """`elsewhere_mib`: what processes without a heap use, and may be set at any time. `context_mib`: what a process
    takes merely by opening its heap. Segments are whole multiples of `segment_mib`."""

    def __init__(
        self,
        name: str,
        size_mib: int,
        elsewhere_mib: int = 0,
        *,
        slots: int | None = None,
        context_mib: int = 0,
        segment_mib: int = SEGMENT_MIB,
    ) -> None:
        self.name = name
        self.slots = slots
        self.size_mib = size_mib
        self.elsewhere_mib = elsewhere_mib
        self.context_mib = context_mib
        self.segment_mib = segment_mib
        self._held_mib = 0
        self._heaps: dict[int, Heap] = {}

    @property
    def heaps(self) -> Mapping[int, Heap]:
        """Those that are open, by process."""
        return MappingProxyType(self._heaps)

    @property
    def used_mib(self) -> int:
        return self._held_mib + self.elsewhere_mib

    @property
    def free_mib(self) -> int:
        return max(0, self.size_mib - self.used_mib)

    def total_mib(self) -> int:
        return self.size_mib

    def usage(self, pids: Collection[int]) -> Usage:
        """Every open heap with its context; 0 for those of `pids` that have none."""
        held = {pid: heap.held_mib for pid, heap in self._heaps.items()}
        return Usage(self.used_mib, dict.fromkeys(pids, 0) | held)

    def open(self, pid: int) -> Heap:
        """The heap of a process that has none yet. Raises OutOfMemory where there is no room for its context."""
        if pid in self._heaps:
            raise Conflict(f"Process {pid} has a heap on {self.name} already; end that one first.")
        if self.context_mib > self.free_mib:
            raise OutOfMemory(
                f"{self.name} has no room for the context of process {pid}: "
                f"{self.context_mib} MiB needed, {self.free_mib} MiB free."
            )
        heap = Heap(self, pid)
        self._heaps[pid] = heap
        self._held_mib += self.context_mib
        return heap

    def take(self, mib: int) -> bool:
        """A segment for a heap; False where there is no room."""
        if mib > self.free_mib:
            return False
        self._held_mib += mib
        return True

    def give_back(self, mib: int) -> None:
        self._held_mib -= mib

    def forget(self, heap: Heap) -> None:
        self._held_mib -= heap.held_mib
        del self._heaps[heap.pid]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a block lies: in which segment, and from where on."""

    segment: int
    offset_mib: int
    mib: int


class _Block:
    """A part of a segment; blocks of one segment are chained in the order of their places. `number` is of the block
    that lives there, 0 where none does."""

    __slots__ = ("after", "before", "mib", "number", "offset_mib", "segment")

    def __init__(self, segment: int, offset_mib: int, mib: int, before: _Block | None, after: _Block | None) -> None:
        self.segment = segment
        self.offset_mib = offset_mib
        self.mib = mib
        self.before = before
        self.after = after
        self.number = 0


class Heap:
    """What one process holds on a simulated device. Made by `SimulatedDevice.open`."""

    def __init__(self, device: SimulatedDevice, pid: int) -> None:
        self.pid = pid
        self.context_mib = device.context_mib
        self.allocated_mib = 0
        self.reserved_mib = 0
        self._device = device
        self._ended = False
        self._numbers = itertools.count(1)
        self._live: dict[int, _Block] = {}
        # The gaps, smallest first; of equal ones the lowest comes first, so that upper segments may fall empty.
        self._gaps: list[tuple[int, int, int]] = []
        self._places: dict[tuple[int, int], _Block] = {}

    @property
    def held_mib(self) -> int:
        """What the device has less because of this process."""
        return self.reserved_mib + self.context_mib

    @property
    def fragmentation_mib(self) -> int:
        """What it keeps without using it."""
        return self.reserved_mib - self.allocated_mib

    def spans(self) -> dict[int, Span]:
        """Where each live block lies."""
        return {number: Span(block.segment, block.offset_mib, block.mib) for number, block in self._live.items()}

    def largest_gap_mib(self) -> int:
        """The largest block that needs nothing more from the device."""
        return self._gaps[-1][0] if self._gaps else 0

    def allocate(self, mib: int) -> int:
        """The number of a new block: from the best fitting gap, else from a new segment. Raises OutOfMemory where
        no gap fits and the device has no room for a segment."""
        self._check_open()
        if mib < 1:
            raise BadInput(f"A block of {mib} MiB was asked for; it must have at least 1 MiB.")
        block = self._best_gap(mib) or self._new_segment(mib)
        if block.mib > mib:
            self._split(block, mib)
        block.number = next(self._numbers)
        self._live[block.number] = block
        self.allocated_mib += mib
        return block.number

    def free(self, number: int) -> None:
        """Turns a block into a gap, merged with gaps beside it. The device gets nothing back by this."""
        block = self._live.pop(number, None)
        if block is None:
            raise BadInput(f"Process {self.pid} has no block {number}: it was freed already, or never allocated.")
        self.allocated_mib -= block.mib
        block.number = 0
        if block.after is not None and not block.after.number:
            self._remove_gap(block.after)
            _swallow(block)
        if block.before is not None and not block.before.number:
            block = block.before
            self._remove_gap(block)
            _swallow(block)
        self._add_gap(block)

    def drop_caches(self) -> int:
        """Gives segments in which nothing lives back to the device. Returns how many MiB that were."""
        empty = [block for block in self._places.values() if block.before is None and block.after is None]
        for block in empty:
            self._remove_gap(block)
        dropped_mib = sum(block.mib for block in empty)
        self.reserved_mib -= dropped_mib
        self._device.give_back(dropped_mib)
        return dropped_mib

    def end(self) -> None:
        """The process is gone, and everything that it held with it."""
        self._check_open()
        self._device.forget(self)
        self._ended = True
        self.allocated_mib = self.reserved_mib = self.context_mib = 0
        self._live.clear()
        self._gaps.clear()
        self._places.clear()

    def _check_open(self) -> None:
        if self._ended:
            raise Conflict(f"The heap of process {self.pid} has ended; open a new one.")

    def _best_gap(self, mib: int) -> _Block | None:
        index = bisect_left(self._gaps, (mib, 0, 0))
        if index == len(self._gaps):
            return None
        _, segment, offset_mib = self._gaps.pop(index)
        return self._places.pop((segment, offset_mib))

    def _new_segment(self, mib: int) -> _Block:
        granularity_mib = self._device.segment_mib
        segment_mib = -(-mib // granularity_mib) * granularity_mib
        if not self._device.take(segment_mib):
            raise OutOfMemory(
                f"{self._device.name} has no room for {mib} MiB of process {self.pid}: {segment_mib} MiB needed, "
                f"{self._device.free_mib} MiB free; the process has {self.reserved_mib} MiB reserved and "
                f"{self.allocated_mib} MiB allocated."
            )
        self.reserved_mib += segment_mib
        return _Block(next(self._numbers), 0, segment_mib, None, None)

    def _split(self, block: _Block, mib: int) -> None:
        rest = _Block(block.segment, block.offset_mib + mib, block.mib - mib, block, block.after)
        if block.after is not None:
            block.after.before = rest
        block.after = rest
        block.mib = mib
        self._add_gap(rest)

    def _add_gap(self, block: _Block) -> None:
        insort(self._gaps, (block.mib, block.segment, block.offset_mib))
        self._places[block.segment, block.offset_mib] = block

    def _remove_gap(self, block: _Block) -> None:
        del self._gaps[bisect_left(self._gaps, (block.mib, block.segment, block.offset_mib))]
        del self._places[block.segment, block.offset_mib]


def _swallow(block: _Block) -> None:
    """Makes a block and the one after it one."""
    swallowed = block.after
    if swallowed is None:
        return
    block.mib += swallowed.mib
    block.after = swallowed.after
    if block.after is not None:
        block.after.before = block
