"""Who holds what on each device, and who waits. In memory only; all of it comes back with the connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import exp

from brickyard.gpu import policy
from brickyard.gpu.lease import Lease, LeaseKind, Model, PriorityClass, Request
from brickyard.gpu.policy import Memory, Rules, Scene, Weights, account
from brickyard.gpu.shares import Shares
from brickyard.kit.errors import BadInput, LeaseLost, TooLarge

USE_FADES_S = 600.0
LEAVES_WITHIN_S = 60.0
"""Weights that were asked to leave and have not done so are taken to stay, and may be asked again."""


@dataclass
class Totals:
    """Counted since the broker started."""

    granted: int = 0
    given_back: int = 0
    dropped: int = 0
    refused: int = 0
    loaded: int = 0
    evicted: int = 0
    expired: int = 0
    asked_to_yield: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a device offers. `slots`: chunks computed at once; `notebook_mib`: what notebooks may have in all."""

    budget_mib: int
    slots: int | None = None
    notebook_mib: int | None = None


@dataclass(slots=True)
class Loaded:
    """Weights; `key` is that of their lease."""

    key: str
    holder: str
    device: str
    model: Model
    loaded_at: float
    used_at: float
    uses: float = 0.0
    """Counts uses, old ones fading."""
    used_by: int = 0
    """The rank of the class that used it last."""
    loading: bool = False
    leaving_since: float | None = None

    def use(self, now: float, rank: int = 0) -> None:
        self.uses = self.uses * exp(-(now - self.used_at) / USE_FADES_S) + 1.0
        self.used_at = now
        self.used_by = rank

    def rate(self, now: float) -> float:
        return self.uses * exp(-(now - self.used_at) / USE_FADES_S) / USE_FADES_S

    def is_leaving(self, now: float) -> bool:
        return self.leaving_since is not None and now - self.leaving_since < LEAVES_WITHIN_S


