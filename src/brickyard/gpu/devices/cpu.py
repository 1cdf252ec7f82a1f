"""The machine's own memory and cores as a device, or those of the container where that has limits of its own."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from brickyard.gpu.devices.device import MIB, Usage

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class CpuDevice:
    """`threads`: how many one chunk computes with. `reserve_mib` is never leased."""

    name: str = "cpu"
    cgroups: Path = CGROUPS
    own_cgroups: Path = OWN_CGROUPS
    threads: int = 1
    reserve_mib: int = 0

    @property
    def slots(self) -> int:
        return max(1, self.cores() // max(1, self.threads))

    def cores(self) -> int:
        """Those that this process may run on, or fewer where a control group gives it less time than they have."""
        quotas = [_cores(*found) for found in self._groups("cpu")]
        return max(1, min([_allowed_cores(), *(quota for quota in quotas if quota is not None)]))

    def total_mib(self) -> int:
        limit = self._memory_limit()
        machine_mib: int = psutil.virtual_memory().total // MIB
        return max(0, (min(machine_mib, limit.limit_mib) if limit else machine_mib) - self.reserve_mib)

    def usage(self, pids: Collection[int]) -> Usage:
        """A process counts with what is resident of it and of its children, except for children that are themselves
        among `pids`. Looking for children reads every process once: milliseconds, so call it beside an event loop."""
        limit = self._memory_limit()
        machine = psutil.virtual_memory()
        used_mib = limit.used_mib if limit else (machine.total - machine.available) // MIB
        return Usage(used_mib, _resident_by_pid(frozenset(pids)))

    def _memory_limit(self) -> _MemoryLimit | None:
        """The tightest one on this process, or None."""
        found = [_memory_limit(folder, version) for folder, version in self._groups("memory")]
        set_ones = (limit for limit in found if limit is not None)
        return min(set_ones, key=lambda limit: limit.limit_mib - limit.used_mib, default=None)

    def _groups(self, controller: str) -> Iterator[tuple[Path, int]]:
        """This process' own groups with their version, each up to the root: a parent's limit holds for its children.
        Version 1 has a tree for each controller."""
        for line in _lines(self.own_cgroups):
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from ((folder, 2) for folder in _up(self.cgroups, path))
            elif controller in controllers.split(","):
                yield from ((folder, 1) for folder in _up(self.cgroups / controller, path))


@dataclass(frozen=True)
class _MemoryLimit:
    limit_mib: int
    used_mib: int


def _up(root: Path, path: str) -> Iterator[Path]:
    folder = root / path.strip("/")
    if not folder.is_dir():
        folder = root  # in a container the path is the host's, while its own group is mounted as the root
    yield folder
    while folder != root:
        folder = folder.parent
        yield folder


def _memory_limit(folder: Path, version: int) -> _MemoryLimit | None:
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    limit, usage = _number(folder / names[0]), _number(folder / names[1])
    # A limit beyond what a machine can have is how version 1 writes that there is none.
    if limit is None or usage is None or limit >= 1 << 60:
        return None
    return _MemoryLimit(limit // MIB, max(0, usage - _page_cache(folder)) // MIB)


def _page_cache(folder: Path) -> int:
    """Bytes that the kernel gives up when somebody needs them."""
    for line in _lines(folder / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _cores(folder: Path, version: int) -> int | None:
    """Whole cores that the group's share of time amounts to; None where it has no limit."""
    if version == 2:
        quota, _, period = "".join(_lines(folder / "cpu.max")).partition(" ")
    else:
        quota, period = ("".join(_lines(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    # No limit is written "max" by version 2 and -1 by version 1; neither is all digits.
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return int(quota) // int(period)


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number(path: Path) -> int | None:
    text = "".join(_lines(path))
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _resident_by_pid(pids: frozenset[int]) -> dict[int, int]:
    """MiB by process; one that is not there, or that the system hides, is left out."""
    children = _children() if pids else {}
    resident = {}
    for pid in pids:
        own_mib = _resident_mib(pid)
        if own_mib is not None:
            resident[pid] = own_mib + sum(_resident_mib(child) or 0 for child in _below(pid, pids, children))
    return resident


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process.pid)
    return found


def _below(pid: int, pids: frozenset[int], children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(pid, []):
        if child not in pids:
            yield child
            yield from _below(child, pids, children)


def _resident_mib(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss // MIB)
    except psutil.Error:
        return None
