"""The card that bench/gpu.py runs on: a real one through NVML and torch, or a simulated one that processes share.

The product's own broker leases either. What differs is only where a process's memory is: in torch's allocator, or in a
heap of the product's simulated device, which lives in a process of its own and is asked through a socket.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, Protocol

import psutil
from gpu_models import Setup, runtime

from brickyard.engines import heap
from brickyard.engines.base import MemoryUse
from brickyard.gpu.devices import MIB, Device, SimulatedDevice, Usage, cuda
from brickyard.gpu.devices.simulated import SEGMENT_MIB, Heap
from brickyard.kit.errors import OutOfMemory, Unavailable

SIZE_MIB, CONTEXT_MIB = 6000, 100
"""Of the simulated card, and of a process on it."""
SMALLER_BY_MIB = 16
KEY = b"bench"
NAME = "simulated:0"


class Memory(Protocol):
    """What this process has of the card, without its context, and the only way to have more."""

    def use(self) -> MemoryUse: ...

    def begin(self) -> None:
        """Counts peaks from now on."""
        ...

    def peak(self) -> MemoryUse: ...

    def room(self, mib: int) -> Any:
        """A context in which so much may be allocated; where that fails it raises the product's OutOfMemory."""
        ...

    def take(self, leave_mib: int) -> int:
        """Takes all that is free on the card but this, and says how much that was."""
        ...

    def give(self) -> None:
        """Gives back what was taken so."""
        ...

    def hold_weights(self, mib: int) -> None: ...

    def drop(self) -> None:
        """Gives back what is cached."""
        ...

    def limit(self, mib: int | None) -> None:
        """This process gets no more than so much, whatever the card has."""
        ...


