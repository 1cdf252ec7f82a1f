from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.gpu.shares import FORGETS_BEYOND, Shares


def test_who_comes_back_is_set_level_with_those_who_are_there() -> None:
    shares = Shares({"anna": 100.0, "ben": 3.0})
    shares.arrives("ben", present={"anna"})
    assert shares.had_s["ben"] == 100.0


def test_who_has_had_more_stays_behind() -> None:
    shares = Shares({"anna": 5.0, "ben": 30.0})
    shares.arrives("ben", present={"anna"})
    assert shares.had_s["ben"] == 30.0


def test_who_is_there_already_gains_nothing_by_asking_again() -> None:
    shares = Shares({"anna": 5.0, "ben": 3.0})
    shares.arrives("ben", present={"anna", "ben"})
    assert shares.had_s["ben"] == 3.0


def test_all_accounts_are_not_kept_for_ever() -> None:
    shares = Shares()
    for number in range(3 * FORGETS_BEYOND):
        shares.arrives(str(number), present={"anna"})
        shares.charge(str(number), number)
    assert len(shares.had_s) <= FORGETS_BEYOND + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 10)), min_size=1, max_size=60))
def test_serving_whoever_had_least_keeps_all_within_one_chunk(chunks: list[tuple[str, float]]) -> None:
    """All three ask all the time; the one who had least is served, whatever their chunks take."""
    shares = Shares()
    for user in "abc":
        shares.arrives(user, present=set(shares.had_s))
    for _, seconds in chunks:
        user = min("abc", key=lambda name: shares.had_s[name])
        shares.charge(user, seconds)
    had = [shares.had_s[user] for user in "abc"]
    assert max(had) - min(had) <= max(seconds for _, seconds in chunks) + 1e-6
