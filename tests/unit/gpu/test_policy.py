from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from brickyard.gpu import policy
from brickyard.gpu.lease import Lease, LeaseKind, Model, PriorityClass, Request
from brickyard.gpu.policy import Decision, Memory, Rules, Scene, Weights
from tests.unit.gpu.asking import BATCH, INTERACTIVE, STANDARD, request

RULES = Rules(ages_after_s=30, reserves_after_s=10, longest_wait_s=300, stays_s=5, stays_reloads=5)
NO_EXPRESS = replace(RULES, express_slots=0)


def scene(*waiting: Request, free: int = 100, now: float = 0.0, **more: object) -> Scene:
    whole = Scene(now=now, memory=Memory(free), waiting=waiting)
    return replace(whole, **more)  # type: ignore[arg-type]


def working(order: int, memory_mib: int = 10, priority: PriorityClass = STANDARD, since: float = 0.0) -> Lease:
    return Lease(request(order, memory_mib, priority, holder=f"h{order}"), since)


def weights(name: str, memory_mib: int, **more: object) -> Weights:
    plain = Weights(f"{name}/model:{name}", name, name, memory_mib, loaded_at=0.0, reload_s=2.0)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_the_higher_class_goes_first_then_who_had_least_then_the_first_to_arrive() -> None:
    waiting = [
        request(1, priority=BATCH, user="a"),
        request(2, user="much"),
        request(3, user="little"),
        request(4, priority=INTERACTIVE, user="much"),
        request(5, user="little"),
    ]
    line = policy.line(waiting, {"much": 9.0, "little": 1.0}, now=0, rules=RULES)
    assert [r.order for r in line] == [4, 3, 5, 2, 1]


def test_waiting_raises_by_a_class_up_to_the_highest_and_in_the_end_above_it() -> None:
    batch = request(1, priority=BATCH)
    assert [policy.rank(batch, now, RULES) for now in (0, 29, 30, 60, 299, 300)] == [0, 0, 1, 2, 2, 3]


def test_who_has_waited_longest_of_all_goes_first_whatever_they_had() -> None:
    line = policy.line(
        [request(2, priority=INTERACTIVE, asked_at=290), request(1, priority=BATCH, user="much")],
        {"much": 1e6},
        now=300,
        rules=RULES,
    )
    assert [r.order for r in line] == [1, 2]


def test_a_free_slot_goes_to_the_first_in_line_whatever_else_would_fit() -> None:
    waiting = request(1, priority=BATCH), request(2, priority=INTERACTIVE)
    busy = scene(*waiting, slots=1, working=[working(9)])
    assert policy.decide(busy, NO_EXPRESS) == Decision()
    granted = policy.decide(replace(busy, working=()), NO_EXPRESS).grant
    assert granted is not None
    assert granted.order == 2


def test_one_slot_more_is_there_for_interactive_work_alone() -> None:
    aged, urgent = request(1, priority=BATCH, asked_at=-1000.0), request(2, priority=INTERACTIVE)
    busy = scene(aged, urgent, slots=1, working=[working(9)])
    assert policy.decide(busy, RULES).grant is urgent
    assert policy.decide(replace(busy, working=[working(8), working(9)]), RULES) == Decision()


def test_who_loads_first_needs_no_slot_but_one_loads_at_a_time() -> None:
    needs = request(1, holder="b", model=Model("b", 30))
    busy = scene(needs, slots=1, working=[working(9)])
    assert policy.decide(busy, RULES).grant is needs
    other = weights("c", 30, loading=True, busy=True)
    assert policy.decide(replace(busy, weights=[other]), RULES) == Decision()
    loads = Lease(request(8, holder="c", model=Model("c", 30)), 0.0)
    plain = request(2, priority=BATCH)
    only_loading = scene(plain, slots=1, working=[loads], weights=[other])
    assert policy.decide(only_loading, RULES).grant is plain


def test_weights_that_a_higher_class_used_just_now_do_not_leave_for_a_lower_one() -> None:
    used = weights("llm", 90, used_at=0.0, used_by=INTERACTIVE.rank)
    batch = request(1, 50, BATCH)
    assert policy.decide(scene(batch, free=10, weights=[used], now=20.0), RULES) == Decision()
    assert policy.decide(scene(replace(batch, priority=INTERACTIVE), free=10, weights=[used]), RULES).evict
    assert policy.decide(scene(batch, free=10, weights=[used], now=60.0), RULES).evict


