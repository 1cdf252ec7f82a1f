"""Decides who gets memory next. Pure: plain values in, a decision out.

The line is ordered by class; waiting raises a request by one class after every `ages_after_s`, up to the
highest; among equals the first to arrive goes first. Whoever fits may pass one that does not fit yet, but not
for ever: once that one has waited for `reserves_after_s`, what working leases give back is kept for it.
Memory of resident leases does not come back by waiting, so nothing is kept for a request that could only fit
without them: keeping it would stop everybody and help nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brickyard.gpu.lease import TOP_RANK, Lease, LeaseKind, Request


@dataclass(frozen=True, slots=True)
class Rules:
    ages_after_s: float = 30.0
    reserves_after_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Memory:
    """One device, in MiB. `elsewhere` is what processes without a lease are seen to use."""

    budget: int
    resident: int = 0
    working: int = 0
    elsewhere: int = 0

    @property
    def free(self) -> int:
        return self.budget - self.resident - self.working - self.elsewhere

    @property
    def reachable(self) -> int:
        """Free once all working leases have come back."""
        return self.free + self.working


def memory(budget: int, leases: Iterable[Lease], elsewhere: int = 0) -> Memory:
    held = dict.fromkeys(LeaseKind, 0)
    for lease in leases:
        held[lease.request.kind] += lease.memory_mib
    return Memory(budget, held[LeaseKind.RESIDENT], held[LeaseKind.WORKING], elsewhere)


def rank(request: Request, now: float, rules: Rules) -> int:
    """The class of the request, raised by its waiting."""
    return min(TOP_RANK, request.priority.rank + int(max(0.0, now - request.asked_at) // rules.ages_after_s))


def line(waiting: Iterable[Request], now: float, rules: Rules) -> list[Request]:
    """First the one to be served first."""
    return sorted(waiting, key=lambda request: (-rank(request, now, rules), request.order))


def grant_next(seen: Memory, waiting: Iterable[Request], now: float, rules: Rules) -> Request | None:
    """Who gets a lease now; None where nobody fits, or memory is being kept for one who will."""
    for request in line(waiting, now, rules):
        if request.memory_mib <= seen.free:
            return request
        if now - request.asked_at >= rules.reserves_after_s and request.memory_mib <= seen.reachable:
            return None
    return None


def refusal(device: str, memory_mib: int, budget_mib: int) -> str | None:
    """Why such a request can never be granted, or None."""
    if memory_mib <= budget_mib:
        return None
    return (
        f"{memory_mib} MiB were asked for; {device} has {budget_mib} MiB in all. "
        "Use a smaller batch, a smaller model or a larger device."
    )


def places(waiting: Sequence[Request], now: float, rules: Rules) -> dict[str, int]:
    """The place in the line of each request, by its id, from 1."""
    return {request.id: place for place, request in enumerate(line(waiting, now, rules), start=1)}
