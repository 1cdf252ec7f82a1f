"""Who holds what on each device, and who waits. In memory only; all of it comes back with the connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from brickyard.gpu import policy
from brickyard.gpu.lease import Lease, Request
from brickyard.gpu.policy import Memory, Rules
from brickyard.kit.errors import BadInput, LeaseLost, TooLarge


@dataclass
class Totals:
    """Counted since the broker started."""

    granted: int = 0
    given_back: int = 0
    dropped: int = 0
    refused: int = 0


@dataclass
class Books:
    """`budgets`: the MiB that may be leased on each device; the sum of its leases never passes them."""

    budgets: Mapping[str, int]
    rules: Rules
    leases: dict[str, Lease] = field(default_factory=dict)
    waiting: dict[str, Request] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)

    def ask(self, request: Request) -> None:
        """Puts the request in the line. Raises TooLarge where it can never be granted."""
        self._check(request)
        self.waiting[request.id] = request

    def announce(self, request: Request, now: float) -> Lease:
        """Takes note of what its holder has already, from an earlier broker. LeaseLost if that is taken."""
        self._check(request)
        if request.memory_mib > self.memory(request.device).free:
            self.totals.refused += 1
            raise LeaseLost(
                f"The broker was started anew and has given the {request.memory_mib} MiB to others. "
                "Free them and ask again."
            )
        return self._grant(request, now)

    def give_back(self, request_id: str) -> None:
        """Ends a lease, or forgets a request that still waits; neither is no error."""
        self.waiting.pop(request_id, None)
        if self.leases.pop(request_id, None):
            self.totals.given_back += 1

    def drop(self, holder: str) -> None:
        """Its connection is gone: nothing of it stays."""
        for request_id in [key for key, request in self.waiting.items() if request.holder == holder]:
            del self.waiting[request_id]
        for lease_id in [key for key, lease in self.leases.items() if lease.request.holder == holder]:
            del self.leases[lease_id]
            self.totals.dropped += 1

    def grant(self, now: float, elsewhere: Mapping[str, int]) -> list[Lease]:
        """All leases that can be granted now, in the order they are to be told."""
        granted = []
        for device in self.budgets:
            while request := self._next(device, now, elsewhere.get(device, 0)):
                del self.waiting[request.id]
                granted.append(self._grant(request, now))
        return granted

    def memory(self, device: str, elsewhere: int = 0) -> Memory:
        leases = (lease for lease in self.leases.values() if lease.request.device == device)
        return policy.memory(self.budgets[device], leases, elsewhere)

    def _next(self, device: str, now: float, elsewhere: int) -> Request | None:
        waiting = [request for request in self.waiting.values() if request.device == device]
        return policy.grant_next(self.memory(device, elsewhere), waiting, now, self.rules)

    def _grant(self, request: Request, now: float) -> Lease:
        lease = self.leases[request.id] = Lease(request, now)
        self.totals.granted += 1
        return lease

    def _check(self, request: Request) -> None:
        if request.device not in self.budgets:
            raise BadInput(f"There is no device {request.device}; there are {', '.join(self.budgets)}.")
        if request.memory_mib <= 0:
            raise BadInput(f"{request.memory_mib} MiB were asked for; ask for more than 0.")
        if request.id in self.leases or request.id in self.waiting:
            raise BadInput(f"{request.id} was used before; give each request a number of its own.")
        if message := policy.refusal(request.device, request.memory_mib, self.budgets[request.device]):
            self.totals.refused += 1
            raise TooLarge(message)