def test_a_holder_computes_no_more_at_once_than_it_said() -> None:
    waiting = request(1, holder="asr", priority=INTERACTIVE), request(2, holder="ocr", priority=BATCH)
    running = Lease(request(9, holder="asr"), 0.0)
    granted = policy.decide(scene(*waiting, working=[running], at_once={"asr": 1}), RULES).grant
    assert granted is not None
    assert granted.holder == "ocr"


def test_chunks_of_the_same_class_pass_one_that_waits_for_memory_for_a_while_only() -> None:
    big, small = request(1, 90), request(2, 30)
    held = scene(big, small, free=100, working=[working(9, 40)])
    held = replace(held, memory=Memory(100, working=40))
    granted = policy.decide(held, RULES).grant
    assert granted is small
    assert policy.decide(replace(held, now=10.0), RULES) == Decision()


def test_a_lower_class_does_not_pass_one_that_waits_for_memory() -> None:
    urgent, small = request(1, 90, INTERACTIVE), request(2, 30, BATCH)
    held = replace(scene(urgent, small), memory=Memory(100, working=40), working=[working(9, 40)])
    assert policy.decide(held, RULES).grant is None


def test_nothing_is_kept_for_one_that_waiting_cannot_help() -> None:
    hopeless, small = request(1, 90, INTERACTIVE), request(2, 30, BATCH)
    notebook = replace(scene(hopeless, small, now=100), memory=Memory(100, notebook=50))
    assert policy.decide(notebook, RULES).grant is small


def test_weights_come_along_with_the_chunk_that_needs_them() -> None:
    model = Model("turbo", 60)
    needs = request(1, 30, model=model)
    assert policy.decide(scene(needs, free=89), RULES) == Decision()
    assert policy.decide(scene(needs, free=90), RULES).grant is needs
    loaded = weights("turbo", 60, holder="h")
    assert policy.decide(scene(needs, free=30, weights=[loaded]), RULES).grant is needs
    assert policy.decide(scene(needs, free=90, weights=[replace(loaded, leaving=True)]), RULES) == Decision()


def test_the_weights_that_cost_least_leave_and_no_more_than_needed() -> None:
    idle = [
        weights("used", 40, use_rate=1.0),
        weights("never", 40),
        weights("heavy", 40, use_rate=0.0001, reload_s=60.0),
        weights("pinned", 40, pinned=True),
    ]
    decision = policy.decide(scene(request(1, 35), free=0, weights=idle), RULES)
    assert decision.evict == ("never/model:never",)
    decision = policy.decide(scene(request(1, 80), free=0, weights=idle), RULES)
    assert decision.evict == ("never/model:never", "heavy/model:heavy")
    assert policy.decide(scene(request(1, 121), free=0, weights=idle), RULES) == Decision()


def test_small_weights_do_not_leave_where_large_ones_have_to_anyway() -> None:
    idle = [weights("small", 10), weights("large", 90, use_rate=0.5)]
    decision = policy.decide(scene(request(1, 85), free=0, weights=idle), RULES)
    assert decision.evict == ("large/model:large",)


def test_while_weights_leave_others_take_only_what_will_not_be_needed() -> None:
    leaving = [weights("old", 60, leaving=True)]
    first = request(1, 80, INTERACTIVE)
    assert policy.decide(scene(first, request(2, 20, BATCH), free=40, weights=leaving), RULES).grant is not None
    assert policy.decide(scene(first, request(2, 21, BATCH), free=40, weights=leaving), RULES).grant is None


def test_weights_that_are_wanted_stay_for_a_while_unless_a_higher_class_asks() -> None:
    loaded = weights("a", 80)
    wants_a = request(2, 10, holder="a", model=Model("a", 80))
    other = request(1, 10, holder="b", model=Model("b", 80))
    crowded = scene(other, wants_a, free=15, weights=[loaded])
    assert policy.decide(crowded, RULES).grant is wants_a
    assert policy.decide(replace(crowded, now=10.0), RULES).evict == (loaded.key,)
    urgent = replace(other, priority=INTERACTIVE)
    assert policy.decide(replace(crowded, waiting=(urgent, wants_a)), RULES).evict == (loaded.key,)


def test_warming_pushes_nobody_out_and_holds_nobody_up() -> None:
    warm = request(1, 0, kind=LeaseKind.RESIDENT, holder="b", model=Model("b", 80))
    crowded = scene(warm, request(2, 15, BATCH), free=15, weights=[weights("a", 80)], now=100.0)
    granted = policy.decide(crowded, RULES).grant
    assert granted is not None
    assert granted.order == 2


