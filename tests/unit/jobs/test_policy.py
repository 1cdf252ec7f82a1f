from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.jobs.policy import (
    AGING_S,
    LONGEST_WAIT_S,
    RETRY_LONGEST_S,
    Demand,
    QueueRule,
    Running,
    Situation,
    Waiting,
    best,
    choose,
    effective_class,
    is_overdue,
    retry_pause_s,
    rises_at,
    to_yield,
    with_started,
    with_yielded,
)
from brickyard.jobs.situation import SHARE_WINDOW_S
from brickyard.jobs.states import Priority
from tests.unit.jobs.situations import BATCH, INTERACTIVE, NOW, STANDARD, job, owners, situation, situations


def started(seen: Situation, chosen: Waiting) -> Situation:
    """The situation after `chosen` has been started, told in the plainest way."""
    rule = seen.queues.get(chosen.queue, QueueRule())
    owner_s = seen.served_by_owner.get(chosen.owner, 0.0) + chosen.work_s
    queue_s = seen.served_by_queue.get(chosen.queue, 0.0) + chosen.work_s
    return replace(
        seen,
        waiting=[other for other in seen.waiting if other.id != chosen.id],
        running=[*seen.running, Running(chosen.id, chosen.owner, chosen.priority, chosen.queue)],
        queues={**seen.queues, chosen.queue: replace(rule, recent_starts=(*rule.recent_starts, seen.now))},
        served_by_owner={**seen.served_by_owner, chosen.owner: owner_s},
        served_by_queue={**seen.served_by_queue, chosen.queue: queue_s},
        last_start={**seen.last_start, (chosen.owner, chosen.priority): seen.now},
    )


@dataclass
class Shift:
    """`cap` slots, jobs of `each_s`, and what `choose` says; nobody yields. Times are in seconds from its begin."""

    cap: int
    each_s: float
    waiting: list[Waiting]
    last_start: dict[tuple[str, Priority], float] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.starts: list[tuple[float, Waiting]] = []

    def go_on(self) -> None:
        """Start what may start, and go to where the next job ends."""
        while (chosen := choose(self.seen())) is not None:
            self.starts.append((self.now, chosen))
            self.waiting.remove(chosen)
            self.last_start[chosen.owner, chosen.priority] = self.now
        self.now = min(at for at, _ in self.starts if at + self.each_s > self.now) + self.each_s

    def seen(self) -> Situation:
        served: dict[str, float] = {}
        for at, begun in self.starts:
            if at > self.now - SHARE_WINDOW_S:
                served[begun.owner] = served.get(begun.owner, 0.0) + self.each_s
        running = [Running(one.id, one.owner, one.priority) for at, one in self.starts if at + self.each_s > self.now]
        return Situation(self.now, self.cap, self.waiting, running, served_by_owner=served, last_start=self.last_start)


# ---- choose


@given(situations)
def test_who_is_chosen_may_start(seen: Situation) -> None:
    chosen = choose(seen)
    if chosen is None:
        return
    rule = seen.queues.get(chosen.queue, QueueRule())
    assert chosen in seen.waiting
    assert len(seen.running) < seen.cap
    assert chosen.run_after <= seen.now
    assert not rule.paused
    assert rule.running_jobs is None or Counter(r.queue for r in seen.running)[chosen.queue] < rule.running_jobs
    within = [start for start in rule.recent_starts if start > seen.now - rule.per_s]
    assert rule.starts is None or len(within) < rule.starts
    assert seen.per_owner is None or Counter(r.owner for r in seen.running)[chosen.owner] < seen.per_owner


@given(situations)
def test_a_free_slot_is_never_left_empty_while_a_job_may_start(seen: Situation) -> None:
    running_of_owner = Counter(running.owner for running in seen.running)
    unlimited = [
        waiting
        for waiting in seen.waiting
        if waiting.run_after <= seen.now
        and (seen.per_owner is None or running_of_owner[waiting.owner] < seen.per_owner)
        and (rule := seen.queues.get(waiting.queue, QueueRule())).running_jobs is None
        and rule.starts is None
        and not rule.paused
    ]
    if unlimited and len(seen.running) < seen.cap:
        assert choose(seen) is not None


@given(situations)
def test_classes_go_strictly_in_order_before_anybody_has_aged(seen: Situation) -> None:
    young = [replace(waiting, created_at=NOW - 100) for waiting in seen.waiting]
    chosen = best(replace(seen, waiting=young, queues={}, per_owner=None))
    due = [waiting.priority for waiting in young if waiting.run_after <= NOW]
    assert (chosen.priority if chosen else None) == min(due, default=None)


