from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.oauth.prompting import MARK, Demand, demand, is_fresh, microseconds
from brickyard.kit.errors import BadInput

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AGES_S = st.integers(0, 40_000)


@given(AGES_S, AGES_S)
def test_a_sign_in_may_be_as_old_as_the_app_says(age_s: int, limit_s: int) -> None:
    assert is_fresh(Demand(max_age_s=limit_s), NOW - timedelta(seconds=age_s), NOW) == (age_s <= limit_s)


@given(AGES_S, st.sampled_from(["login", "select_account"]))
def test_who_is_to_sign_in_anew_is_not_fresh(age_s: int, prompt: str) -> None:
    assert not is_fresh(demand({"prompt": prompt}), NOW - timedelta(seconds=age_s), NOW)


@given(AGES_S, st.integers(-100, 100), st.sampled_from(["login", ""]), st.sampled_from([None, 0]))
def test_having_done_so_ends_it(age_s: int, later_s: int, prompt: str, max_age_s: int | None) -> None:
    """The mark is from when the browser was sent to sign in; what was signed in since then counts, at whatever age."""
    sent = NOW - timedelta(seconds=age_s)
    wanted = Demand(frozenset(prompt.split()), max_age_s, microseconds(sent))
    signed_in = sent + timedelta(seconds=later_s)
    if later_s >= 0 or not wanted.asks_anew:
        assert is_fresh(wanted, signed_in, NOW)
    elif prompt:
        assert not is_fresh(wanted, signed_in, NOW)


def test_what_a_request_asks_for() -> None:
    asked = demand({"prompt": "login consent whatever", "max_age": "60", MARK: "17"})
    assert asked == Demand(frozenset({"login", "consent"}), 60, 17)
    assert demand({}) == Demand()
    assert demand({"prompt": "none"}).is_silent
    assert not demand({"prompt": "consent"}).asks_anew


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"prompt": "none login"}, "no other prompt"),
        ({"max_age": "-1"}, "max_age has to be a whole number"),
        ({"max_age": "1e3"}, "whole number"),
        ({"max_age": "٣"}, "whole number"),
        ({"max_age": ""}, "whole number"),
        ({MARK: "nan"}, "whole number"),
        ({MARK: "9" * 18}, "whole number"),
    ],
)
def test_what_cannot_be_understood(parameters: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        demand(parameters)
