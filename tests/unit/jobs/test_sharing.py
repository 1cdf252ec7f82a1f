from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.sharing import Taker, level, shares
from brickyard.jobs.states import Priority

INTERACTIVE, STANDARD, BATCH = Priority
EXACT = 1e-9

takers = st.lists(
    st.builds(
        Taker,
        owner=st.sampled_from(["ada", "ben", "cleo"]),
        priority=st.sampled_from(Priority),
        most=st.sampled_from([0.0, 0.25, 1.0, 2.0]) | st.floats(0, 4),
    ),
    max_size=8,
)
slots = st.sampled_from([0.5, 1.0, 2.0]) | st.floats(0.01, 10)


@given(takers, slots)
def test_nobody_gets_more_than_he_can_use_nor_all_more_than_there_is(some: list[Taker], slots: float) -> None:
    found = shares(some, slots)
    assert all(0 <= share <= taker.most + EXACT for share, taker in zip(found, some, strict=True))
    assert sum(found) <= slots + EXACT


@given(takers, slots)
def test_nothing_is_left_while_somebody_could_use_it(some: list[Taker], slots: float) -> None:
    assert sum(shares(some, slots)) == pytest.approx(min(slots, sum(taker.most for taker in some)))


@given(takers, slots)
def test_a_lower_class_gets_nothing_while_a_higher_one_could_use_it(some: list[Taker], slots: float) -> None:
    found = list(zip(some, shares(some, slots), strict=True))
    for higher, own in found:
        if own < higher.most - EXACT:
            assert all(share <= EXACT for lower, share in found if lower.priority > higher.priority)


@given(takers, slots)
def test_equals_get_equal_shares(some: list[Taker], slots: float) -> None:
    found = list(zip(some, shares(some, slots), strict=True))
    for one, share in found:
        assert all(other == pytest.approx(share) for twin, other in found if twin == one)


@given(takers, slots)
def test_who_wants_more_than_he_has_has_no_less_than_others_of_his_class(some: list[Taker], slots: float) -> None:
    """Owners against each other, and the jobs of one owner among themselves."""
    found = list(zip(some, shares(some, slots), strict=True))
    of_owner: dict[tuple[Priority, str], tuple[float, float]] = {}
    for taker, share in found:
        had, wants = of_owner.get((taker.priority, taker.owner), (0.0, 0.0))
        of_owner[taker.priority, taker.owner] = (had + share, wants + taker.most)
    for (priority, _), (had, wants) in of_owner.items():
        if had < wants - EXACT:
            assert all(other <= had + EXACT for (of, _), (other, _) in of_owner.items() if of is priority)
    for taker, share in found:
        if share < taker.most - EXACT:
            mates = [other for mate, other in found if (mate.priority, mate.owner) == (taker.priority, taker.owner)]
            assert max(mates) <= share + EXACT


@given(takers, slots)
def test_the_order_of_asking_does_not_matter(some: list[Taker], slots: float) -> None:
    backwards = shares(some[::-1], slots)[::-1]
    assert backwards == pytest.approx(shares(some, slots))


def test_an_owner_of_many_jobs_gets_as_much_as_an_owner_of_one() -> None:
    many = [Taker("ada", STANDARD, 1.0)] * 3
    assert shares([*many, Taker("ben", STANDARD, 1.0)], 1.0) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_what_one_cannot_use_goes_to_the_others_of_the_class_then_to_the_next() -> None:
    some = [Taker("ada", INTERACTIVE, 0.25), Taker("ben", STANDARD, 0.125), Taker("cleo", STANDARD, 9.0)]
    assert shares([*some, Taker("dan", BATCH, 1.0)], 1.0) == [0.25, 0.125, 0.625, 0.0]


def test_a_level_fills_the_small_first() -> None:
    assert level(10.0, [1.0, 100.0, 4.0]) == [1.0, 5.0, 4.0]
    assert level(2.0, [1.0, 100.0, 4.0]) == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert level(5.0, []) == []
