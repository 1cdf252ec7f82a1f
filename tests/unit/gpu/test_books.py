from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from brickyard.gpu import policy
from brickyard.gpu.books import Books, Terms
from brickyard.gpu.lease import LeaseKind, Model, PriorityClass, Request
from brickyard.gpu.policy import Rules, account
from brickyard.kit.errors import BadInput, LeaseLost, TooLarge
from tests.unit.gpu.asking import BATCH, INTERACTIVE, request

DEVICES = {"gpu0": Terms(100, slots=2, notebook_mib=60), "gpu1": Terms(50)}


@pytest.fixture
def books() -> Books:
    return Books(DEVICES, Rules())


def ask(books: Books, *requests: Request) -> None:
    for wanted in requests:
        books.ask(wanted)


def granted(books: Books, now: float = 0.0) -> list[str]:
    return [granted.lease.id for granted in books.move(now, {}).granted]


def test_a_lease_is_granted_and_given_back(books: Books) -> None:
    ask(books, request(1, 100, device="gpu0"), request(2, 60, device="gpu0"))
    assert granted(books) == ["r1"]
    books.give_back("r1", 1.0)
    assert granted(books) == ["r2"]


def test_devices_do_not_share(books: Books) -> None:
    ask(books, request(1, 100, device="gpu0"), request(2, 50, device="gpu1"))
    assert set(granted(books)) == {"r1", "r2"}


def test_what_can_never_be_granted_is_refused(books: Books) -> None:
    with pytest.raises(TooLarge, match="51 MiB were asked for; gpu1 has 50 MiB"):
        books.ask(request(1, 51, device="gpu1"))
    with pytest.raises(TooLarge, match="60 MiB were asked for; gpu1"):
        books.ask(request(1, 20, device="gpu1", model=Model("m", 40)))
    with pytest.raises(TooLarge, match="61 MiB were asked for; gpu0 has 60 MiB"):
        books.ask(request(1, 61, device="gpu0", kind=LeaseKind.NOTEBOOK, limit_s=60))
    with pytest.raises(BadInput, match="no device gpu9; there are gpu0, gpu1"):
        books.ask(request(1, 1, device="gpu9"))
    with pytest.raises(BadInput, match="more than 0"):
        books.ask(request(1, 0, device="gpu0"))
    books.ask(request(1, device="gpu0"))
    with pytest.raises(BadInput, match="used before"):
        books.ask(request(1, device="gpu0"))


def test_one_who_no_longer_waits_is_forgotten(books: Books) -> None:
    books.ask(request(1, device="gpu0"))
    books.give_back("r1", 0.0)
    books.give_back("r1", 0.0)
    assert granted(books) == []


def test_what_is_held_already_is_noted_at_once_or_lost(books: Books) -> None:
    books.announce(request(1, 70, device="gpu0"), 0)
    with pytest.raises(LeaseLost, match="40 MiB"):
        books.announce(request(2, 40, device="gpu0"), 0)
    assert books.memory("gpu0").free == 30


def test_weights_outlive_the_chunk_that_brought_them(books: Books) -> None:
    model = Model("turbo", 40)
    ask(books, request(1, 20, device="gpu0", model=model))
    (first,) = books.move(0.0, {}).granted
    assert first.load
    assert books.memory("gpu0").free == 40
    books.give_back("r1", 1.0)
    assert books.memory("gpu0").free == 60
    ask(books, request(2, 20, device="gpu0", model=model))
    (second,) = books.move(1.0, {}).granted
    assert not second.load
    books.give_back("r2", 2.0)
    books.unloaded("h", "turbo", 2.0)
    assert books.memory("gpu0").free == 100
    assert books.totals.granted == books.totals.given_back == 3


