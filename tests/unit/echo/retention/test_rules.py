from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.retention.rules import LONGEST_DAYS, Because, Facts, expiry, is_due

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
days = st.none() | st.integers(1, 2**31 - 1)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
facts = st.builds(Facts, moments, days, days, st.booleans(), st.booleans())


def test_the_nearest_word_decides() -> None:
    own = Facts(NOON, own_days=3, team_days=5)
    assert expiry(own, 9) == expiry(own, None)
    assert (expiry(own, 9).at, expiry(own, 9).because) == (NOON + timedelta(days=3), Because.RECORDING)
    team = replace(own, own_days=None)
    assert (expiry(team, 9).at, expiry(team, 9).because) == (NOON + timedelta(days=5), Because.TEAM)
    nobody = replace(team, team_days=None)
    assert (expiry(nobody, 9).at, expiry(nobody, 9).because) == (NOON + timedelta(days=9), Because.PLATFORM)
    assert (expiry(nobody, None).at, expiry(nobody, None).because) == (None, Because.NOTHING)


def test_it_is_over_from_its_end_on() -> None:
    kept = Facts(NOON, own_days=1)
    assert not is_due(kept, None, NOON + timedelta(days=1, microseconds=-1))
    assert is_due(kept, None, NOON + timedelta(days=1))


@given(facts, days, moments)
def test_what_is_held_is_never_over(of: Facts, platform_days: int | None, now: datetime) -> None:
    held = replace(of, is_held=True)
    assert expiry(held, platform_days).at is None
    assert expiry(held, platform_days).because is Because.HOLD
    assert not is_due(held, platform_days, now)


@given(facts, days, moments)
def test_work_postpones_the_end_and_changes_nothing_else(of: Facts, platform_days: int | None, now: datetime) -> None:
    assert not is_due(replace(of, has_work=True), platform_days, now)
    assert expiry(replace(of, has_work=True), platform_days) == expiry(replace(of, has_work=False), platform_days)


@given(facts, days, moments, moments)
def test_what_is_over_stays_over(of: Facts, platform_days: int | None, one: datetime, other: datetime) -> None:
    if is_due(of, platform_days, min(one, other)):
        assert is_due(of, platform_days, max(one, other))


@given(facts, days)
def test_the_end_is_some_whole_days_after_the_beginning(of: Facts, platform_days: int | None) -> None:
    at = expiry(of, platform_days).at
    if at is not None:
        kept = at - of.created_at
        assert timedelta(days=1) <= kept <= timedelta(days=LONGEST_DAYS)
        assert kept.days in {min(each, LONGEST_DAYS) for each in (of.own_days, of.team_days, platform_days) if each}


@given(facts, days)
def test_a_recordings_own_word_goes_before_all_others(of: Facts, platform_days: int | None) -> None:
    if of.own_days is not None and not of.is_held:
        assert expiry(of, platform_days) == expiry(replace(of, team_days=None), None)
