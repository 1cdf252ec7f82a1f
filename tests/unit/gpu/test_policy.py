from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.gpu import policy
from brickyard.gpu.lease import Lease, LeaseKind, PriorityClass, Request
from brickyard.gpu.policy import Memory, Rules

RULES = Rules(ages_after_s=30, reserves_after_s=10)
INTERACTIVE, STANDARD, BATCH = PriorityClass


def request(
    order: int,
    memory_mib: int = 10,
    priority: PriorityClass = STANDARD,
    asked_at: float = 0.0,
    kind: LeaseKind = LeaseKind.WORKING,
) -> Request:
    return Request(f"r{order}", "holder", "", "gpu", memory_mib, priority, kind, asked_at, order)


requests = st.lists(
    st.builds(
        request,
        order=st.integers(0, 10_000),
        memory_mib=st.integers(1, 120),
        priority=st.sampled_from(PriorityClass),
        asked_at=st.floats(0, 200),
    ),
    max_size=12,
    unique_by=lambda r: r.order,
)
memories = st.builds(
    Memory,
    budget=st.just(100),
    resident=st.integers(0, 60),
    working=st.integers(0, 60),
    elsewhere=st.integers(0, 60),
)


def test_the_higher_class_goes_first_then_the_first_to_arrive() -> None:
    waiting = [request(1, priority=BATCH), request(2), request(3, priority=INTERACTIVE), request(4)]
    assert [r.order for r in policy.line(waiting, now=0, rules=RULES)] == [3, 2, 4, 1]


def test_waiting_raises_by_a_class_up_to_the_highest() -> None:
    batch = request(1, priority=BATCH)
    ranks = [policy.rank(batch, now, RULES) for now in (0, 29, 30, 60, 600)]
    assert ranks == [0, 0, 1, 2, 2]


def test_who_waited_long_enough_goes_before_a_newcomer_of_the_highest_class() -> None:
    waiting = [request(1, priority=BATCH, asked_at=0), request(2, priority=INTERACTIVE, asked_at=60)]
    assert policy.grant_next(Memory(100), waiting, 59, RULES) == waiting[1]
    assert policy.grant_next(Memory(100), waiting, 60, RULES) == waiting[0]


def test_one_who_fits_may_pass_one_who_does_not_but_not_for_ever() -> None:
    large, small = request(1, memory_mib=80), request(2, memory_mib=10, asked_at=5)
    busy = Memory(100, working=50)
    assert policy.grant_next(busy, [large, small], 9, RULES) == small
    assert policy.grant_next(busy, [large, small], 10, RULES) is None
    assert policy.grant_next(Memory(100, working=20), [large, small], 10, RULES) == large


def test_nothing_is_kept_for_one_whom_residents_leave_no_room() -> None:
    large, small = request(1, memory_mib=80), request(2, memory_mib=10)
    assert policy.grant_next(Memory(100, resident=50), [large, small], 100, RULES) == small


def test_what_is_used_elsewhere_is_taken() -> None:
    assert policy.grant_next(Memory(100, elsewhere=95), [request(1)], 0, RULES) is None


def test_leases_are_counted_by_kind() -> None:
    leases = [Lease(request(n, n, kind=kind), 0) for n, kind in enumerate([LeaseKind.RESIDENT, *LeaseKind])]
    assert policy.memory(100, leases, elsewhere=7) == Memory(100, resident=1, working=2, elsewhere=7)


def test_a_request_beyond_the_device_is_refused_with_both_numbers() -> None:
    assert policy.refusal("gpu", 100, 100) is None
    message = policy.refusal("gpu", 101, 100)
    assert message is not None
    assert "101 MiB" in message
    assert "100 MiB" in message


def test_places_count_from_one() -> None:
    waiting = [request(1), request(2, priority=INTERACTIVE)]
    assert policy.places(waiting, 0, RULES) == {"r2": 1, "r1": 2}


@given(memories, requests, st.floats(0, 400))
def test_what_is_granted_fits_and_passes_nobody_who_fits_or_is_due(
    seen: Memory, waiting: list[Request], now: float
) -> None:
    granted = policy.grant_next(seen, waiting, now, RULES)
    line = policy.line(waiting, now, RULES)
    ahead = line if granted is None else line[: line.index(granted)]
    if granted is not None:
        assert granted.memory_mib <= seen.free
        assert all(r.memory_mib > seen.free for r in ahead)
        due = [r for r in ahead if now - r.asked_at >= RULES.reserves_after_s]
        assert all(r.memory_mib > seen.reachable for r in due)
    elif all(r.memory_mib > seen.reachable or now - r.asked_at < RULES.reserves_after_s for r in waiting):
        assert all(r.memory_mib > seen.free for r in waiting)


@given(
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=20),
    lasts_s=st.integers(1, 8),
    own=st.sampled_from(PriorityClass),
    others=st.sampled_from(PriorityClass),
)
def test_nobody_starves(sizes: list[int], lasts_s: int, own: PriorityClass, others: PriorityClass) -> None:
    """One who wants everything, against others who come two a second and never stop."""
    large = request(0, memory_mib=100, priority=own)
    waiting, running = [large], list[tuple[float, Request]]()
    now, order = 0.0, 1
    while large in waiting:
        assert now < 2 * RULES.ages_after_s + RULES.reserves_after_s + len(sizes) + 2 * lasts_s
        waiting += [request(order + n, sizes[(order + n) % len(sizes)], others, now) for n in range(2)]
        order += 2
        running = [(end, r) for end, r in running if end > now]
        while granted := policy.grant_next(
            Memory(100, working=sum(r.memory_mib for _, r in running)), waiting, now, RULES
        ):
            waiting.remove(granted)
            running.append((now + lasts_s, granted))
        now += 1