def test_idle_weights_leave_for_one_who_needs_their_room(books: Books) -> None:
    ask(books, request(1, 10, device="gpu0", holder="a", model=Model("a", 70)))
    books.move(0.0, {})
    books.give_back("r1", 1.0)
    ask(books, request(2, 10, device="gpu0", holder="b", model=Model("b", 70)))
    (leaving,) = books.move(2.0, {}).evict
    assert (leaving.holder, leaving.model.name) == ("a", "a")
    assert books.move(2.1, {}).evict == ()
    books.unloaded("a", "a", 3.0)
    assert granted(books, 3.0) == ["r2"]
    assert books.totals.evicted == 1


def test_users_get_equal_shares_however_much_they_ask_for(books: Books) -> None:
    numbers = itertools.count(1)
    ask(books, *(request(next(numbers), 100, device="gpu0", user="much") for _ in range(40)))
    ask(books, *(request(next(numbers), 100, device="gpu0", user="little") for _ in range(10)))
    served: Counter[str] = Counter()
    for moment in range(20):
        (found,) = books.move(float(moment), {}).granted
        served[found.lease.request.user] += 1
        books.give_back(found.lease.id, moment + 1.0)
    assert served == {"much": 10, "little": 10}


def test_a_notebook_ends_when_its_time_is_up(books: Books) -> None:
    ask(books, request(1, 60, device="gpu0", kind=LeaseKind.NOTEBOOK, limit_s=600))
    assert granted(books, 5.0) == ["r1"]
    assert books.expire(604.0) == []
    assert [lease.id for lease in books.expire(605.0)] == ["r1"]
    assert books.memory("gpu0").free == 100


def test_after_a_failed_allocation_idle_weights_of_others_leave(books: Books) -> None:
    for number, name in enumerate("abc"):
        ask(books, request(number, 1, device="gpu0", holder=name, model=Model(name, 25)))
        books.move(0.0, {})
        books.give_back(f"r{number}", 1.0)
    assert [loaded.holder for loaded in books.make_room("gpu0", 30, "b", 2.0)] == ["a", "c"]