@dataclass(frozen=True, slots=True)
class Granted:
    """A lease to tell of. `load`: its weights are not there yet."""

    lease: Lease
    load: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What the books want said: leases granted, weights asked to leave, working leases asked to yield."""

    granted: tuple[Granted, ...] = ()
    evict: tuple[Loaded, ...] = ()
    ask_to_yield: tuple[Lease, ...] = ()


@dataclass
class Books:
    """The sum of the leases on a device never passes its budget."""

    devices: Mapping[str, Terms]
    rules: Rules
    leases: dict[str, Lease] = field(default_factory=dict)
    waiting: dict[str, Request] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    shares: dict[str, Shares] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shares = {device: Shares() for device in self.devices}

    # ---- what holders do

    def ask(self, request: Request) -> None:
        """Puts the request in the line. Raises TooLarge where it can never be granted."""
        self._check(request)
        self.shares[request.device].arrives(account(request), self._present(request.device))
        self.waiting[request.id] = request

    def announce(self, request: Request, now: float) -> Lease:
        """Takes note of what its holder has already, from an earlier broker. LeaseLost if that is taken."""
        self._check(request)
        needed = policy.needed_mib(request, self._weights(request.device, now))
        needed = request.memory_mib if needed is None else needed
        if needed > self.memory(request.device).free:
            self.totals.refused += 1
            raise LeaseLost(
                f"The broker was started anew and has given the {needed} MiB to others. Free them and ask again."
            )
        return self._grant(request, now).lease

    def give_back(self, request_id: str, now: float) -> None:
        """Ends a lease, or forgets a request that still waits; neither is no error."""
        self.waiting.pop(request_id, None)
        if self._end(request_id, now):
            self.totals.given_back += 1

    def has_loaded(self, holder: str, model: str) -> None:
        """These weights are there now; the chunk they were loaded for begins to compute."""
        if loaded := self._find(holder, model):
            loaded.loading = False

    def unloaded(self, holder: str, model: str, now: float) -> None:
        """The holder has let go of these weights, asked or not."""
        for key, loaded in list(self.loaded.items()):
            if loaded.holder == holder and loaded.model.name == model:
                self.totals.evicted += loaded.leaving_since is not None
                del self.loaded[key]
                if self._end(key, now):
                    self.totals.given_back += 1

    def drop(self, holder: str, now: float) -> None:
        """Its connection is gone: nothing of it stays."""
        for request_id in [key for key, request in self.waiting.items() if request.holder == holder]:
            del self.waiting[request_id]
        for lease_id in [key for key, lease in self.leases.items() if lease.request.holder == holder]:
            self._end(lease_id, now)
            self.totals.dropped += 1
        self.loaded = {key: loaded for key, loaded in self.loaded.items() if loaded.holder != holder}
        self.at_once.pop(holder, None)

    # ---- what the clock does

    def expire(self, now: float) -> list[Lease]:
        """Ends the leases whose time is up, and says which."""
        over = [lease for lease in self.leases.values() if lease.ends_at <= now]
        for lease in over:
            self._end(lease.id, now)
            self.totals.expired += 1
        return over

    # ---- what the policy does

    def move(self, now: float, elsewhere: Mapping[str, int]) -> Move:
        """Everything that can be done now, in the order in which it is to be told."""
        granted: list[Granted] = []
        evicted: list[Loaded] = []
        asked: list[Lease] = []
        for device in self.devices:
            if not any(request.device == device for request in self.waiting.values()):
                continue
            while True:
                decision = policy.decide(self.scene(device, now, elsewhere.get(device, 0)), self.rules)
                asked += self._ask_to_yield(decision.ask_to_yield)
                evicted += [self._ask_to_leave(key, now) for key in decision.evict]
                if decision.grant is not None:
                    del self.waiting[decision.grant.id]
                    granted.append(self._grant(decision.grant, now))
                elif not decision.evict:
                    break
        return Move(tuple(granted), tuple(evicted), tuple(asked))

    def make_room(self, device: str, memory_mib: int, besides: str, now: float) -> list[Loaded]:
        """Idle weights of others, cheapest first, until so much will come free. After a failed allocation."""
        scene = self.scene(device, now)
        able = [w for w in scene.weights if not (w.busy or w.pinned or w.leaving or w.holder == besides)]
        able.sort(key=lambda weights: policy.cost_of_leaving(weights, scene, self.rules))
        chosen: list[Loaded] = []
        for weights in able:
            if sum(loaded.model.weights_mib for loaded in chosen) >= memory_mib:
                break
            chosen.append(self._ask_to_leave(weights.key, now))
        return chosen

    def memory(self, device: str, elsewhere: int = 0) -> Memory:
        return policy.memory(self.devices[device].budget_mib, self._on(device), elsewhere)

    def scene(self, device: str, now: float, elsewhere: int = 0) -> Scene:
        terms = self.devices[device]
        working = [lease for lease in self._on(device) if lease.request.kind is LeaseKind.WORKING]
        served = dict(self.shares[device].had_s)
        for lease in working:
            user = account(lease.request)
            served[user] = served.get(user, 0.0) + now - lease.granted_at
        return Scene(
            now=now,
            memory=self.memory(device, elsewhere),
            waiting=[request for request in self.waiting.values() if request.device == device],
            weights=self._weights(device, now),
            working=working,
            served=served,
            slots=terms.slots,
            at_once=self.at_once,
            notebook_mib=terms.notebook_mib,
        )

    # ---- within

    def _on(self, device: str) -> Iterable[Lease]:
        return (lease for lease in self.leases.values() if lease.request.device == device)

    def _present(self, device: str) -> set[str]:
        waiting = {account(request) for request in self.waiting.values() if request.device == device}
        return waiting | {account(lease.request) for lease in self._on(device)}

    def _weights(self, device: str, now: float) -> list[Weights]:
        busy = {
            (lease.request.holder, lease.request.model.name)
            for lease in self._on(device)
            if lease.request.kind is LeaseKind.WORKING and lease.request.model
        }
        return [
            Weights(
                key=loaded.key,
                holder=loaded.holder,
                model=loaded.model.name,
                memory_mib=loaded.model.weights_mib,
                loaded_at=loaded.loaded_at,
                reload_s=loaded.model.reload_s,
                use_rate=loaded.rate(now),
                used_at=loaded.used_at,
                used_by=loaded.used_by,
                loading=loaded.loading,
                busy=(loaded.holder, loaded.model.name) in busy,
                pinned=loaded.model.pinned,
                leaving=loaded.is_leaving(now),
            )
            for loaded in self.loaded.values()
            if loaded.device == device
        ]

    def _find(self, holder: str, model: str) -> Loaded | None:
        return next((it for it in self.loaded.values() if it.holder == holder and it.model.name == model), None)

    def _grant(self, request: Request, now: float) -> Granted:
        """Weights that come along get a lease of their own, which outlives the chunk."""
        load = False
        if request.model is not None:
            loaded = self._find(request.holder, request.model.name)
            load = loaded is None
            if loaded is None:
                loaded = self._load(request, request.model, now)
            loaded.use(now, request.priority.rank)
            loaded.loading = loaded.loading or (load and request.kind is not LeaseKind.RESIDENT)
        lease = Lease(request, now)
        if request.model is None or request.kind is not LeaseKind.RESIDENT:
            self.leases[request.id] = lease
            self.totals.granted += 1
        return Granted(lease, load)

    def _load(self, request: Request, model: Model, now: float) -> Loaded:
        key = f"{request.holder}/model:{model.name}"
        weights = Request(
            id=key,
            holder=request.holder,
            device=request.device,
            memory_mib=model.weights_mib,
            priority=PriorityClass.STANDARD,
            kind=LeaseKind.RESIDENT,
            asked_at=request.asked_at,
            order=request.order,
            tenant=request.tenant,
            model=model,
        )
        self.leases[key] = Lease(weights, now)
        self.totals.granted += 1
        self.totals.loaded += 1
        loaded = self.loaded[key] = Loaded(key, request.holder, request.device, model, now, now)
        return loaded

    def _ask_to_leave(self, key: str, now: float) -> Loaded:
        self.loaded[key].leaving_since = now
        return self.loaded[key]

    def _ask_to_yield(self, lease_ids: Iterable[str]) -> list[Lease]:
        """Each is asked once."""
        new = [self.leases[lease_id] for lease_id in lease_ids if lease_id not in self._asked]
        self._asked.update(lease.id for lease in new)
        self.totals.asked_to_yield += len(new)
        return new

    def _end(self, lease_id: str, now: float) -> bool:
        lease = self.leases.pop(lease_id, None)
        if lease is None:
            return False
        self._asked.discard(lease_id)
        if lease.request.kind is LeaseKind.WORKING:
            if lease.request.model is not None:
                self.has_loaded(lease.request.holder, lease.request.model.name)
            self.shares[lease.request.device].charge(account(lease.request), now - lease.granted_at)
        return True

    def _check(self, request: Request) -> None:
        if request.device not in self.devices:
            raise BadInput(f"There is no device {request.device}; there are {', '.join(self.devices)}.")
        if request.memory_mib <= 0 and request.model is None:
            raise BadInput(f"{request.memory_mib} MiB were asked for; ask for more than 0.")
        if request.id in self.leases or request.id in self.waiting:
            raise BadInput(f"{request.id} was used before; give each request a number of its own.")
        terms = self.devices[request.device]
        most_mib = terms.budget_mib
        if request.kind is LeaseKind.NOTEBOOK and terms.notebook_mib is not None:
            most_mib = terms.notebook_mib
        wanted_mib = policy.needed_mib(request, ()) or 0
        if message := policy.refusal(request.device, wanted_mib, most_mib):
            self.totals.refused += 1
            raise TooLarge(message)
