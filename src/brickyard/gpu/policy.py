"""Decides who gets memory next, and who has to make room for it. Pure: plain values in, a decision out.

**The line.** Classes first; waiting raises a request by one class after every `ages_after_s`, up to the highest. Among
equals the user who has had least goes first, then the higher class as given, then the first to arrive. Who has waited
for `longest_wait_s` goes before all who have not: the bound that holds for everybody.

**Passing.** The first in line that does not fit holds back whom it outranks; chunks of its own rank may pass it for
`reserves_after_s`, then all that comes free is kept for it. Nothing is kept for a request that could not be served even
if all working memory came back and all weights left that may: that would stop everybody and help nobody.

**Room.** Weights leave in the order of what it costs to be without them: reload time × probability of use ÷ MiB. Those
that somebody waits for stay for a while after they were loaded, so that two models that do not fit together take
turns of some length, unless one of a higher class asks. Pinned weights never leave.

**Slots.** A device computes only so many chunks at once; a free slot goes to the first in line, and one more is there
for interactive work alone. Who has to load weights first needs no slot for that, but only one loads at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from brickyard.gpu.lease import TOP_RANK, Lease, LeaseKind, PriorityClass, Request


@dataclass(frozen=True, slots=True)
class Rules:
    ages_after_s: float = 60.0
    longest_wait_s: float = 900.0
    reserves_after_s: float = 10.0
    stays_s: float = 5.0
    """Weights that are wanted stay at least this long once loaded,"""
    stays_reloads: float = 5.0
    """and at least so many times as long as they took to load."""
    use_horizon_s: float = 60.0
    """Weights that were not used for about this long are taken to be idle; until then they do not leave for a class
    below the one that used them."""
    express_slots: int = 1
    asks_after_s: float = 1.0
    """A working lease older than this is asked to yield to a higher class; chunks mostly end before."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One device, in MiB. `elsewhere` is what is used of it that no lease covers."""

    budget: int
    resident: int = 0
    working: int = 0
    notebook: int = 0
    elsewhere: int = 0

    @property
    def leased(self) -> int:
        return self.resident + self.working + self.notebook

    @property
    def free(self) -> int:
        return self.budget - self.leased - self.elsewhere