class AnyOrder(RuleBasedStateMachine):
    """Anything clients can do, in any order; the world outside may take memory as it likes."""

    @initialize()
    def start(self) -> None:
        self.rules = Rules()
        self.books = Books(DEVICES, self.rules)
        self.numbers = itertools.count(1)
        self.now = 0.0
        self.elsewhere = dict.fromkeys(DEVICES, 0)

    @rule(
        holder=st.sampled_from("abc"),
        device=st.sampled_from(sorted(DEVICES)),
        memory_mib=st.integers(1, 110),
        priority=st.sampled_from(PriorityClass),
        kind=st.sampled_from(LeaseKind),
        held=st.booleans(),
        model=st.one_of(st.none(), st.builds(Model, st.sampled_from("xy"), st.just(30), pinned=st.booleans())),
    )
    def ask(
        self,
        holder: str,
        device: str,
        memory_mib: int,
        priority: PriorityClass,
        kind: LeaseKind,
        held: bool,
        model: Model | None,
    ) -> None:
        if model and any(w.holder == holder and w.device != device for w in self.books.loaded.values()):
            return  # a process computes on one device
        number = next(self.numbers)
        limit_s = 100.0 if kind is LeaseKind.NOTEBOOK else None
        wanted = request(
            number,
            memory_mib,
            priority,
            asked_at=self.now,
            kind=kind,
            holder=holder,
            device=device,
            user=holder,
            model=model,
            limit_s=limit_s,
        )
        try:
            if held:
                self.books.announce(wanted, self.now)
            else:
                self.books.ask(wanted)
        except TooLarge:
            most = DEVICES[device].notebook_mib if kind is LeaseKind.NOTEBOOK else None
            assert policy.needed_mib(wanted, ()) or (most or DEVICES[device].budget_mib) < 0
        except LeaseLost:
            assert held

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        known = [*(key for key in self.books.leases if key.startswith("r")), *self.books.waiting]
        if known:
            chosen = data.draw(st.sampled_from(sorted(known)))
            self.books.give_back(chosen, self.now)
            assert chosen not in self.books.leases
            assert chosen not in self.books.waiting

    @rule(holder=st.sampled_from("abc"), model=st.sampled_from("xy"))
    def weights_are_unloaded(self, holder: str, model: str) -> None:
        computing = any(
            lease.request.model and lease.request.model.name == model and lease.request.holder == holder
            for lease in self.books.leases.values()
            if lease.request.kind is not LeaseKind.RESIDENT
        )
        if not computing:
            self.books.unloaded(holder, model, self.now)
            assert all((w.holder, w.model.name) != (holder, model) for w in self.books.loaded.values())

    @rule(holder=st.sampled_from("abc"))
    def connection_drops(self, holder: str) -> None:
        before = {device: self.books.memory(device).free for device in DEVICES}
        held = Counter[str]()
        for lease in self.books.leases.values():
            held[lease.request.device] += lease.memory_mib if lease.request.holder == holder else 0
        self.books.drop(holder, self.now)
        assert all(lease.request.holder != holder for lease in self.books.leases.values())
        assert all(waiting.holder != holder for waiting in self.books.waiting.values())
        for device in DEVICES:
            assert self.books.memory(device).free == before[device] + held[device], "free at once"

    @rule(device=st.sampled_from(sorted(DEVICES)), memory_mib=st.integers(1, 100), holder=st.sampled_from("abc"))
    def allocation_fails(self, device: str, memory_mib: int, holder: str) -> None:
        for loaded in self.books.make_room(device, memory_mib, holder, self.now):
            assert loaded.holder != holder
            assert not loaded.model.pinned

    @rule(seconds=st.floats(0, 50))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for lease in self.books.expire(self.now):
            assert lease.request.kind is LeaseKind.NOTEBOOK

    @rule(device=st.sampled_from(sorted(DEVICES)), used=st.integers(0, 120))
    def others_use_memory(self, device: str, used: int) -> None:
        self.elsewhere[device] = used

    @rule()
    def move(self) -> None:
        free = {device: self.books.memory(device, self.elsewhere[device]).free for device in DEVICES}
        move = self.books.move(self.now, self.elsewhere)
        for found in move.granted:
            assert found.lease.id not in self.books.waiting
        for device in DEVICES:
            left = self.books.memory(device, self.elsewhere[device]).free
            assert left == free[device] or left >= 0, "what others use is never promised"
            again = policy.decide(self.books.scene(device, self.now, self.elsewhere[device]), self.rules)
            assert again.grant is None
            assert not again.evict

    @rule()
    @precondition(lambda self: self.books.loaded)
    def asked_weights_leave(self) -> None:
        for loaded in list(self.books.loaded.values()):
            if loaded.is_leaving(self.now):
                self.weights_are_unloaded(loaded.holder, loaded.model.name)

    @invariant()
    def no_device_is_promised_twice(self) -> None:
        for device, terms in DEVICES.items():
            held = (lease for lease in self.books.leases.values() if lease.request.device == device)
            assert sum(lease.memory_mib for lease in held) <= terms.budget_mib

    @invariant()
    def weights_and_their_leases_agree(self) -> None:
        leased = {key for key, lease in self.books.leases.items() if "/model:" in key}
        assert leased == self.books.loaded.keys()

    @invariant()
    def every_lease_is_accounted_for(self) -> None:
        totals = self.books.totals
        ended = totals.given_back + totals.dropped + totals.expired
        assert totals.granted == ended + len(self.books.leases)

    def teardown(self) -> None:
        """When everybody lets go, everybody who waits is served, unless pinned weights or a share stand in the way."""
        for _ in range(3 * len(self.books.waiting) + 3):
            self.now += 1000.0
            self.books.expire(self.now)
            for lease_id in [key for key in self.books.leases if key.startswith("r")]:
                self.books.give_back(lease_id, self.now)
            for loaded in list(self.books.loaded.values()):
                self.books.unloaded(loaded.holder, loaded.model.name, self.now)
            self.books.move(self.now, {})
        stuck = [waiting for waiting in self.books.waiting.values() if not (waiting.model and waiting.model.pinned)]
        assert not stuck


TestBooks = AnyOrder.TestCase
TestBooks.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