@given(situations)
def test_the_choice_does_not_depend_on_the_order_of_reading(seen: Situation) -> None:
    shuffled = random.Random(7).sample(list(seen.waiting), len(seen.waiting))
    assert choose(replace(seen, waiting=shuffled)) == choose(seen)


def test_a_group_rises_by_one_class_for_each_period_in_which_none_of_its_jobs_was_started() -> None:
    at = [effective_class(BATCH, 0.0, now) for now in (0, AGING_S - 1, AGING_S, 2 * AGING_S, 3 * AGING_S)]
    assert at == [2, 2, 1, 0, 0], "as urgent as interactive work, not more"
    assert [effective_class(BATCH, 0.0, now) for now in (LONGEST_WAIT_S - 1, LONGEST_WAIT_S)] == [0, 0]
    assert effective_class(BATCH, 0.0, -5.0) == 2, "a clock that runs behind makes nobody sink"
    assert [is_overdue(0.0, now) for now in (-5.0, LONGEST_WAIT_S - 1, LONGEST_WAIT_S)] == [False, False, True]


def ranks_as(seen: Situation) -> Priority:
    """The class that the best job has come to: it goes before a newcomer of that class whose owner has had more."""

    def goes_before(rival: Priority) -> bool:
        newcomer = job(999, rival, owner="zoe", created_at=seen.now, begun=True)
        return best(replace(seen, waiting=[*seen.waiting, newcomer])) is not newcomer

    return next(rival for rival in Priority if goes_before(rival))


def test_a_group_waits_since_its_last_start_or_since_its_first_job_could_start() -> None:
    now = 2 * AGING_S
    had = {"ada": 0.0, "zoe": 1.0}
    old = job(1, BATCH, created_at=0.0)
    seen = Situation(now, 1, [old], [], served_by_owner=had)
    assert ranks_as(seen) == INTERACTIVE
    assert ranks_as(replace(seen, waiting=[replace(old, run_after=AGING_S)])) == STANDARD, (
        "being delayed is not waiting"
    )
    young = job(2, BATCH, created_at=now, deadline=now + 1)
    assert ranks_as(replace(seen, waiting=[young])) == BATCH
    assert best(replace(seen, waiting=[young, old])) == young
    assert ranks_as(replace(seen, waiting=[young, old])) == INTERACTIVE, "what rises is the group, not a job of it"
    later = replace(old, run_after=now + 1)
    assert ranks_as(replace(seen, waiting=[young, later])) == BATCH, "nor do jobs that are not due yet count"
    assert ranks_as(replace(seen, last_start={("ada", BATCH): AGING_S})) == STANDARD, "who was served is not starved"
    assert ranks_as(replace(seen, last_start={("ada", STANDARD): AGING_S})) == INTERACTIVE, "in that class, that is"
    assert ranks_as(replace(seen, last_start={("ben", BATCH): AGING_S})) == INTERACTIVE, "and he himself"
    elsewhere = with_started(seen, job(3, BATCH, queue="night"))
    assert ranks_as(replace(elsewhere, running=[])) == BATCH, "in whatever queue"


@given(st.sampled_from(Priority), st.sampled_from(Priority), st.floats(0, 20_000), st.floats(0, 20_000))
def test_nobody_passes_one_who_has_not_been_served_for_the_longest_wait(
    own: Priority, other: Priority, head_start_s: float, waited_s: float
) -> None:
    """Of owners who have had equally much: so only finitely many can come before any job, and none starves."""
    old = job(1, own, created_at=0.0, owner="ada")
    new = job(2, other, created_at=head_start_s, owner="ben", begun=True, deadline=1.0)
    seen = Situation(head_start_s + waited_s, 1, [old, new], [])
    if head_start_s + waited_s >= LONGEST_WAIT_S > waited_s + 1e-3:
        assert choose(seen) == old
        assert choose(replace(seen, last_start={("ben", other): seen.now})) == old
        if own > other:
            assert choose(replace(seen, last_start={("ada", own): head_start_s + 1.0})) == new, "she has been served"


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([STANDARD, BATCH]), st.floats(60, 1000), st.floats(0, 1), st.floats(-SHARE_WINDOW_S, 0))
def test_a_waiting_job_starts_under_an_endless_stream_of_urgent_ones(
    own: Priority, each_s: float, overload: float, last_start: float
) -> None:
    """One slot, and an interactive job of somebody else arrives for each that ends, or even more often."""
    old = job(0, own, created_at=0.0, owner="greedy", queue="night")
    waiting, now, number, due = [old], 0.0, 1, 0.0
    while True:
        while due <= now:
            waiting.append(job(number, INTERACTIVE, created_at=due, owner=f"user {number}"))
            number, due = number + 1, due + each_s / (1 + overload)
        had_s = 1e6 if now < SHARE_WINDOW_S else 0.0
        had = {"served_by_owner": {"greedy": had_s}, "served_by_queue": {"night": had_s}}
        chosen = choose(Situation(now, 1, waiting, [], last_start={("greedy", own): last_start}, **had))  # type: ignore[arg-type]
        assert chosen is not None
        if chosen == old:
            break
        waiting.remove(chosen)
        now += each_s
    assert now <= LONGEST_WAIT_S + 2 * each_s


