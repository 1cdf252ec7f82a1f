from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from brickyard.gpu import policy
from brickyard.gpu.books import Books
from brickyard.gpu.lease import LeaseKind, PriorityClass, Request
from brickyard.gpu.policy import Rules
from brickyard.kit.errors import BadInput, LeaseLost, TooLarge

BUDGETS = {"gpu0": 100, "gpu1": 50}


def request(number: int, memory_mib: int = 10, device: str = "gpu0", holder: str = "h") -> Request:
    return Request(f"r{number}", holder, "", device, memory_mib, PriorityClass.STANDARD, LeaseKind.WORKING, 0.0, number)


@pytest.fixture
def books() -> Books:
    return Books(BUDGETS, Rules())


def test_a_lease_is_granted_and_given_back(books: Books) -> None:
    books.ask(request(1, 100))
    books.ask(request(2, 60))
    assert [lease.id for lease in books.grant(0, {})] == ["r1"]
    books.give_back("r1")
    assert [lease.id for lease in books.grant(0, {})] == ["r2"]


def test_devices_do_not_share(books: Books) -> None:
    books.ask(request(1, 100))
    books.ask(request(2, 50, "gpu1"))
    assert {lease.id for lease in books.grant(0, {})} == {"r1", "r2"}


def test_what_can_never_be_granted_is_refused(books: Books) -> None:
    with pytest.raises(TooLarge, match="51 MiB were asked for; gpu1 has 50 MiB"):
        books.ask(request(1, 51, "gpu1"))
    with pytest.raises(BadInput, match="no device gpu9; there are gpu0, gpu1"):
        books.ask(request(1, 1, "gpu9"))
    with pytest.raises(BadInput, match="more than 0"):
        books.ask(request(1, 0))
    books.ask(request(1))
    with pytest.raises(BadInput, match="used before"):
        books.ask(request(1))


def test_one_who_no_longer_waits_is_forgotten(books: Books) -> None:
    books.ask(request(1))
    books.give_back("r1")
    books.give_back("r1")
    assert books.grant(0, {}) == []


def test_what_is_held_already_is_noted_at_once_or_lost(books: Books) -> None:
    books.announce(request(1, 70), 0)
    with pytest.raises(LeaseLost, match="40 MiB"):
        books.announce(request(2, 40), 0)
    assert books.memory("gpu0").free == 30


class AnyOrder(RuleBasedStateMachine):
    """Anything clients can do, in any order; the world outside may take memory as it likes."""

    @initialize()
    def start(self) -> None:
        self.rules = Rules()
        self.books = Books(BUDGETS, self.rules)
        self.numbers = itertools.count(1)
        self.now = 0.0
        self.elsewhere = dict.fromkeys(BUDGETS, 0)

    @rule(
        holder=st.sampled_from("abc"),
        device=st.sampled_from(sorted(BUDGETS)),
        memory_mib=st.integers(1, 110),
        priority=st.sampled_from(PriorityClass),
        kind=st.sampled_from(LeaseKind),
        held=st.booleans(),
    )
    def ask(  # noqa: PLR0917
        self, holder: str, device: str, memory_mib: int, priority: PriorityClass, kind: LeaseKind, held: bool
    ) -> None:
        number = next(self.numbers)
        wanted = Request(f"r{number}", holder, "", device, memory_mib, priority, kind, self.now, number)
        if memory_mib > BUDGETS[device]:
            with pytest.raises(TooLarge):
                self.books.ask(wanted)
        elif not held:
            self.books.ask(wanted)
        elif memory_mib > self.books.memory(device).free:
            with pytest.raises(LeaseLost):
                self.books.announce(wanted, self.now)
        else:
            self.books.announce(wanted, self.now)

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        known = [*self.books.leases, *self.books.waiting]
        if known:
            chosen = data.draw(st.sampled_from(known))
            self.books.give_back(chosen)
            assert chosen not in self.books.leases
            assert chosen not in self.books.waiting

    @rule(holder=st.sampled_from("abc"))
    def connection_drops(self, holder: str) -> None:
        self.books.drop(holder)
        assert all(lease.request.holder != holder for lease in self.books.leases.values())
        assert all(waiting.holder != holder for waiting in self.books.waiting.values())

    @rule(seconds=st.floats(0, 50))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(device=st.sampled_from(sorted(BUDGETS)), used=st.integers(0, 120))
    def others_use_memory(self, device: str, used: int) -> None:
        self.elsewhere[device] = used

    @rule()
    def grant(self) -> None:
        for lease in self.books.grant(self.now, self.elsewhere):
            assert lease.id not in self.books.waiting
        for device in BUDGETS:
            waiting = [r for r in self.books.waiting.values() if r.device == device]
            seen = self.books.memory(device, self.elsewhere[device])
            assert policy.grant_next(seen, waiting, self.now, self.rules) is None

    @invariant()
    def no_device_is_promised_twice(self) -> None:
        for device, budget in BUDGETS.items():
            held = (lease for lease in self.books.leases.values() if lease.request.device == device)
            assert sum(lease.memory_mib for lease in held) <= budget

    @invariant()
    def every_lease_is_accounted_for(self) -> None:
        totals = self.books.totals
        assert totals.granted == totals.given_back + totals.dropped + len(self.books.leases)

    def teardown(self) -> None:
        """When everybody lets go, everybody who waits is served."""
        for _ in range(len(self.books.waiting) + 1):
            for lease_id in list(self.books.leases):
                self.books.give_back(lease_id)
            self.books.grant(self.now, {})
        assert not self.books.waiting


TestBooks = AnyOrder.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