@dataclass(frozen=True, slots=True)
class Weights:
    """A loaded model, or one that is `loading`. `use_rate`: uses a second of late; `used_by`: the rank of the last use;
    `busy`: it computes now; `leaving`: it was asked to leave."""

    key: str
    holder: str
    model: str
    memory_mib: int
    loaded_at: float
    reload_s: float
    use_rate: float = 0.0
    used_at: float = -math.inf
    used_by: int = 0
    loading: bool = False
    busy: bool = False
    pinned: bool = False
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One device at one moment. `served`: seconds of the device that each user has had."""

    now: float
    memory: Memory
    waiting: Sequence[Request]
    weights: Sequence[Weights] = ()
    working: Sequence[Lease] = ()
    served: Mapping[str, float] = field(default_factory=dict)
    slots: int | None = None
    """How many chunks the device computes at once."""
    at_once: Mapping[str, int] = field(default_factory=dict)
    """How many chunks a holder computes at once, where it has said so."""
    notebook_mib: int | None = None
    """What notebooks may have in all, and what pinned weights must leave for them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next; `evict` names weights, `ask_to_yield` working leases."""

    grant: Request | None = None
    evict: tuple[str, ...] = ()
    ask_to_yield: tuple[str, ...] = ()


def memory(budget: int, leases: Iterable[Lease], elsewhere: int = 0) -> Memory:
    held = dict.fromkeys(LeaseKind, 0)
    for lease in leases:
        held[lease.request.kind] += lease.memory_mib
    return Memory(
        budget,
        resident=held[LeaseKind.RESIDENT],
        working=held[LeaseKind.WORKING],
        notebook=held[LeaseKind.NOTEBOOK],
        elsewhere=elsewhere,
    )


def rank(request: Request, now: float, rules: Rules) -> int:
    """The class of the request, raised by its waiting."""
    waited_s = max(0.0, now - request.asked_at)
    if waited_s >= rules.longest_wait_s:
        return TOP_RANK + 1
    return min(TOP_RANK, request.priority.rank + int(waited_s // rules.ages_after_s))


def line(waiting: Iterable[Request], served: Mapping[str, float], now: float, rules: Rules) -> list[Request]:
    """First the one to be served first."""

    def place(request: Request) -> tuple[float, ...]:
        its_rank = rank(request, now, rules)
        had_s = 0.0 if its_rank > TOP_RANK else served.get(account(request), 0.0)
        return (-its_rank, had_s, -request.priority.rank, request.order)

    return sorted(waiting, key=place)


def account(request: Request) -> str:
    """Whose share the request counts against."""
    return request.user or request.tenant


def decide(scene: Scene, rules: Rules) -> Decision:
    """The next thing to do on this device. To be asked again after a grant or an eviction, until there is nothing."""
    blocked: _Blocked | None = None
    to_ask: tuple[str, ...] = ()
    for request in line(scene.waiting, scene.served, scene.now, rules):
        if not _slot_is_free(request, scene, rules):
            to_ask = to_ask or _to_yield(request, scene, rules)
            continue
        needed = needed_mib(request, scene.weights)
        if needed is None or not _holder_can(request, scene) or not _shares_allow(request, scene):
            continue
        if needed <= scene.memory.free and (blocked is None or blocked.lets_pass(request, needed, scene, rules)):
            return Decision(grant=request, ask_to_yield=to_ask)
        if blocked is not None or _is_warming(request):
            continue
        evict = _evictions(request, needed, scene, rules)
        if evict:
            return Decision(evict=evict, ask_to_yield=to_ask)
        if evict is not None:
            blocked = _Blocked(request, needed)
            to_ask = to_ask or _to_yield(request, scene, rules)
    return Decision(ask_to_yield=to_ask)


def needed_mib(request: Request, weights: Iterable[Weights]) -> int | None:
    """What has to be free for the request to be granted; None while the weights it needs are leaving."""
    if request.model is None:
        return request.memory_mib
    loaded = next((w for w in weights if w.holder == request.holder and w.model == request.model.name), None)
    working_mib = 0 if request.kind is LeaseKind.RESIDENT else request.memory_mib
    if loaded is None:
        return working_mib + request.model.weights_mib
    return None if loaded.leaving else working_mib


@dataclass(frozen=True, slots=True)
class _Blocked:
    """The first in line that memory is being kept for."""

    request: Request
    needed_mib: int

    def lets_pass(self, other: Request, needed_mib: int, scene: Scene, rules: Rules) -> bool:
        leaving = _leaving_mib(scene)
        if self.needed_mib <= scene.memory.free + leaving:
            # It waits for weights that leave: others may have what it will not need.
            return needed_mib <= scene.memory.free + leaving - self.needed_mib
        patient = scene.now - self.request.asked_at < rules.reserves_after_s
        same_rank = rank(other, scene.now, rules) >= rank(self.request, scene.now, rules)
        return patient and same_rank and other.kind is LeaseKind.WORKING


def _evictions(request: Request, needed: int, scene: Scene, rules: Rules) -> tuple[str, ...] | None:
    """The weights that have to leave for the request; none where waiting is enough, None where nothing is."""
    shortage = needed - scene.memory.free - _leaving_mib(scene)
    if shortage <= 0:
        return ()
    coming = scene.memory.working
    patient = scene.now - request.asked_at < rules.reserves_after_s
    if shortage <= coming and patient:
        return ()
    able = sorted(
        (w for w in scene.weights if _may_leave(w, request, scene, rules)),
        key=lambda weights: (weights.busy, cost_of_leaving(weights, scene, rules), weights.key),
    )
    idle = [weights for weights in able if not weights.busy]
    for candidates, missing in ((idle, shortage), (able, shortage - coming)):
        if sum(weights.memory_mib for weights in candidates) >= missing:
            return _cheapest(candidates, missing)
    return None


def _cheapest(candidates: Sequence[Weights], missing: int) -> tuple[str, ...]:
    """From the cheapest on until there is enough, then without those that turn out to be needless."""
    chosen: list[Weights] = []
    for weights in candidates:
        if sum(w.memory_mib for w in chosen) >= missing:
            break
        chosen.append(weights)
    for weights in reversed(chosen[:-1]):
        if sum(w.memory_mib for w in chosen) - weights.memory_mib >= missing:
            chosen.remove(weights)
    return tuple(weights.key for weights in chosen)


def cost_of_leaving(weights: Weights, scene: Scene, rules: Rules) -> float:
    """Seconds of reloading that are to be expected, per MiB that becomes free."""
    if weights.busy or _wanted_by(weights, scene):
        probability = 1.0
    else:
        probability = 1.0 - math.exp(-weights.use_rate * rules.use_horizon_s)
    # Where nobody has measured the reload yet, more weights are taken to need more time.
    reload_s = weights.reload_s or weights.memory_mib / 1000
    return reload_s * probability / max(1, weights.memory_mib)


def _may_leave(weights: Weights, request: Request, scene: Scene, rules: Rules) -> bool:
    if weights.pinned or weights.leaving:
        return False
    if request.model and weights.holder == request.holder and weights.model == request.model.name:
        return False
    own_rank = rank(request, scene.now, rules)
    if weights.used_by > own_rank and scene.now - weights.used_at < rules.use_horizon_s:
        return False
    wanted_by = _wanted_by(weights, scene)
    if not wanted_by and not weights.busy:
        return True
    if all(rank(other, scene.now, rules) < own_rank for other in wanted_by) and not weights.busy:
        return True
    stays_s = max(rules.stays_s, rules.stays_reloads * weights.reload_s)
    return scene.now - weights.loaded_at >= stays_s


def _wanted_by(weights: Weights, scene: Scene) -> list[Request]:
    return [
        request
        for request in scene.waiting
        if request.model and request.holder == weights.holder and request.model.name == weights.model
    ]


def _leaving_mib(scene: Scene) -> int:
    return sum(weights.memory_mib for weights in scene.weights if weights.leaving)


def _is_warming(request: Request) -> bool:
    """Weights that are loaded before anybody needs them take what is free, and push nobody out."""
    return request.kind is LeaseKind.RESIDENT and request.model is not None and not request.model.pinned


def _slot_is_free(request: Request, scene: Scene, rules: Rules) -> bool:
    if request.kind is not LeaseKind.WORKING or scene.slots is None:
        return True
    there = {(weights.holder, weights.model): weights for weights in scene.weights}
    if request.model is not None and (request.holder, request.model.name) not in there:
        return not any(weights.loading for weights in there.values())
    computing = sum(not _is_loading(lease.request, there) for lease in scene.working)
    express = rules.express_slots if request.priority is PriorityClass.INTERACTIVE else 0
    return computing < scene.slots + express


def _is_loading(request: Request, there: Mapping[tuple[str, str], Weights]) -> bool:
    weights = there.get((request.holder, request.model.name)) if request.model else None
    return weights is not None and weights.loading


def _holder_can(request: Request, scene: Scene) -> bool:
    limit = scene.at_once.get(request.holder)
    if limit is None or request.kind is not LeaseKind.WORKING:
        return True
    return sum(lease.request.holder == request.holder for lease in scene.working) < limit


def _shares_allow(request: Request, scene: Scene) -> bool:
    """Notebooks keep to their share, and what never leaves keeps out of it."""
    if scene.notebook_mib is None:
        return True
    if request.kind is LeaseKind.NOTEBOOK:
        return scene.memory.notebook + request.memory_mib <= scene.notebook_mib
    if request.model is None or not request.model.pinned:
        return True
    own = request.holder, request.model.name
    others = sum(w.memory_mib for w in scene.weights if w.pinned and (w.holder, w.model) != own)
    return others + request.model.weights_mib <= scene.memory.budget - scene.notebook_mib


def _to_yield(request: Request, scene: Scene, rules: Rules) -> tuple[str, ...]:
    """Working leases of a lower class, as given, that have lasted longer than a chunk should."""
    return tuple(
        lease.id
        for lease in scene.working
        if lease.request.priority.rank < request.priority.rank and scene.now - lease.granted_at >= rules.asks_after_s
    )


def refusal(device: str, memory_mib: int, budget_mib: int) -> str | None:
    """Why such a request can never be granted, or None."""
    if memory_mib <= budget_mib:
        return None
    return (
        f"{memory_mib} MiB were asked for; {device} has {budget_mib} MiB in all. "
        "Use a smaller batch, a smaller model or a larger device."
    )