@pytest.mark.parametrize(("archivists", "cap", "each_s"), [(1, 1, 900.0), (3, 2, 600.0), (5, 4, 700.0)])
def test_a_fresh_job_goes_before_a_backlog_that_is_being_worked_off_at_any_hour(
    archivists: int, cap: int, each_s: float
) -> None:
    """All of it was given in at once, and is more than a day's work; its owners get their turns all day long."""
    recordings = int(25 * 3600 / each_s * cap) + 100
    line = [job(n, BATCH, created_at=0.0, owner=f"archivist {n % archivists}") for n in range(recordings)]
    shift = Shift(cap, each_s, line)
    for hour in range(25):
        fresh = job(10_000 + hour, STANDARD, created_at=hour * 3600.0, owner=f"analyst {hour}")
        while shift.now < fresh.created_at:
            shift.go_on()
        before = len(shift.starts)
        shift.waiting.append(fresh)
        shift.go_on()
        assert shift.starts[before][1] == fresh, f"it came {hour} hours after the backlog, and waited for it"
    assert len(shift.waiting) > 50, "there was a backlog to the end"


def test_an_owner_who_is_never_served_rises_to_parity_has_a_turn_and_then_waits_as_long_again() -> None:
    """One slot, and always an urgent job of somebody who has had much more."""
    each_s = 70.0
    urgent = [job(n, INTERACTIVE, created_at=0.0, owner="ben") for n in range(200)]
    shift = Shift(1, each_s, [*urgent, *(job(1000 + n, BATCH, created_at=0.0) for n in range(9))])
    while shift.now < 4 * AGING_S + 10 * each_s:
        shift.go_on()
        if len([at for at, started in shift.starts if started.owner == "ada"]) == 2:
            break
    turns = [at for at, started in shift.starts if started.owner == "ada"]
    waits = [turns[0], turns[1] - turns[0]]
    assert all(2 * AGING_S <= wait_s < 2 * AGING_S + each_s for wait_s in waits), waits


@pytest.mark.parametrize("waited_s", [3 * AGING_S, LONGEST_WAIT_S])
def test_a_long_line_that_has_aged_does_not_hold_up_an_urgent_job_of_somebody_who_has_had_less(waited_s: float) -> None:
    line = [job(n, BATCH, created_at=0.0) for n in range(1, 50)]
    urgent = job(99, INTERACTIVE, owner="ben", created_at=waited_s)
    seen = Situation(waited_s + 1, 1, [*line, urgent], [], served_by_owner={"ada": 600.0})
    assert choose(seen) == urgent


def test_among_equals_who_has_less_running_goes_first_then_who_had_less() -> None:
    ada, ben = job(1, created_at=0.0), job(2, owner="ben", created_at=NOW - AGING_S + 1)
    ada = replace(ada, created_at=ben.created_at - 0.5)
    one_runs = Running(UUID(int=9), "ada", STANDARD)
    assert choose(situation(ada, ben)) == ada, "all else equal, who came first"
    assert choose(situation(ada, ben, served_by_owner={"ada": 1.0})) == ben
    assert choose(situation(ada, ben, served_by_owner={"ben": 1.0})) == ada
    assert choose(situation(ada, ben, cap=2, running=[one_runs], served_by_owner={"ben": 1.0})) == ben


def test_queues_share_by_weight() -> None:
    a, b = job(1, queue="default"), job(2, queue="night")
    queues = {"default": QueueRule(weight=3.0), "night": QueueRule(weight=1.0)}
    counts: Counter[str] = Counter()
    served: dict[str, float] = {}
    for _ in range(400):
        chosen = choose(situation(a, b, queues=queues, served_by_queue=served))
        assert chosen is not None
        counts[chosen.queue] += 1
        served[chosen.queue] = served.get(chosen.queue, 0.0) + 10.0
    assert counts["default"] == pytest.approx(300, abs=2)


