from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access import throttle as policy
from brickyard.access.throttle import FREE_BY_ADDRESS, FREE_BY_NAME, LONGEST_WAIT_S, ONE_FORGIVEN_S, Throttle
from brickyard.kit.errors import TooManyRequests
from tests.unit.access.front_desk import Clock
from tests.unit.access.one_database import emptied

HERE, ELSEWHERE = "10.0.0.1", "192.0.2.9"

failures = st.integers(0, 10**6)
quiet = st.floats(0, 10**7)
free = st.integers(1, 50)


@given(failures, quiet, free)
def test_no_wait_is_longer_than_the_longest(count: int, quiet_s: float, allowed: int) -> None:
    assert 0 <= policy.wait_s(count, quiet_s, allowed) <= LONGEST_WAIT_S


@given(failures, free)
def test_who_waits_as_told_may_try(count: int, allowed: int) -> None:
    told_s = policy.wait_s(count, 0.0, allowed)
    assert policy.wait_s(count, told_s, allowed) == 0


@given(failures, quiet, free)
def test_more_failures_never_make_the_wait_shorter(count: int, quiet_s: float, allowed: int) -> None:
    assert policy.wait_s(count + 1, quiet_s, allowed) >= policy.wait_s(count, quiet_s, allowed)


@given(failures, quiet, st.floats(0, 10**4), free)
def test_time_never_makes_the_wait_longer(count: int, quiet_s: float, more_s: float, allowed: int) -> None:
    assert policy.wait_s(count, quiet_s + more_s, allowed) <= policy.wait_s(count, quiet_s, allowed)


@given(free, st.integers(0, 20))
def test_the_first_are_free_and_then_waits_double(allowed: int, over: int) -> None:
    assert policy.wait_s(allowed - 1, 0.0, allowed) == 0
    once, again = (policy.wait_s(allowed + k, 0.0, allowed) for k in (over, over + 1))
    assert again == min(LONGEST_WAIT_S, 2 * once)


@given(failures, quiet)
def test_every_quiet_quarter_of_an_hour_forgives_one(count: int, quiet_s: float) -> None:
    left = policy.still_counted(count, quiet_s)
    assert 0 <= left <= count
    assert policy.still_counted(count, quiet_s + ONE_FORGIVEN_S) in {max(0, left - 1), max(0, left - 2)}


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(engine: sa.Engine, clock: Clock) -> Throttle:
    return Throttle(engine, clock)


def fail(throttle: Throttle, times: int, name: str = "ada", address: str = ELSEWHERE) -> None:
    for _ in range(times):
        throttle.admit(name, address)


def test_after_five_failures_one_waits_and_each_failure_doubles_it(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, FREE_BY_NAME)
    for expected_s in (10, 20, 40):
        with pytest.raises(TooManyRequests, match=f"Try again in {expected_s} s") as refused:
            throttle.admit("ADA", HERE)
        assert refused.value.retry_after_s == expected_s
        clock.pass_s(expected_s)
        throttle.admit("ada", HERE)


def test_asking_while_one_waits_does_not_make_it_longer(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, FREE_BY_NAME)
    for _ in range(20):
        with pytest.raises(TooManyRequests):
            throttle.admit("ada", HERE)
    clock.pass_s(10)
    throttle.admit("ada", HERE)


def test_success_forgets_the_failures_of_the_name_and_not_of_the_address(throttle: Throttle) -> None:
    for k in range(FREE_BY_ADDRESS):
        fail(throttle, 1, f"guess-{k}")
    with pytest.raises(TooManyRequests):
        throttle.admit("ada", ELSEWHERE)
    fail(throttle, FREE_BY_NAME - 1, "ada", HERE)
    throttle.succeeded(throttle.admit("ada", HERE))
    fail(throttle, FREE_BY_NAME, "ada", HERE)
    with pytest.raises(TooManyRequests):
        throttle.admit("grace", ELSEWHERE)


def test_successes_do_not_use_up_an_address(throttle: Throttle) -> None:
    for k in range(3 * FREE_BY_ADDRESS):
        throttle.succeeded(throttle.admit(f"user-{k}", HERE))
    throttle.admit("ada", HERE)


def test_success_leaves_the_address_as_long_to_wait_as_before(throttle: Throttle, clock: Clock) -> None:
    for k in range(FREE_BY_ADDRESS - 1):
        fail(throttle, 1, f"guess-{k}", HERE)
    clock.pass_s(ONE_FORGIVEN_S - 1)
    throttle.succeeded(throttle.admit("ada", HERE))
    clock.pass_s(1)
    fail(throttle, 1, "guess", HERE)
    fail(throttle, 1, "another", HERE)
    with pytest.raises(TooManyRequests):
        throttle.admit("a third", HERE)


def test_what_is_taken_back_was_neither(throttle: Throttle) -> None:
    for _ in range(3 * FREE_BY_NAME):
        throttle.took_back(throttle.admit("ada", HERE))
    fail(throttle, FREE_BY_NAME - 1)
    throttle.took_back(throttle.admit("ada", HERE))
    fail(throttle, 1)
    with pytest.raises(TooManyRequests):
        throttle.admit("ada", HERE)


def test_guesses_from_elsewhere_keep_nobody_out_where_they_always_sign_in(throttle: Throttle) -> None:
    fail(throttle, FREE_BY_NAME)
    with pytest.raises(TooManyRequests):
        throttle.admit("ada", ELSEWHERE)
    throttle.succeeded(throttle.admit("ada", HERE, is_known_here=True))
    with pytest.raises(TooManyRequests):
        throttle.admit("ada", ELSEWHERE)


def test_a_persistent_guesser_cannot_make_the_wait_grow_for_ever(throttle: Throttle, clock: Clock) -> None:
    for k in range(40):
        try:
            throttle.admit("ada", f"192.0.2.{k}")
        except TooManyRequests as refused:
            clock.pass_s(refused.retry_after_s)
            throttle.admit("ada", f"192.0.2.{k}")
    clock.pass_s(LONGEST_WAIT_S)
    throttle.succeeded(throttle.admit("ada", HERE))


def test_guesses_at_the_same_time_do_not_slip_through_together(throttle: Throttle) -> None:
    passed: list[bool] = []
    begin = threading.Barrier(12)

    def guess() -> None:
        begin.wait()
        try:
            throttle.admit("ada", ELSEWHERE)
        except TooManyRequests:
            passed.append(False)
        else:
            passed.append(True)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (passed.count(True), passed.count(False)) == (FREE_BY_NAME, 12 - FREE_BY_NAME)


def test_what_is_old_is_not_kept(throttle: Throttle, clock: Clock, engine: sa.Engine) -> None:
    fail(throttle, 1, "long ago")
    clock.pass_s(2 * 86_400)
    fail(throttle, 1)
    with engine.connect() as connection:
        subjects = set(connection.execute(sa.text("SELECT subject FROM sign_in_failures")).scalars())
    assert subjects == {"name:ada", f"address:{ELSEWHERE}"}


def test_any_name_that_is_typed_has_room(throttle: Throttle) -> None:
    fail(throttle, FREE_BY_NAME, "x" * 1000)
    with pytest.raises(TooManyRequests):
        throttle.admit("x" * 1000, HERE)
