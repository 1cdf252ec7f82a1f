"""What has memory to lease: its size, and how much of it is used by others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

MIB = 1 << 20
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


class Device(Protocol):
    @property
    def name(self) -> str: ...

    def total_mib(self) -> int:
        """How much may be leased in all."""
        ...

    def used_without_lease_mib(self, pids: Collection[int]) -> int:
        """What everybody but `pids`, the holders of leases, uses of it now."""
        ...


@dataclass
class SimulatedDevice:
    """Memory that exists in numbers only, for tests and for planning."""

    name: str
    size_mib: int
    elsewhere_mib: int = 0

    def total_mib(self) -> int:
        return self.size_mib

    def used_without_lease_mib(self, pids: Collection[int]) -> int:
        return self.elsewhere_mib


@dataclass(frozen=True)
class CpuDevice:
    """The memory of the machine, or of the container where that has a limit of its own."""

    name: str = "cpu"
    cgroups: Path = CGROUPS
    own_cgroups: Path = OWN_CGROUPS

    def total_mib(self) -> int:
        limit = self._cgroup()
        machine_mib: int = psutil.virtual_memory().total // MIB
        return min(machine_mib, limit.limit_mib) if limit else machine_mib

    def used_without_lease_mib(self, pids: Collection[int]) -> int:
        limit = self._cgroup()
        machine = psutil.virtual_memory()
        used_mib = limit.used_mib if limit else (machine.total - machine.available) // MIB
        return max(0, used_mib - sum(_resident_mib(pid) for pid in pids))

    def _cgroup(self) -> _Cgroup | None:
        """The tightest limit on this process, or None. Version 1 has a tree for memory alone."""
        found = []
        for line in _lines(self.own_cgroups):
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found += _limits(self.cgroups, path, "memory.max", "memory.current")
            elif "memory" in controllers.split(","):
                names = "memory.limit_in_bytes", "memory.usage_in_bytes"
                found += _limits(self.cgroups / "memory", path, *names)
        return min(found, key=lambda cgroup: cgroup.limit_mib - cgroup.used_mib, default=None)


@dataclass(frozen=True)
class _Cgroup:
    limit_mib: int
    used_mib: int


def _limits(root: Path, path: str, limit_name: str, usage_name: str) -> list[_Cgroup]:
    """Those that are set, from the group itself up to the root: a parent's limit holds for its children."""
    folder = root / path.strip("/")
    if not folder.is_dir():
        folder = root  # in a container the path is the host's, while its own group is mounted as the root
    found = []
    while True:
        limit, usage = _number(folder / limit_name), _number(folder / usage_name)
        # A limit beyond what a machine can have is how version 1 writes that there is none.
        if limit is not None and usage is not None and limit < 1 << 60:
            found.append(_Cgroup(limit // MIB, max(0, usage - _page_cache(folder)) // MIB))
        if folder == root:
            return found
        folder = folder.parent


def _page_cache(folder: Path) -> int:
    """Bytes that the kernel gives up when somebody needs them."""
    for line in _lines(folder / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = "".join(_lines(path))
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _resident_mib(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss // MIB)
    except psutil.Error:
        return 0
