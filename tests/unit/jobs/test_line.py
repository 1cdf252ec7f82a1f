from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.line import Line
from brickyard.jobs.policy import (
    AGING_S,
    LONGEST_WAIT_S,
    UNLIMITED,
    Situation,
    Waiting,
    as_waiting,
    best,
    with_started,
    with_yielded,
)
from tests.unit.jobs.situations import BATCH, NOW, QUEUES, job, owners, situations


def line_of(seen: Situation) -> Line:
    line = Line(seen.waiting, seen.now, seen.served_by_owner, seen.last_start, seen.per_owner)
    for running in seen.running:
        line.account(running.owner, 1, 0.0)
    return line


def best_of(line: Line, seen: Situation) -> Waiting | None:
    running = Counter(job.queue for job in seen.running)
    return line.best(
        lambda queue: seen.queues.get(queue, UNLIMITED).takes(running[queue], seen.now),
        lambda queue: seen.served_by_queue.get(queue, 0.0) / seen.queues.get(queue, UNLIMITED).weight,
    )


steps = st.lists(
    st.tuples(st.just("start"), st.just(0.0))
    | st.tuples(st.just("end"), st.just(0.0))
    | st.tuples(st.just("come back"), st.just(0.0))
    | st.tuples(st.just("look without"), st.just(0.0))
    | st.tuples(st.just("wait"), st.sampled_from([AGING_S, AGING_S / 3, 30.0]) | st.floats(0, 5000)),
    max_size=30,
)


@given(situations, steps)
def test_the_line_is_always_in_the_order_of_the_policy(seen: Situation, steps: list[tuple[str, float]]) -> None:
    line = line_of(seen)
    started: list[Waiting] = []
    for what, seconds in steps:
        first = best(seen)
        assert best_of(line, seen) == first
        if what == "wait":
            seen = replace(seen, now=seen.now + seconds)
            line.advance(seen.now)
        elif what == "start" and first is not None:
            seen = with_started(seen, first)
            line.start(first)
            line.account(first.owner, 1, first.work_s)
            started.append(first)
        elif what == "end" and seen.running:
            line.account(seen.running[0].owner, -1, 0.0)
            seen = replace(seen, running=seen.running[1:])
        elif what == "come back" and started:
            again = replace(started.pop(), begun=True)
            seen = replace(seen, waiting=[*seen.waiting, again])
            line.add(again)
        elif what == "look without" and seen.running and seen.running[-1].id not in {job.id for job in seen.waiting}:
            gone = seen.running[-1]
            line.account(gone.owner, -1, 0.0)
            line.add(as_waiting(gone))
            assert best_of(line, with_yielded(seen, gone)) == best(with_yielded(seen, gone))
            line.remove(as_waiting(gone))
            line.account(gone.owner, 1, 0.0)
    assert best_of(line, seen) == best(seen)


@given(st.lists(st.tuples(owners, st.floats(NOW - 100, NOW + 100)), max_size=8))
def test_the_next_to_be_due_is_known(jobs: list[tuple[str, float]]) -> None:
    waiting = [job(n, owner=owner, run_after=at) for n, (owner, at) in enumerate(jobs)]
    line = Line(waiting, NOW, {}, {})
    assert line.next_due() == min((w.run_after for w in waiting if w.run_after > NOW), default=None)
    line.advance(NOW + 100)
    assert line.next_due() is None


def test_an_owner_who_is_not_served_passes_those_that_came_later() -> None:
    old, new = job(1, BATCH, created_at=NOW - AGING_S + 10, owner="ada"), job(2, created_at=NOW, owner="ben")
    line = Line([old, new], NOW, {"ben": 1.0}, {})
    assert best_of(line, Situation(NOW, 1, [], [])) == new
    line.advance(NOW + 11)
    assert best_of(line, Situation(NOW + 11, 1, [], [])) == old, "of the same class now, and has had less"
    line.remove(old)
    assert best_of(line, Situation(NOW + 11, 1, [], [])) == new


def test_an_owner_who_is_not_served_for_the_longest_wait_passes_even_begun_jobs() -> None:
    old = job(1, created_at=NOW, owner="ada")
    begun = job(2, created_at=NOW + 10, owner="ben", begun=True)
    line = Line([old, begun], NOW + LONGEST_WAIT_S - 1, {}, {})
    assert best_of(line, Situation(NOW + LONGEST_WAIT_S - 1, 1, [], [])) == begun
    line.advance(NOW + LONGEST_WAIT_S)
    assert best_of(line, Situation(NOW + LONGEST_WAIT_S, 1, [], [])) == old
    line.advance(NOW + LONGEST_WAIT_S + 10)
    assert best_of(line, Situation(NOW + LONGEST_WAIT_S + 10, 1, [], [])) == begun, "both have waited for so long"


def test_a_start_makes_the_rest_of_the_line_young_again_in_every_queue() -> None:
    line_of_ada = [job(n, BATCH, created_at=NOW - AGING_S, queue=queue) for n, queue in enumerate(QUEUES)]
    new = job(9, created_at=NOW, owner="ben")
    line = Line([*line_of_ada, new], NOW, {"ben": 1.0}, {})
    first = best_of(line, Situation(NOW, 1, [], []))
    assert first == line_of_ada[0]
    line.start(first)
    assert best_of(line, Situation(NOW, 1, [], [])) == new
    line.advance(NOW + AGING_S - 1)
    assert best_of(line, Situation(NOW + AGING_S - 1, 1, [], [])) == new
    line.advance(NOW + AGING_S)
    line.remove(new)
    line.add(job(8, owner="ben", run_after=NOW + AGING_S))
    assert best_of(line, Situation(NOW + AGING_S, 1, [], [])) == line_of_ada[1], "a start of hers is as long ago again"
