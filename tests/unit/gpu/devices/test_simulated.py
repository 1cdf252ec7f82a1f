from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, permutations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brickyard.gpu.devices import SimulatedDevice, used_without_lease_mib
from brickyard.gpu.devices.simulated import Heap, Span
from brickyard.kit.errors import BadInput, Conflict, OutOfMemory

SIZE_MIB = 400
CONTEXT_MIB = 30
ELSEWHERE_MIB = 25
SEGMENT_MIB = 50

PIDS = st.integers(1, 4)


@pytest.fixture
def gpu() -> SimulatedDevice:
    return SimulatedDevice("gpu", 1000)


def test_what_is_used_elsewhere_is_nobodys_lease(gpu: SimulatedDevice) -> None:
    gpu.elsewhere_mib = 30
    assert (gpu.name, gpu.slots, gpu.total_mib()) == ("gpu", None, 1000)
    assert gpu.usage([1]).used_mib == 30
    assert gpu.usage([1]).by_pid == {1: 0}
    assert used_without_lease_mib(gpu.usage([1]), {1: 500}, {}) == 30


def test_a_heap_counts_with_its_segments_and_its_context() -> None:
    gpu = SimulatedDevice("gpu", 1000, elsewhere_mib=30, context_mib=300)
    gpu.open(7).allocate(15)
    assert gpu.usage([8]).by_pid == {7: 320, 8: 0}
    assert gpu.used_mib == 350
    assert gpu.free_mib == 650


def test_what_is_freed_stays_with_the_process_until_it_drops_it(gpu: SimulatedDevice) -> None:
    heap = gpu.open(1)
    heap.free(heap.allocate(100))
    assert (heap.allocated_mib, heap.reserved_mib, heap.fragmentation_mib, gpu.free_mib) == (0, 100, 100, 900)
    assert heap.drop_caches() == 100
    assert (heap.reserved_mib, gpu.free_mib) == (0, 1000)


def test_the_best_fitting_gap_is_taken(gpu: SimulatedDevice) -> None:
    heap = gpu.open(1)
    large, small = heap.allocate(200), heap.allocate(60)
    heap.free(large)
    heap.free(small)
    heap.allocate(50)
    assert heap.reserved_mib == 260
    assert heap.largest_gap_mib() == 200


def test_room_in_the_sum_of_gaps_is_no_room(gpu: SimulatedDevice) -> None:
    heap = gpu.open(1)
    blocks = [heap.allocate(100) for _ in range(2)]
    halves = [(heap.allocate(200), heap.allocate(200)) for _ in range(2)]
    for first, _ in halves:
        heap.free(first)
    heap.free(blocks[0])
    heap.free(blocks[1])
    assert heap.fragmentation_mib == 600
    with pytest.raises(OutOfMemory, match=r"300 MiB needed, 0 MiB free.* 1000 MiB reserved and 400 MiB allocated"):
        heap.allocate(300)
    assert heap.drop_caches() == 600
    heap.allocate(300)


def test_a_small_block_keeps_a_large_segment(gpu: SimulatedDevice) -> None:
    heap = gpu.open(1)
    heap.free(heap.allocate(800))
    heap.allocate(10)
    assert heap.drop_caches() == 0
    assert heap.fragmentation_mib == 790


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_neighbours_become_one_gap(gpu: SimulatedDevice, order: tuple[int, ...]) -> None:
    heap = gpu.open(1)
    heap.free(heap.allocate(90))
    thirds = [heap.allocate(30) for _ in range(3)]
    for place in order:
        heap.free(thirds[place])
    assert heap.largest_gap_mib() == 100
    assert heap.reserved_mib == 100


def test_segments_are_whole_multiples() -> None:
    heap = SimulatedDevice("gpu", 1000, segment_mib=64).open(1)
    heap.allocate(65)
    assert heap.reserved_mib == 128


def test_gaps_are_of_one_process_alone(gpu: SimulatedDevice) -> None:
    first, second = gpu.open(1), gpu.open(2)
    first.free(first.allocate(900))
    with pytest.raises(OutOfMemory):
        second.allocate(200)
    first.end()
    second.allocate(200)
    assert gpu.usage([]).by_pid == {2: 200}


def test_a_context_needs_room_too() -> None:
    gpu = SimulatedDevice("gpu", 1000, elsewhere_mib=800, context_mib=300)
    with pytest.raises(OutOfMemory, match="300 MiB needed, 200 MiB free"):
        gpu.open(1)
    assert gpu.used_mib == 800


def test_what_makes_no_sense_is_refused(gpu: SimulatedDevice) -> None:
    heap = gpu.open(1)
    block = heap.allocate(10)
    heap.free(block)
    with pytest.raises(BadInput, match="has no block"):
        heap.free(block)
    with pytest.raises(BadInput, match="at least 1 MiB"):
        heap.allocate(0)
    with pytest.raises(Conflict, match="already"):
        gpu.open(1)
    heap.end()
    with pytest.raises(Conflict, match="ended"):
        heap.allocate(1)
    with pytest.raises(Conflict, match="ended"):
        heap.end()
    assert gpu.open(1) is gpu.heaps[1]


