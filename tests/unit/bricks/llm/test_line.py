from __future__ import annotations

from collections import Counter
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from brickyard.bricks.llm.line import DEFAULT_RULES, Desk, Scene, Waiting, desk_for, line, next_start, rank, turned_away
from brickyard.gpu.lease import TOP_RANK, PriorityClass

INTERACTIVE, STANDARD, BATCH = PriorityClass
MODELS = ("a", "b", "c")
USERS = ("ada", "bob", "eve")


def waits(order: int, priority: PriorityClass = STANDARD, user: str = "ada", asked_at: float = 0.0) -> Waiting:
    return Waiting(order, user, priority, "a", asked_at)


@st.composite
def waiting(draw: st.DrawFn, order: int = 0) -> Waiting:
    return Waiting(
        order,
        draw(st.sampled_from(USERS)),
        draw(st.sampled_from(list(PriorityClass))),
        draw(st.sampled_from(MODELS)),
        draw(st.floats(0, 400)),
        draw(st.booleans()),
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    waiting_now = [draw(waiting(order)) for order in range(draw(st.integers(0, 8)))]
    some = st.frozensets(st.sampled_from(MODELS))
    desks = [
        Desk(
            f"s{number}", draw(some), draw(some), draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.booleans())
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    under_way = draw(st.dictionaries(st.sampled_from(USERS), st.integers(0, 4)))
    served_s = draw(st.dictionaries(st.sampled_from(USERS), st.floats(0, 1000)))
    return Scene(400.0, waiting_now, desks, under_way, served_s)


@given(scenes())
def test_who_starts_has_a_server_that_takes_him_and_nobody_before_him_has(scene: Scene) -> None:
    found = next_start(scene)
    able = [one for one in line(scene) if any(desk.takes(one) for desk in scene.desks)]
    assert (found is None) == (not able)
    if found is not None:
        chosen, server = found
        assert chosen == able[0]
        desk = next(desk for desk in scene.desks if desk.name == server)
        assert desk.under_way < desk.parallel
        assert chosen.model in desk.models
        assert desk.native or not chosen.native


@given(scenes())
def test_nobody_waits_for_ever(scene: Scene) -> None:
    """Those who have waited longest go before all others, in the order in which they came to that."""
    overdue = [one for one in scene.waiting if scene.now - one.asked_at >= DEFAULT_RULES.longest_wait_s]
    assert set(line(scene)[: len(overdue)]) == set(overdue)


@given(scenes(), waiting(order=99))
def test_who_comes_later_with_the_same_never_goes_first(scene: Scene, one: Waiting) -> None:
    earlier = replace(one, order=98)
    order = line(replace(scene, waiting=[*scene.waiting, one, earlier]))
    assert order.index(earlier) < order.index(one)


@given(scenes(), waiting(order=99))
def test_whoever_is_turned_away_is_of_no_higher_class_than_the_newcomer(scene: Scene, newcomer: Waiting) -> None:
    gone = turned_away(newcomer, scene)
    assert gone.priority.rank <= newcomer.priority.rank
    has = Counter(one.user for one in scene.waiting)
    if gone != newcomer and gone.priority is newcomer.priority:
        assert has[gone.user] - 1 >= has[newcomer.user] + 1
    if any(one.priority.rank < newcomer.priority.rank for one in scene.waiting):
        assert gone != newcomer


def test_classes_come_first_and_waiting_raises_them() -> None:
    scene = Scene(30.0, [waits(0, BATCH, asked_at=29), waits(1, asked_at=30), waits(2, INTERACTIVE, asked_at=30)], [])
    assert [one.order for one in line(scene)] == [2, 1, 0]
    assert rank(waits(0, BATCH), 19.9) == 0
    assert [rank(waits(0, BATCH), now) for now in (20.0, 40.0, 100.0)] == [1, 2, 2]
    assert rank(waits(0, BATCH), 180.0) == TOP_RANK + 1


def test_among_equals_who_has_least_goes_first() -> None:
    both = [waits(0, user="ada"), waits(1, user="bob")]
    assert line(Scene(0.0, both, [], under_way={"ada": 1}))[0].user == "bob"
    assert line(Scene(0.0, both, [], under_way={"ada": 1, "bob": 1}, served_s={"bob": 3.0}))[0].user == "ada"
    assert line(Scene(0.0, both, []))[0].user == "ada"


def test_a_server_with_the_model_loaded_comes_first_then_the_least_busy() -> None:
    has = frozenset({"a"})
    loaded, idle, busy = (
        Desk("loaded", has, has, 2, 4),
        Desk("idle", has, under_way=0, parallel=4),
        Desk("no", frozenset()),
    )
    assert desk_for(waits(0), [busy, idle, loaded]) == loaded
    assert desk_for(waits(0), [busy, idle, replace(loaded, under_way=4)]) == idle
    assert desk_for(waits(0), [busy]) is None
    assert desk_for(replace(waits(0), native=True), [replace(idle, native=False)]) is None


def test_one_who_fills_the_line_makes_room_for_others() -> None:
    full = Scene(0.0, [waits(order, user="ada") for order in range(4)], [])
    assert turned_away(waits(9, user="bob"), full).order == 3
    assert turned_away(waits(9, user="ada"), full).order == 9