def test_notebooks_keep_to_their_share_and_pinned_weights_out_of_it() -> None:
    notebook = request(1, 30, kind=LeaseKind.NOTEBOOK, limit_s=60)
    shared = scene(notebook, notebook_mib=50)
    assert policy.decide(shared, RULES).grant is notebook
    assert policy.decide(replace(shared, memory=Memory(100, notebook=30)), RULES) == Decision()
    pinned = request(2, 0, kind=LeaseKind.RESIDENT, model=Model("llm", 60, pinned=True))
    assert policy.decide(scene(pinned, notebook_mib=50), RULES) == Decision()
    assert policy.decide(scene(pinned, notebook_mib=40), RULES).grant is pinned


def test_a_long_lease_of_a_lower_class_is_asked_to_yield() -> None:
    urgent = request(1, 10, STANDARD)
    old, young = working(8, 10, BATCH, since=0.0), working(9, 10, BATCH, since=4.5)
    busy = scene(urgent, slots=2, working=[old, young], now=5.0)
    assert policy.decide(busy, RULES).ask_to_yield == (old.id,)
    assert policy.decide(replace(busy, waiting=[replace(urgent, priority=BATCH)]), RULES).ask_to_yield == ()


def test_what_can_never_be_granted_is_told_with_a_way_out() -> None:
    assert policy.refusal("gpu", 100, 100) is None
    assert policy.refusal("gpu", 101, 100) == (
        "101 MiB were asked for; gpu has 100 MiB in all. Use a smaller batch, a smaller model or a larger device."
    )


models = st.one_of(
    st.none(), st.builds(Model, st.sampled_from("xyz"), st.just(20), st.floats(0, 5), pinned=st.booleans())
)
requests = st.lists(
    st.builds(
        request,
        order=st.integers(0, 10_000),
        memory_mib=st.integers(1, 120),
        priority=st.sampled_from(PriorityClass),
        asked_at=st.floats(0, 400),
        kind=st.sampled_from(LeaseKind),
        holder=st.sampled_from("xyz"),
        user=st.sampled_from(["anna", "ben", ""]),
        model=models,
    ),
    max_size=10,
    unique_by=lambda r: r.order,
)
scenes = st.builds(
    Scene,
    now=st.just(400.0),
    memory=st.builds(
        Memory,
        budget=st.just(100),
        resident=st.integers(0, 60),
        working=st.integers(0, 60),
        notebook=st.integers(0, 40),
        elsewhere=st.integers(0, 60),
    ),
    waiting=requests,
    weights=st.lists(
        st.builds(
            weights,
            st.sampled_from("xyz"),
            st.integers(1, 30),
            busy=st.booleans(),
            loading=st.booleans(),
            leaving=st.booleans(),
            pinned=st.booleans(),
            loaded_at=st.floats(0, 400),
        ),
        max_size=3,
        unique_by=lambda w: w.key,
    ),
    served=st.dictionaries(st.sampled_from(["anna", "ben"]), st.floats(0, 100)),
    working=st.lists(st.integers(1, 3).map(working), max_size=3),
    slots=st.sampled_from([None, 1, 2]),
    at_once=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 2)),
    notebook_mib=st.sampled_from([None, 40]),
)


@given(scenes)
def test_whoever_is_granted_fits_with_the_weights_it_needs(seen: Scene) -> None:
    granted = policy.decide(seen, RULES).grant
    if granted is None:
        return
    needed = policy.needed_mib(granted, seen.weights)
    assert needed is not None
    assert needed <= seen.memory.free
    if granted.kind is LeaseKind.WORKING and seen.slots is not None:
        assert len(seen.working) < seen.slots + RULES.express_slots or granted.model is not None


@given(scenes)
def test_nobody_of_a_lower_rank_passes_one_who_fits(seen: Scene) -> None:
    granted = policy.decide(seen, RULES).grant
    if granted is None:
        return
    for other in policy.line(seen.waiting, seen.served, seen.now, RULES):
        if other is granted:
            return
        alone = policy.decide(replace(seen, waiting=[other]), RULES)
        assert alone.grant is None


@given(scenes)
def test_only_weights_that_may_leave_are_asked_to(seen: Scene) -> None:
    by_key = {weights.key: weights for weights in seen.weights}
    for key in policy.decide(seen, RULES).evict:
        assert not by_key[key].pinned
        assert not by_key[key].leaving


@given(requests, st.floats(400, 1000))
def test_a_line_is_a_line(waiting: list[Request], now: float) -> None:
    line = policy.line(waiting, {}, now, RULES)
    assert sorted(r.order for r in line) == sorted(r.order for r in waiting)
    ranks = [policy.rank(r, now, RULES) for r in line]
    assert ranks == sorted(ranks, reverse=True)
