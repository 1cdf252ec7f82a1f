from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from brickyard.jobs import order, situation
from brickyard.jobs.job import NewJob
from brickyard.jobs.order import rearranged
from brickyard.jobs.policy import Situation, Waiting, best, precedence, with_started
from brickyard.jobs.states import Priority
from brickyard.jobs.store import JobStore
from brickyard.kit.errors import Conflict, NotFound
from tests.unit.jobs.situations import NOW, job, situations


def apply(seen: Situation, places: dict[UUID, float]) -> Situation:
    return replace(seen, waiting=[replace(one, placed_at=places.get(one.id, one.placed_at)) for one in seen.waiting])


def drained(seen: Situation) -> list[Waiting]:
    """All that start, in their order, with room for everybody."""
    started = []
    while (first := best(seen)) is not None:
        started.append(first)
        seen = with_started(seen, first)
    return started


@given(situations, st.data())
def test_only_the_owners_own_jobs_change_places(seen: Situation, data: st.DataObject) -> None:
    """Jobs are equally long here: what somebody is given counts when it is next decided whose turn it is."""
    seen = replace(seen, waiting=[replace(one, work_s=60.0) for one in seen.waiting])
    ready = [one for one in seen.waiting if one.run_after <= NOW]
    assume(ready)
    moved = data.draw(st.sampled_from(ready))
    own = [one for one in ready if one.group == moved.group]
    equals = [one for one in own if (one.begun, one.deadline) == (moved.begun, moved.deadline)]
    assume(len({one.place for one in equals}) == len(equals))
    before = data.draw(st.none() | st.sampled_from([one for one in equals if one.id != moved.id] or [None]))
    places = rearranged(moved, before, own)
    assert sorted(places.values()) == sorted(one.place for one in equals), "no place is won and none lost"
    was, is_now = drained(seen), drained(apply(seen, places))
    mine = {one.id for one in equals}
    assert [None if one.id in mine else one.id for one in was] == [None if one.id in mine else one.id for one in is_now]
    order_now = [one.id for one in is_now if one.id in mine]
    rest = [one.id for one in was if one.id in mine and one.id != moved.id]
    assert [id_ for id_ in order_now if id_ != moved.id] == rest, "the others keep their order among themselves"
    if moved.id in order_now:
        after = order_now[order_now.index(moved.id) + 1 :]
        assert after[:1] == ([] if before is None else [before.id])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.data())
def test_where_places_are_the_same_the_order_holds_all_the_same(ages: list[int], data: st.DataObject) -> None:
    own = [job(number, created_at=NOW - 1000 * age) for number, age in enumerate(ages)]
    moved = data.draw(st.sampled_from(own))
    before = data.draw(st.none() | st.sampled_from([one for one in own if one != moved]))
    places = rearranged(moved, before, own)
    line = sorted((replace(one, placed_at=places[one.id]) for one in own), key=precedence)
    at = [one.id for one in line].index(moved.id)
    assert [one.id for one in line[at + 1 : at + 2]] == ([] if before is None else [before.id])
    assert min(places.values()) == min(one.place for one in own), "nobody comes before the first place they had"


def test_how_long_somebody_waits_is_not_changed_by_the_order() -> None:
    young, old = job(1, created_at=NOW - 10), job(2, created_at=NOW - 1000)
    places = rearranged(young, old, [young, old])
    assert places == {young.id: NOW - 1000, old.id: NOW - 10}
    assert replace(young, placed_at=places[young.id]).ready_since == NOW - 10


# ---- on a database


def submitted(store: JobStore, owner: str = "ada", priority: Priority = Priority.STANDARD) -> UUID:
    return store.submit(NewJob("toy", owner, priority=priority, work_s=60.0))


def line(engine: sa.Engine) -> list[UUID]:
    now = datetime.now(UTC) + timedelta(seconds=1)
    with engine.connect() as connection:
        return [one.id for one in drained(replace(situation.read(connection, 9, now), last_start={}))]


def move(engine: sa.Engine, job: UUID, before: UUID | None) -> None:
    order.move(engine, job, before, datetime.now(UTC) + timedelta(seconds=1))


def test_ones_own_jobs_go_in_the_order_one_gives_them(engine: sa.Engine) -> None:
    store = JobStore(engine)
    first, others, second, third = (submitted(store, owner) for owner in ("ada", "ben", "ada", "ada"))
    was = line(engine)
    move(engine, third, first)
    assert [one for one in line(engine) if one != others] == [third, first, second]
    assert line(engine).index(others) == was.index(others)
    move(engine, third, None)
    assert line(engine) == was
    move(engine, third, third)
    assert line(engine) == was


def test_what_does_not_stand_in_ones_line_is_refused(engine: sa.Engine) -> None:
    store = JobStore(engine)
    own, others, urgent, held = (
        submitted(store),
        submitted(store, "ben"),
        submitted(store, priority=Priority.INTERACTIVE),
        submitted(store),
    )
    store.pause(held)
    for before in (others, urgent, uuid4()):
        with pytest.raises(Conflict, match="same line"):
            move(engine, own, before)
    with pytest.raises(Conflict, match="is paused; only jobs that wait"):
        move(engine, own, held)
    with pytest.raises(Conflict, match="The job is paused and can't be moved"):
        move(engine, held, own)
    with pytest.raises(NotFound):
        move(engine, uuid4(), None)


def test_one_whose_time_has_not_come_or_that_was_begun_has_no_place_to_trade(engine: sa.Engine) -> None:
    store = JobStore(engine)
    own, begun = submitted(store), submitted(store)
    later = store.submit(NewJob("toy", "ada", run_after=datetime.now(UTC) + timedelta(hours=1)))
    with pytest.raises(Conflict, match="later than now"):
        move(engine, later, own)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET started_at = now() WHERE id = :id"), {"id": begun})
    with pytest.raises(Conflict, match="begun already"):
        move(engine, own, begun)