def test_ties_go_to_begun_jobs_then_to_deadlines_then_to_the_first_to_come() -> None:
    first, urgent, begun = job(1, created_at=1.0), job(2, deadline=NOW + 5), job(3, begun=True)
    order = [replace(j, created_at=c) for j, c in ((first, NOW - 9), (urgent, NOW - 8), (begun, NOW - 7))]
    found = []
    while order:
        chosen = choose(situation(*order))
        assert chosen is not None
        found.append(chosen.id.int)
        order.remove(chosen)
    assert found == [3, 2, 1]


@given(st.lists(st.tuples(owners, st.floats(1, 100)), min_size=1, max_size=30), st.integers(1, 3))
def test_no_owner_gets_far_ahead_of_another_that_still_waits(jobs: list[tuple[str, float]], cap: int) -> None:
    """Served seconds of owners who both wait differ by at most what runs at once."""
    waiting = [job(n, owner=owner, work_s=work_s) for n, (owner, work_s) in enumerate(jobs)]
    seen = situation(*waiting, cap=cap)
    while seen.waiting:
        chosen = choose(seen)
        if chosen is None:
            seen = replace(seen, running=seen.running[1:])
            continue
        had = {waiting.owner: seen.served_by_owner.get(waiting.owner, 0.0) for waiting in seen.waiting}
        runs = Counter(running.owner for running in seen.running)
        assert all((runs[chosen.owner], had[chosen.owner]) <= (runs[owner], had[owner]) for owner in had)
        seen = started(seen, chosen)


def test_the_class_changes_just_when_it_is_said_to() -> None:
    assert [rises_at(BATCH, 0.0, now) for now in (0.0, AGING_S - 1, AGING_S, 2 * AGING_S, LONGEST_WAIT_S)] == [
        AGING_S,
        AGING_S,
        2 * AGING_S,
        LONGEST_WAIT_S,
        math.inf,
    ]
    assert rises_at(INTERACTIVE, 500.0, 500.0) == 500.0 + LONGEST_WAIT_S


@given(st.sampled_from(Priority), st.floats(0, 1e9), st.floats(0, 1e5))
def test_between_two_risings_the_standing_stays(priority: Priority, since: float, waited_s: float) -> None:
    now = since + waited_s
    rises = rises_at(priority, since, now)

    def standing(moment: float) -> tuple[int, bool]:
        return effective_class(priority, since, moment), not is_overdue(since, moment)

    if rises == math.inf:
        assert standing(now) == standing(now + 1e6) == (INTERACTIVE, False)
        return
    assert standing(math.nextafter(rises, 0.0)) == standing(now)
    assert standing(rises) < standing(now), "from that very moment on"


# ---- to_yield


@given(situations)
def test_only_lower_classes_are_asked_to_yield_and_only_for_interactive_work(seen: Situation) -> None:
    asked = to_yield(seen)
    if asked is None:
        return
    urgent = best(seen)
    assert urgent is not None
    assert urgent.priority is INTERACTIVE
    assert asked in seen.running
    assert asked.priority > INTERACTIVE
    assert len(seen.running) >= seen.cap
    assert not any(running.asked_to_stop for running in seen.running)


def test_the_lowest_class_with_most_left_to_do_is_asked() -> None:
    running = [
        Running(UUID(int=1), "ada", STANDARD, left=Demand(500, 500)),
        Running(UUID(int=2), "ada", BATCH, left=Demand(20, 900)),
        Running(UUID(int=3), "ada", BATCH, left=Demand(80, 80)),
    ]
    asked = to_yield(situation(job(9, INTERACTIVE), cap=3, running=running))
    assert asked is running[2]


@given(situations)
def test_who_is_asked_to_yield_really_lets_the_urgent_job_in(seen: Situation) -> None:
    """Otherwise it would win its place back, be asked again at its next chunk, and so on for ever."""
    asked, urgent = to_yield(seen), best(seen)
    if asked is not None and len(seen.running) == seen.cap:
        assert choose(with_yielded(seen, asked)) == urgent