class TorchMemory:
    def __init__(self) -> None:
        self._torch, _ = runtime()
        self._taken: list[Any] = []

    def use(self) -> MemoryUse:
        cuda = self._torch.cuda
        return MemoryUse(-(-cuda.memory_reserved() // MIB), -(-cuda.memory_allocated() // MIB))

    def begin(self) -> None:
        self._torch.cuda.reset_peak_memory_stats()

    def peak(self) -> MemoryUse:
        cuda = self._torch.cuda
        return MemoryUse(-(-cuda.max_memory_reserved() // MIB), -(-cuda.max_memory_allocated() // MIB))

    @contextmanager
    def room(self, mib: int) -> Iterator[None]:
        """CUDA and its libraries take memory beside torch, and tell in words alone that there was none."""
        try:
            yield
        except (self._torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
            if not heap.says_no_room(error):
                raise
            raise OutOfMemory(f"The card had no room: {error}") from error

    def take(self, leave_mib: int) -> int:
        """In one piece; where there is none of that size, or somebody was faster, in a smaller one."""
        while (mib := self._torch.cuda.mem_get_info()[0] // MIB - leave_mib) > 0:
            try:
                self._taken.append(self._torch.empty(mib * MIB, dtype=self._torch.uint8, device="cuda"))
            except self._torch.OutOfMemoryError:
                leave_mib += SMALLER_BY_MIB
                continue
            return int(mib)
        return 0

    def give(self) -> None:
        self._taken.clear()
        self.drop()

    def hold_weights(self, mib: int) -> None:
        """They hold themselves."""

    def drop(self) -> None:
        heap.trim()
        self._torch.cuda.empty_cache()

    def limit(self, mib: int | None) -> None:
        cuda = self._torch.cuda
        total_mib = cuda.get_device_properties(0).total_memory / MIB
        cuda.set_per_process_memory_fraction(1.0 if mib is None else min(1.0, mib / total_mib))


class SharedCard:
    """A SimulatedDevice for several processes. One that has ended has nothing any more, as on a real card."""

    def __init__(self, size_mib: int) -> None:
        self._device = SimulatedDevice(NAME, size_mib, slots=cuda.SLOTS, context_mib=CONTEXT_MIB)
        self._lock = threading.Lock()
        self._peaks: dict[int, MemoryUse] = {}
        self._limits: dict[int, int] = {}

    def total_mib(self) -> int:
        return self._device.total_mib()

    def free_mib(self, pid: int) -> int:
        """Whoever asks has a context from then on, as with CUDA."""
        with self._living():
            self._heap(pid)
            return self._device.free_mib

    def usage(self, pids: Collection[int]) -> Usage:
        with self._living():
            return self._device.usage(pids)

    def use(self, pid: int) -> MemoryUse:
        with self._living():
            own = self._device.heaps.get(pid)
            return MemoryUse(own.reserved_mib, own.allocated_mib) if own else MemoryUse(0, 0)

    def begin(self, pid: int) -> None:
        self._peaks[pid] = self.use(pid)

    def peak(self, pid: int) -> MemoryUse:
        return self._peaks.get(pid, MemoryUse(0, 0))

    def allocate(self, pid: int, mib: int) -> int:
        with self._living():
            own = self._heap(pid)
            if own.allocated_mib + mib > self._limits.get(pid, self._device.size_mib):
                raise OutOfMemory(f"Process {pid} may have {self._limits[pid]} MiB, {mib} more are too much.")
            block = own.allocate(mib)
            before = self._peaks.get(pid, MemoryUse(0, 0))
            self._peaks[pid] = MemoryUse(
                max(before.held_mib, own.reserved_mib), max(before.allocated_mib, own.allocated_mib)
            )
            return block

    def free(self, pid: int, block: int) -> None:
        with self._living():
            self._heap(pid).free(block)

    def drop(self, pid: int) -> None:
        with self._living():
            if own := self._device.heaps.get(pid):
                own.drop_caches()

    def limit(self, pid: int, mib: int | None) -> None:
        self._limits.pop(pid, None)
        if mib is not None:
            self._limits[pid] = mib

    def _heap(self, pid: int) -> Heap:
        return self._device.heaps.get(pid) or self._device.open(pid)

    @contextmanager
    def _living(self) -> Iterator[None]:
        with self._lock:
            for pid, own in list(self._device.heaps.items()):
                if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    own.end()
            yield


class CardServer(BaseManager):
    """The process in which the simulated card is."""


@cache
def _the_card() -> SharedCard:
    """One in the server's process, for all who ask it."""
    return SharedCard(SIZE_MIB)


_METHODS = [name for name in vars(SharedCard) if not name.startswith("_")]
CardServer.register("card", callable=_the_card, exposed=_METHODS)


@contextmanager
def simulating(server: Path) -> Iterator[None]:
    """There is a simulated card at this address while the block runs."""
    with CardServer(address=str(server), authkey=KEY):
        yield


@dataclass(frozen=True, slots=True)
class SimulatedCard:
    """As the broker wants it."""

    card: Any
    name: str = NAME
    slots: int | None = cuda.SLOTS

    def total_mib(self) -> int:
        return int(self.card.total_mib())

    def usage(self, pids: Collection[int]) -> Usage:
        usage: Usage = self.card.usage(set(pids))
        return usage


class SimulatedMemory:
    def __init__(self, card: Any, pid: int) -> None:
        self._card = card
        self._pid = pid
        self._taken: list[int] = []
        self._weights: int | None = None

    def use(self) -> MemoryUse:
        use: MemoryUse = self._card.use(self._pid)
        return use

    def begin(self) -> None:
        self._card.begin(self._pid)

    def peak(self) -> MemoryUse:
        peak: MemoryUse = self._card.peak(self._pid)
        return peak

    @contextmanager
    def room(self, mib: int) -> Iterator[None]:
        if not mib:
            yield
            return
        block = self._card.allocate(self._pid, mib)
        try:
            yield
        finally:
            self._card.free(self._pid, block)

    def take(self, leave_mib: int) -> int:
        """In whole segments, as the simulated card gives it."""
        self._card.drop(self._pid)
        mib = (self._card.free_mib(self._pid) - leave_mib) // SEGMENT_MIB * SEGMENT_MIB
        if mib <= 0:
            return 0
        try:
            self._taken.append(self._card.allocate(self._pid, mib))
        except OutOfMemory:  # somebody was faster
            return 0
        return int(mib)

    def give(self) -> None:
        for block in self._taken:
            self._card.free(self._pid, block)
        self._taken.clear()
        self.drop()

    def hold_weights(self, mib: int) -> None:
        if self._weights is not None:
            self._card.free(self._pid, self._weights)
        self._weights = self._card.allocate(self._pid, mib) if mib else None

    def drop(self) -> None:
        self._card.drop(self._pid)

    def limit(self, mib: int | None) -> None:
        self._card.limit(self._pid, mib)


@dataclass(frozen=True, slots=True)
class Machine:
    """`where`: as torch names it. `memory`: this process's own; `device`: as the broker leases it."""

    where: str
    device: Device
    memory: Memory

    def held_mib(self, pid: int) -> int | None:
        """What the card says this process has of it, its context included; None where it does not say."""
        return self.device.usage({pid}).by_pid.get(pid)

    def reading(self) -> cuda.Reading | None:
        return self.device.reading() if isinstance(self.device, cuda.CudaDevice) else None


def simulated(server: Path, pid: int) -> Machine:
    client = CardServer(address=str(server), authkey=KEY)
    client.connect()
    card = client.card()  # type: ignore[attr-defined]  # made by `register`
    return Machine("cpu", SimulatedCard(card), SimulatedMemory(card, pid))


def first_card() -> cuda.CudaDevice:
    found = cuda.found()
    if not found:
        raise Unavailable("NVML finds no card here. Run it where `nvidia-smi` shows one, or with --device cpu.")
    return found[0]


def working_mib(setup: Setup, batch: int) -> int:
    """What is to be allocated for a batch beside what torch does by itself: nothing but on a simulated card."""
    return setup.working_mib * batch