class Memory(RuleBasedStateMachine):
    """Processes come and go on one device; a plain list of what lives says what the books must show."""

    def __init__(self) -> None:
        super().__init__()
        self.gpu = SimulatedDevice("gpu", SIZE_MIB, ELSEWHERE_MIB, context_mib=CONTEXT_MIB, segment_mib=SEGMENT_MIB)
        self.live: defaultdict[int, dict[int, int]] = defaultdict(dict)

    def chosen(self, data: st.DataObject) -> tuple[Heap, dict[int, int]]:
        heap = self.gpu.heaps[data.draw(st.sampled_from(sorted(self.gpu.heaps)))]
        return heap, self.live[heap.pid]

    @rule(pid=PIDS)
    def open(self, pid: int) -> None:
        free_mib = self.gpu.free_mib
        try:
            self.gpu.open(pid)
        except Conflict:
            assert pid in self.live
        except OutOfMemory:
            assert free_mib < CONTEXT_MIB
        else:
            assert pid not in self.live
            self.live[pid] = {}

    @precondition(lambda self: self.gpu.heaps)
    @rule(data=st.data(), mib=st.integers(1, 70))
    def allocate(self, data: st.DataObject, mib: int) -> None:
        heap, live = self.chosen(data)
        free_mib, gap_mib = self.gpu.free_mib, heap.largest_gap_mib()
        try:
            number = heap.allocate(mib)
        except OutOfMemory:
            assert gap_mib < mib
            assert free_mib < -(-mib // SEGMENT_MIB) * SEGMENT_MIB
        else:
            assert number not in live
            live[number] = mib
            assert (self.gpu.free_mib == free_mib) == (gap_mib >= mib)

    @precondition(lambda self: any(self.live.values()))
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        heap = self.gpu.heaps[data.draw(st.sampled_from(sorted(pid for pid, live in self.live.items() if live)))]
        number = data.draw(st.sampled_from(sorted(self.live[heap.pid])))
        free_mib = self.gpu.free_mib
        heap.free(number)
        del self.live[heap.pid][number]
        assert self.gpu.free_mib == free_mib

    @precondition(lambda self: self.gpu.heaps)
    @rule(data=st.data())
    def drop_caches(self, data: st.DataObject) -> None:
        heap, live = self.chosen(data)
        free_mib, spans = self.gpu.free_mib, heap.spans()
        dropped_mib = heap.drop_caches()
        assert heap.spans() == spans
        assert self.gpu.free_mib == free_mib + dropped_mib
        # Every segment that is left has something living in it.
        assert (heap.reserved_mib > 0) == bool(live)

    @precondition(lambda self: self.gpu.heaps)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        heap, _ = self.chosen(data)
        heap.end()
        del self.live[heap.pid]

    @invariant()
    def the_books_balance(self) -> None:
        heaps = self.gpu.heaps
        held = {pid: heap.reserved_mib + CONTEXT_MIB for pid, heap in heaps.items()}
        usage = self.gpu.usage([])
        assert usage.by_pid == held
        assert usage.used_mib == sum(held.values()) + ELSEWHERE_MIB <= SIZE_MIB
        assert self.gpu.free_mib == SIZE_MIB - usage.used_mib
        for pid, heap in heaps.items():
            assert heap.allocated_mib == sum(self.live[pid].values())
            assert heap.fragmentation_mib == heap.reserved_mib - heap.allocated_mib >= 0
            assert heap.reserved_mib % SEGMENT_MIB == 0
            assert heap.largest_gap_mib() <= heap.fragmentation_mib

    @invariant()
    def blocks_lie_beside_each_other(self) -> None:
        for pid, heap in self.gpu.heaps.items():
            spans = heap.spans()
            assert {number: span.mib for number, span in spans.items()} == self.live[pid]
            by_segment: defaultdict[int, list[Span]] = defaultdict(list)
            for span in spans.values():
                by_segment[span.segment].append(span)
            for row in by_segment.values():
                row.sort(key=lambda span: span.offset_mib)
                assert row[0].offset_mib >= 0
                for one, after in pairwise(row):
                    assert one.offset_mib + one.mib <= after.offset_mib

    def teardown(self) -> None:
        """Whatever happened before: when all have ended nothing is held, also where blocks were still live."""
        for heap in list(self.gpu.heaps.values()):
            heap.end()
        assert self.gpu.used_mib == ELSEWHERE_MIB
        assert self.gpu.free_mib == SIZE_MIB - ELSEWHERE_MIB


TestMemory = Memory.TestCase
TestMemory.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