def test_a_job_that_would_win_its_place_back_is_not_asked_to_yield() -> None:
    aged = Running(UUID(int=1), "ada", BATCH, created_at=NOW - 2 * AGING_S)
    urgent = job(9, INTERACTIVE, owner="ben")
    seen = situation(urgent, running=[aged], served_by_owner={"ben": 60.0})
    assert to_yield(seen) is None
    assert to_yield(replace(seen, last_start={("ada", BATCH): NOW - 2 * AGING_S})) is None
    assert to_yield(replace(seen, last_start={("ada", BATCH): NOW - 2 * AGING_S + 1})) == aged
    assert to_yield(replace(seen, served_by_owner={"ada": 60.0})) == aged
    assert to_yield(replace(seen, running=[replace(aged, created_at=NOW - AGING_S)])) is not None


@given(situations, st.lists(st.tuples(owners, st.floats(0, 2 * AGING_S - 1)), min_size=1, max_size=4))
def test_an_urgent_job_of_somebody_else_always_gets_in_where_the_batch_work_is_that_of_owners_who_are_served(
    seen: Situation, running: list[tuple[str, float]]
) -> None:
    last_start = dict(seen.last_start)
    for owner, ago_s in running:
        last_start[owner, BATCH] = max(NOW - ago_s, last_start.get((owner, BATCH), 0.0))
    urgent = job(9, INTERACTIVE, owner="zoe")
    crowded = replace(
        seen,
        cap=len(running),
        waiting=[urgent, *(w for w in seen.waiting if w.priority is BATCH and (w.owner, BATCH) in last_start)],
        running=[Running(UUID(int=n), owner, BATCH, created_at=0.0) for n, (owner, _) in enumerate(running, start=100)],
        queues={},
        served_by_owner={**seen.served_by_owner, "zoe": 1e6},
        last_start={key: max(at, NOW - 2 * AGING_S + 1) for key, at in last_start.items()},
    )
    asked = to_yield(crowded)
    assert asked is not None
    assert choose(with_yielded(crowded, asked)) == urgent


@given(
    st.sampled_from([STANDARD, BATCH]),
    st.floats(0, 3 * AGING_S),
    st.floats(1, AGING_S - 1),
    st.sampled_from(["ada", "ben"]),
)
def test_nobody_is_asked_to_yield_after_every_chunk(own: Priority, ran_s: float, chunk_s: float, had_more: str) -> None:
    """Who ages between being asked and his next chunk wins his place back once; next time the urgent one gets in."""
    running = Running(UUID(int=1), "ada", own, created_at=NOW - 1e5)
    urgent = job(9, INTERACTIVE, owner="ben", created_at=NOW)
    had = {had_more: 1e5}
    seen = situation(urgent, running=[running], served_by_owner=had, last_start={("ada", own): NOW - ran_s})
    asked = 0
    while (yielding := to_yield(seen)) is not None:
        asked += 1
        seen = replace(with_yielded(seen, yielding), now=seen.now + chunk_s)
        chosen = choose(seen)
        assert chosen is not None
        seen = with_started(seen, chosen)
    assert asked <= 2
    assert urgent not in seen.waiting or asked == 0


def test_nobody_is_asked_for_standard_work_or_while_a_slot_is_free_or_twice() -> None:
    batch = Running(UUID(int=1), "ada", BATCH)
    assert to_yield(situation(job(9, INTERACTIVE), running=[batch])) == batch
    assert to_yield(situation(job(9, STANDARD), running=[batch])) is None
    assert to_yield(situation(job(9, INTERACTIVE), cap=2, running=[batch])) is None
    assert to_yield(situation(job(9, INTERACTIVE), running=[replace(batch, asked_to_stop=True)])) is None
    assert to_yield(situation(job(9, INTERACTIVE), running=[replace(batch, priority=INTERACTIVE)])) is None


def test_aged_batch_work_pushes_nobody_out() -> None:
    aged = job(9, BATCH, created_at=0.0)
    assert ranks_as(Situation(LONGEST_WAIT_S, 1, [aged], [])) == INTERACTIVE
    seen = situation(aged, running=[Running(UUID(int=1), "ada", BATCH)])
    assert to_yield(replace(seen, now=LONGEST_WAIT_S)) is None


# ---- retry_pause_s


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_pauses_before_retries_double_up_to_ten_minutes(attempt: int, jitter: float) -> None:
    middle_s = retry_pause_s(attempt, 0.5)
    assert 2.0 <= middle_s <= RETRY_LONGEST_S
    assert middle_s == min(RETRY_LONGEST_S, 2.0 * 2 ** min(20, max(0, attempt - 1)))
    assert 0.8 * middle_s <= retry_pause_s(attempt, jitter) <= 1.2 * middle_s + 1e-9