class Crowd(RuleBasedStateMachine):
    """Everybody asks all the time; chunks take up to 5 s. Nobody waits without end, and classes count."""

    LONGEST_CHUNK_S = 5.0
    RULES = Rules(ages_after_s=20.0, longest_wait_s=100.0, reserves_after_s=5.0)

    @initialize()
    def start(self) -> None:
        self.books = Books({"gpu": Terms(100, slots=2)}, self.RULES)
        self.numbers = itertools.count(1)
        self.now = 0.0
        self.ends: dict[str, float] = {}

    @rule(
        user=st.integers(0, 1000).map(str),
        memory_mib=st.integers(1, 60),
        priority=st.sampled_from(PriorityClass),
        chunk_s=st.floats(0.1, LONGEST_CHUNK_S),
        model=st.one_of(st.none(), st.sampled_from([Model("x", 40, 1.0), Model("y", 40, 1.0)])),
    )
    def ask(self, user: str, memory_mib: int, priority: PriorityClass, chunk_s: float, model: Model | None) -> None:
        number = next(self.numbers)
        holder = model.name if model else "plain"
        wanted = request(
            number,
            memory_mib,
            priority,
            asked_at=self.now,
            holder=holder,
            user=user,
            model=model,
        )
        self.books.ask(wanted)
        self.ends[wanted.id] = chunk_s
        self._move()

    @rule(steps=st.integers(1, 10))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self.now += 0.5
            for loaded in self.books.loaded.values():
                if self.now >= loaded.loaded_at + loaded.model.reload_s:
                    self.books.has_loaded(loaded.holder, loaded.model.name)
            for lease_id in [key for key in self.books.leases if key.startswith("r")]:
                if self.books.leases[lease_id].granted_at + self.ends[lease_id] <= self.now:
                    self.books.give_back(lease_id, self.now)
            self._move()

    def _move(self) -> None:
        while True:
            before = self.books.scene("gpu", self.now)
            move = self.books.move(self.now, {})
            for found in move.granted[:1]:
                self._check_order(found.lease.request, before)
            for loaded in move.evict:
                self.books.unloaded(loaded.holder, loaded.model.name, self.now)
            if not move.evict:
                return

    def _check_order(self, served: Request, before: policy.Scene) -> None:
        """Nobody goes before the first in line who could have gone. Those behind may be held back by what is kept for
        the first, and then a smaller one of a lower class may go before them."""
        first = policy.line(before.waiting, before.served, self.now, self.RULES)[0]
        alone = policy.decide(replace(before, waiting=[first]), self.RULES)
        assert alone.grant is None or served == first

    @invariant()
    def nobody_waits_without_end(self) -> None:
        """From the moment nobody may pass, those in front are at most the others who have waited as long."""
        overdue = [
            waiting
            for waiting in self.books.waiting.values()
            if self.now - waiting.asked_at > self.RULES.longest_wait_s
        ]
        if not overdue:
            return
        first = min(overdue, key=lambda waiting: waiting.order)
        bound_s = self.RULES.longest_wait_s + (len(overdue) + 2) * (self.LONGEST_CHUNK_S + 10.0)
        assert self.now - first.asked_at <= bound_s


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.mark.parametrize("priority", [BATCH, INTERACTIVE])
def test_under_a_flood_of_the_other_class_everybody_is_served_within_the_bound(priority: PriorityClass) -> None:
    rules = Rules(ages_after_s=20.0, longest_wait_s=100.0)
    books = Books({"gpu": Terms(100, slots=1)}, rules)
    victim = request(0, 50, priority, user="victim")
    books.ask(victim)
    flood = itertools.count(1)
    for second in range(200):
        for _ in range(3):
            number = next(flood)
            other = INTERACTIVE if priority is BATCH else BATCH
            books.ask(request(number, 50, other, asked_at=float(second), user=f"new {number}"))
        for found in books.move(float(second), {}).granted:
            if account(found.lease.request) == "victim":
                assert second <= rules.longest_wait_s + 1
                return
            books.give_back(found.lease.id, second + 1.0)
    pytest.fail("the victim was never served")
