from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.jobs.policy import (
    AGING_S,
    LONGEST_WAIT_S,
    RETRY_LONGEST_S,
    Forecast,
    QueueRule,
    Running,
    Situation,
    Waiting,
    best,
    choose,
    effective_class,
    foretell,
    retry_pause_s,
    to_yield,
)
from brickyard.jobs.states import Priority

INTERACTIVE, STANDARD, BATCH = Priority
QUEUES = ("default", "night", "other")
NOW = 10_000.0

# Round numbers beside arbitrary ones, so that things happen at the same moment too.
seconds = st.one_of(st.sampled_from([0.0, 1.0, 30.0, 60.0]), st.floats(0, 300))
rules = st.builds(
    QueueRule,
    paused=st.booleans(),
    weight=st.floats(0.1, 10),
    running_jobs=st.none() | st.integers(1, 3),
    starts=st.none() | st.integers(1, 3),
    per_s=st.sampled_from([0.1, 7.3, 60.0]) | st.floats(0.01, 100),
    recent_starts=st.lists(seconds.map(lambda ago_s: NOW - ago_s), max_size=4).map(lambda ats: tuple(sorted(ats))),
)
owners = st.sampled_from(["ada", "ben", "cleo"])
waiting_jobs = st.lists(
    st.builds(
        Waiting,
        id=st.uuids(version=4),
        owner=owners,
        priority=st.sampled_from(Priority),
        created_at=st.floats(0, NOW),
        queue=st.sampled_from(QUEUES),
        run_after=st.just(0.0) | st.floats(NOW - 100, NOW + 1000),
        deadline=st.none() | st.floats(NOW, NOW + 1000),
        work_s=st.floats(0, 1000),
        begun=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda job: job.id,
)
running_jobs = st.lists(
    st.builds(
        Running,
        id=st.uuids(version=1),
        owner=owners,
        priority=st.sampled_from(Priority),
        queue=st.sampled_from(QUEUES),
        remaining_s=seconds,
        asked_to_stop=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda job: job.id,
)
situations = st.builds(
    Situation,
    now=st.just(NOW),
    cap=st.integers(0, 5),
    waiting=waiting_jobs,
    running=running_jobs,
    queues=st.fixed_dictionaries({"default": rules}, optional={"night": rules, "other": rules}),
    served_by_owner=st.dictionaries(owners, st.floats(0, 5000)),
    served_by_queue=st.dictionaries(st.sampled_from(QUEUES), st.floats(0, 5000)),
)


def job(number: int, priority: Priority = STANDARD, created_at: float = NOW - 10, **values: object) -> Waiting:
    return replace(Waiting(UUID(int=number), "ada", priority, created_at), **values)  # type: ignore[arg-type]


def situation(*waiting: Waiting, cap: int = 1, **values: object) -> Situation:
    return replace(Situation(NOW, cap, waiting, ()), **values)  # type: ignore[arg-type]


def started(seen: Situation, chosen: Waiting, duration_s: float) -> Situation:
    """The situation after `chosen` has been started, told in the plainest way."""
    rule = seen.queues.get(chosen.queue, QueueRule())
    owner_s = seen.served_by_owner.get(chosen.owner, 0.0) + chosen.work_s
    queue_s = seen.served_by_queue.get(chosen.queue, 0.0) + chosen.work_s
    return replace(
        seen,
        waiting=[other for other in seen.waiting if other.id != chosen.id],
        running=[*seen.running, Running(chosen.id, chosen.owner, chosen.priority, chosen.queue, duration_s)],
        queues={**seen.queues, chosen.queue: replace(rule, recent_starts=(*rule.recent_starts, seen.now))},
        served_by_owner={**seen.served_by_owner, chosen.owner: owner_s},
        served_by_queue={**seen.served_by_queue, chosen.queue: queue_s},
    )


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


@given(situations)
def test_a_free_slot_is_never_left_empty_while_a_job_may_start(seen: Situation) -> None:
    unlimited = [
        waiting
        for waiting in seen.waiting
        if waiting.run_after <= seen.now
        and (rule := seen.queues.get(waiting.queue, QueueRule())).running_jobs is None
        and rule.starts is None
        and not rule.paused
    ]
    if unlimited and len(seen.running) < seen.cap:
        assert choose(seen) is not None


@given(situations)
def test_classes_go_strictly_in_order_before_anybody_has_aged(seen: Situation) -> None:
    young = [replace(waiting, created_at=NOW - 100) for waiting in seen.waiting]
    chosen = best(replace(seen, waiting=young, queues={}))
    due = [waiting.priority for waiting in young if waiting.run_after <= NOW]
    assert (chosen.priority if chosen else None) == min(due, default=None)


@given(situations)
def test_the_choice_does_not_depend_on_the_order_of_reading(seen: Situation) -> None:
    shuffled = random.Random(7).sample(list(seen.waiting), len(seen.waiting))
    assert choose(replace(seen, waiting=shuffled)) == choose(seen)


def test_a_job_rises_by_one_class_for_each_period_it_has_been_able_to_start() -> None:
    batch = job(1, BATCH, created_at=0.0)
    at = [effective_class(batch, now) for now in (0, AGING_S - 1, AGING_S, 2 * AGING_S, 3 * AGING_S)]
    assert at == [2, 2, 1, 0, 0], "as urgent as interactive work, not more"
    assert [effective_class(batch, now) for now in (LONGEST_WAIT_S - 1, LONGEST_WAIT_S)] == [0, -1]
    assert effective_class(replace(batch, run_after=AGING_S), 2 * AGING_S) == 1, "being delayed is not waiting"
    assert effective_class(batch, -5.0) == 2, "a clock that runs behind makes nobody sink"


@given(st.sampled_from(Priority), st.sampled_from(Priority), st.floats(0, 20_000), st.floats(0, 20_000))
def test_nobody_passes_one_who_has_waited_the_longest_wait(
    own: Priority, other: Priority, head_start_s: float, waited_s: float
) -> None:
    """Whatever they have been served: so only finitely many can come before any job, and none starves."""
    old = job(1, own, created_at=0.0, owner="greedy")
    new = job(2, other, created_at=head_start_s, owner="modest", begun=True)
    seen = Situation(head_start_s + waited_s, 1, [old, new], [], served_by_owner={"greedy": 1e9})
    if head_start_s + waited_s >= LONGEST_WAIT_S > waited_s:
        assert choose(seen) == old


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([STANDARD, BATCH]), st.floats(60, 1000), st.floats(0, 1))
def test_a_waiting_job_starts_under_an_endless_stream_of_urgent_ones(
    own: Priority, each_s: float, overload: float
) -> None:
    """One slot, and an interactive job of somebody else arrives for each that ends, or even more often."""
    old = job(0, own, created_at=0.0, owner="greedy", queue="night")
    waiting, now, number, due = [old], 0.0, 1, 0.0
    while True:
        while due <= now:
            waiting.append(job(number, INTERACTIVE, created_at=due, owner=f"user {number}"))
            number, due = number + 1, due + each_s / (1 + overload)
        seen = Situation(now, 1, waiting, [], served_by_owner={"greedy": 1e6}, served_by_queue={"night": 1e6})
        chosen = choose(seen)
        assert chosen is not None
        if chosen == old:
            break
        waiting.remove(chosen)
        now += each_s
    assert now <= LONGEST_WAIT_S + 2 * each_s


def test_a_long_line_of_aged_batch_work_does_not_hold_up_an_urgent_job_of_somebody_else() -> None:
    line = [job(n, BATCH, created_at=0.0) for n in range(1, 50)]
    urgent = job(99, INTERACTIVE, owner="ben", created_at=3 * AGING_S)
    seen = Situation(3 * AGING_S + 1, 1, [*line, urgent], [], served_by_owner={"ada": 600.0})
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
        seen = started(seen, chosen, 1.0)


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
    assert asked.priority == max(running.priority for running in seen.running)
    assert len(seen.running) >= seen.cap
    assert not any(running.asked_to_stop for running in seen.running)


def test_the_lowest_class_with_most_left_to_do_is_asked() -> None:
    running = [
        Running(UUID(int=1), "ada", STANDARD, remaining_s=500),
        Running(UUID(int=2), "ada", BATCH, remaining_s=20),
        Running(UUID(int=3), "ada", BATCH, remaining_s=80),
    ]
    asked = to_yield(situation(job(9, INTERACTIVE), cap=3, running=running))
    assert asked is running[2]


def test_nobody_is_asked_for_standard_work_or_while_a_slot_is_free_or_twice() -> None:
    batch = Running(UUID(int=1), "ada", BATCH)
    assert to_yield(situation(job(9, INTERACTIVE), running=[batch])) == batch
    assert to_yield(situation(job(9, STANDARD), running=[batch])) is None
    assert to_yield(situation(job(9, INTERACTIVE), cap=2, running=[batch])) is None
    assert to_yield(situation(job(9, INTERACTIVE), running=[replace(batch, asked_to_stop=True)])) is None
    assert to_yield(situation(job(9, INTERACTIVE), running=[replace(batch, priority=INTERACTIVE)])) is None


def test_aged_batch_work_pushes_nobody_out() -> None:
    aged = job(9, BATCH, created_at=0.0)
    assert effective_class(aged, LONGEST_WAIT_S) < INTERACTIVE
    seen = situation(aged, running=[Running(UUID(int=1), "ada", BATCH)])
    assert to_yield(replace(seen, now=LONGEST_WAIT_S)) is None


# ---- foretell


def replayed(seen: Situation, seconds_of: Mapping[UUID, float]) -> dict[UUID, Forecast]:
    """Plays the policy over every moment at which anything could ever happen; slow, and plainly right."""
    begin = seen.now
    ends = {running.id: begin + running.remaining_s for running in seen.running}
    forecasts: dict[UUID, Forecast] = {}
    moments = [begin, *(waiting.run_after for waiting in seen.waiting), *ends.values()]
    moments += [start + rule.per_s for rule in seen.queues.values() for start in rule.recent_starts]
    while moments:
        now = min(moments)
        moments = [moment for moment in moments if moment > now]
        if now < begin:
            continue
        seen = replace(seen, now=now)
        while True:
            while chosen := choose(seen):
                seen = started(seen, chosen, seconds_of[chosen.id])
                starts_in_s = now - begin
                forecasts[chosen.id] = Forecast(len(forecasts) + 1, starts_in_s, starts_in_s + seconds_of[chosen.id])
                ends[chosen.id] = now + seconds_of[chosen.id]
                moments += [ends[chosen.id], now + seen.queues[chosen.queue].per_s]
            left = [running for running in seen.running if ends[running.id] > now]
            if len(left) == len(seen.running):
                break
            seen = replace(seen, running=left)
        moments = [moment for moment in moments if moment > now]
    return forecasts


@given(situations, st.data())
def test_a_forecast_is_what_the_policy_does_step_by_step(seen: Situation, data: st.DataObject) -> None:
    seconds_of = {waiting.id: data.draw(seconds) for waiting in seen.waiting}
    found = foretell(seen, seconds_of)
    assert found == replayed(seen, seconds_of)
    in_order = sorted(found.items(), key=lambda item: item[1].position)
    assert [forecast.position for _, forecast in in_order] == list(range(1, len(found) + 1))
    starts = [forecast.starts_in_s for _, forecast in in_order]
    assert starts == sorted(starts)
    assert all(forecast.ends_in_s == forecast.starts_in_s + seconds_of[id_] for id_, forecast in in_order)
    assert all(start >= 0 for start in starts)


@given(situations, st.data())
def test_just_jobs_that_can_never_start_have_no_forecast(seen: Situation, data: st.DataObject) -> None:
    found = foretell(seen, {waiting.id: data.draw(seconds) for waiting in seen.waiting})
    open_ones = {w.id for w in seen.waiting if not seen.queues.get(w.queue, QueueRule()).paused}
    assert set(found) == (open_ones if seen.cap > 0 else set())


@given(st.floats(1.7e9, 1.9e9), st.floats(0, 100), st.floats(0.01, 100), st.integers(1, 5))
def test_a_rate_limit_foretells_every_start_at_any_time_of_the_clock(
    now: float, ago_s: float, per_s: float, count: int
) -> None:
    rule = QueueRule(starts=1, per_s=per_s, recent_starts=(now - ago_s,))
    waiting = [job(n, created_at=now - 1) for n in range(count)]
    found = foretell(Situation(now, 9, waiting, [], {"default": rule}), dict.fromkeys((w.id for w in waiting), 0.0))
    first_s = max(0.0, per_s - ago_s)
    starts = sorted(forecast.starts_in_s for forecast in found.values())
    assert starts == pytest.approx([first_s + n * per_s for n in range(count)], abs=1e-4)


def test_jobs_start_one_after_another_where_there_is_one_slot() -> None:
    running = Running(UUID(int=9), "ben", STANDARD, remaining_s=30.0)
    seen = situation(job(1, BATCH), job(2, INTERACTIVE), running=[running])
    found = foretell(seen, {UUID(int=1): 100.0, UUID(int=2): 5.0})
    assert found == {UUID(int=2): Forecast(1, 30.0, 35.0), UUID(int=1): Forecast(2, 35.0, 135.0)}


def test_a_delayed_job_starts_when_it_is_due() -> None:
    seen = situation(job(1, run_after=NOW + 50), job(2))
    found = foretell(seen, {UUID(int=1): 1.0, UUID(int=2): 5.0})
    assert found == {UUID(int=2): Forecast(1, 0.0, 5.0), UUID(int=1): Forecast(2, 50.0, 51.0)}


def test_a_queue_of_one_job_at_a_time_lets_others_pass() -> None:
    queues = {"night": QueueRule(running_jobs=1)}
    seen = situation(job(1, queue="night"), job(2, queue="night"), job(3), cap=3, queues=queues)
    found = foretell(seen, {UUID(int=n): 10.0 for n in (1, 2, 3)})
    assert {forecast.starts_in_s for id_, forecast in found.items() if id_.int != 2} == {0.0}
    assert found[UUID(int=2)] == Forecast(3, 10.0, 20.0)


# ---- retry_pause_s


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_pauses_before_retries_double_up_to_ten_minutes(attempt: int, jitter: float) -> None:
    middle_s = retry_pause_s(attempt, 0.5)
    assert 2.0 <= middle_s <= RETRY_LONGEST_S
    assert middle_s == min(RETRY_LONGEST_S, 2.0 * 2 ** min(20, max(0, attempt - 1)))
    assert 0.8 * middle_s <= retry_pause_s(attempt, jitter) <= 1.2 * middle_s + 1e-9
