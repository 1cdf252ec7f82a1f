"""The promise that every device keeps: how much may be leased on it, and who uses how much of it now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """`used_mib` is everybody's, on the whole device. `by_pid` holds MiB by process, as far as the system tells:
    0 says that a process is known to use none, while one that is left out may use any amount."""

    used_mib: int
    by_pid: Mapping[int, int]


class Device(Protocol):
    """Memory that can be leased. A device that is gone for now raises Unavailable."""

    @property
    def name(self) -> str: ...

    @property
    def slots(self) -> int | None:
        """How many chunks may be computed on it at once; None: no limit."""
        ...

    def total_mib(self) -> int:
        """How much may be leased in all."""
        ...

    def usage(self, pids: Collection[int]) -> Usage:
        """`pids`: the holders of leases, whose own use is wanted."""
        ...


def used_without_lease_mib(usage: Usage, leased: Mapping[int, int], reported: Mapping[int, int]) -> int:
    """MiB in use that no lease covers: processes without a lease, and what holders use beyond theirs.

    `leased`: MiB leased by each process; `reported`: MiB that a process says it holds. The system is believed first.
    Where it sees nothing of a holder (in a container processes have numbers of their own) the holder itself is
    believed, and where that said nothing either, it is taken to use exactly what it leased.
    """
    covered_mib = sum(min(_held_mib(pid, mib, usage, reported), mib) for pid, mib in leased.items())
    return max(0, usage.used_mib - covered_mib)


def _held_mib(pid: int, leased_mib: int, usage: Usage, reported: Mapping[int, int]) -> int:
    seen_mib = usage.by_pid.get(pid)
    if seen_mib:
        return seen_mib
    return reported.get(pid, leased_mib if seen_mib is None else 0)
