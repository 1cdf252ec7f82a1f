from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import GRACE, ROTATE_AFTER, Opened, Sessions, StolenSession, Verdict, judge
from brickyard.kit.errors import NotFound, Unauthenticated
from tests.unit.access.front_desk import BROWSER, HERE, NOW, Clock
from tests.unit.access.one_database import emptied

MINUTE_S = 60.0


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(engine: sa.Engine, clock: Clock) -> Sessions:
    return Sessions(engine, 12, clock)


@pytest.fixture
def people(engine: sa.Engine) -> People:
    return People(engine)


@pytest.fixture
def ada(people: People) -> str:
    return people.add("ada", "Ada", roles=[Role.ANALYST, Role.AUDITOR]).id


@pytest.fixture
def opened(sessions: Sessions, ada: str) -> Opened:
    return sessions.open(ada, "local", HERE, BROWSER)


def rotated(sessions: Sessions, clock: Clock, token: str) -> str:
    """The token that takes the place of this one, ten minutes later."""
    clock.pass_s(10 * MINUTE_S)
    new = sessions.find(token, BROWSER).new_token
    assert new is not None
    return new


def test_a_session_tells_whose_it_is(sessions: Sessions, people: People, opened: Opened, ada: str) -> None:
    found = sessions.find(opened.token, BROWSER)
    assert (found.session, found.new_token, found.auth_time) == (opened.session, None, NOW)
    assert (found.user.id, found.user.name, found.user.display_name) == (ada, "ada", "Ada")
    assert found.user.roles == {Role.ANALYST, Role.AUDITOR}
    assert people.user(ada).last_sign_in_at == NOW


def test_tokens_are_kept_nowhere(engine: sa.Engine, sessions: Sessions, opened: Opened) -> None:
    with engine.connect() as connection:
        assert opened.token not in connection.execute(sa.text("SELECT sessions::text FROM sessions")).scalar_one()
    assert opened.token not in repr(opened)
    with pytest.raises(Unauthenticated, match="not known"):
        sessions.find(opened.token + "x", BROWSER)


def test_new_roles_count_at_once(sessions: Sessions, people: People, opened: Opened, ada: str) -> None:
    people.change(ada, roles=[Role.DATA_SCIENTIST])
    assert sessions.find(opened.token, BROWSER).user.roles == {Role.DATA_SCIENTIST}


def test_the_token_changes_every_ten_minutes(sessions: Sessions, clock: Clock, opened: Opened) -> None:
    clock.pass_s(10 * MINUTE_S - 1)
    assert sessions.find(opened.token, BROWSER).new_token is None
    clock.pass_s(1)
    second = sessions.find(opened.token, BROWSER).new_token
    assert second not in {None, opened.token}
    third = rotated(sessions, clock, str(second))
    assert sessions.find(third, BROWSER).session == opened.session


def test_requests_on_their_way_may_still_show_the_token_before(
    sessions: Sessions, clock: Clock, opened: Opened
) -> None:
    new = rotated(sessions, clock, opened.token)
    sessions.find(new, BROWSER)
    clock.pass_s(60)
    found = sessions.find(opened.token, BROWSER)
    assert (found.session, found.new_token) == (opened.session, None)
    assert sessions.find(new, BROWSER).session == opened.session


def test_a_copy_that_is_shown_later_gives_the_theft_away(
    sessions: Sessions, clock: Clock, opened: Opened, ada: str
) -> None:
    new = rotated(sessions, clock, opened.token)
    clock.pass_s(1)
    sessions.find(new, BROWSER)
    clock.pass_s(60)
    with pytest.raises(StolenSession, match="change your password") as theft:
        sessions.find(opened.token, BROWSER)
    assert (theft.value.session, theft.value.user) == (opened.session, ada)
    for token in (opened.token, new):
        with pytest.raises(Unauthenticated, match="was ended \\(stolen"):
            sessions.find(token, BROWSER)
    assert sessions.every(ada) == []


def test_a_thief_who_was_first_is_given_away_by_the_owner(sessions: Sessions, clock: Clock, opened: Opened) -> None:
    thiefs = rotated(sessions, clock, opened.token)
    clock.pass_s(61)
    sessions.find(thiefs, BROWSER)
    with pytest.raises(StolenSession):
        sessions.find(opened.token, BROWSER)
    with pytest.raises(Unauthenticated):
        sessions.find(thiefs, BROWSER)


def test_an_answer_that_was_lost_signs_nobody_out(sessions: Sessions, clock: Clock, opened: Opened) -> None:
    rotated(sessions, clock, opened.token)
    for _ in range(3):
        clock.pass_s(5 * MINUTE_S)
        assert sessions.find(opened.token, BROWSER).session == opened.session
        clock.pass_s(10 * MINUTE_S)
        assert sessions.find(opened.token, BROWSER).new_token is not None


def test_a_token_that_was_not_lost_after_all_gives_the_theft_away(
    sessions: Sessions, clock: Clock, opened: Opened
) -> None:
    new = rotated(sessions, clock, opened.token)
    clock.pass_s(120)
    sessions.find(opened.token, BROWSER)
    with pytest.raises(StolenSession):
        sessions.find(new, BROWSER)
    with pytest.raises(Unauthenticated):
        sessions.find(opened.token, BROWSER)


def test_another_browser_is_a_thief(sessions: Sessions, opened: Opened) -> None:
    with pytest.raises(StolenSession, match="another browser"):
        sessions.find(opened.token, "curl/8.5.0")
    with pytest.raises(Unauthenticated):
        sessions.find(opened.token, BROWSER)


def test_a_browser_that_was_updated_is_the_same(sessions: Sessions, opened: Opened) -> None:
    assert sessions.find(opened.token, BROWSER.replace("150.0", "151.0.2")).session == opened.session


def test_a_session_that_is_not_used_ends_after_two_hours(sessions: Sessions, clock: Clock, opened: Opened) -> None:
    clock.pass_s(2 * 3600 - 1)
    token = sessions.find(opened.token, BROWSER).new_token
    clock.pass_s(2 * 3600)
    with pytest.raises(Unauthenticated, match="not used for 2 hours"):
        sessions.find(str(token), BROWSER)


def test_every_session_ends_after_twelve_hours(sessions: Sessions, clock: Clock, opened: Opened) -> None:
    token = opened.token
    for _ in range(11):
        clock.pass_s(3600)
        token = sessions.find(token, BROWSER).new_token or token
    clock.pass_s(3599)
    token = sessions.find(token, BROWSER).new_token or token
    clock.pass_s(1)
    with pytest.raises(Unauthenticated, match="as long as one may"):
        sessions.find(token, BROWSER)


def test_a_disabled_user_has_no_session(sessions: Sessions, people: People, opened: Opened, ada: str) -> None:
    people.change(ada, disabled=True)
    with pytest.raises(Unauthenticated, match="disabled"):
        sessions.find(opened.token, BROWSER)


def test_one_session_can_be_ended_by_its_user(
    sessions: Sessions, people: People, opened: Opened, ada: str, clock: Clock
) -> None:
    clock.pass_s(1)
    other = sessions.open(ada, "staff", "10.0.0.2", "Safari/19")
    assert [one.id for one in sessions.every(ada)] == [other.session, opened.session]
    grace = people.add("grace").id
    with pytest.raises(NotFound):
        sessions.revoke(opened.session, "not hers", grace)
    with pytest.raises(NotFound):
        sessions.revoke(uuid4(), "nobody's")
    sessions.revoke(opened.session, "signed out", ada)
    sessions.revoke(opened.session, "again", ada)
    with pytest.raises(Unauthenticated, match="signed out"):
        sessions.find(opened.token, BROWSER)
    assert [(one.provider, one.address, one.agent) for one in sessions.every(ada)] == [
        ("staff", "10.0.0.2", "Safari/19")
    ]


def test_all_but_one_can_be_ended(sessions: Sessions, ada: str) -> None:
    mine, second, third = (sessions.open(ada, "local", HERE, BROWSER) for _ in range(3))
    assert sessions.revoke_all(ada, "the password was changed", but=mine.session) == 2
    sessions.find(mine.token, BROWSER)
    for other in (second, third):
        with pytest.raises(Unauthenticated, match="the password was changed"):
            sessions.find(other.token, BROWSER)
    assert sessions.revoke_all(ada, "all") == 1


def test_a_session_can_be_ended_by_its_token_or_the_one_before(
    sessions: Sessions, clock: Clock, opened: Opened
) -> None:
    new = rotated(sessions, clock, opened.token)
    sessions.end("something else", "nothing")
    sessions.find(new, BROWSER)
    sessions.end(opened.token, "signed in anew")
    with pytest.raises(Unauthenticated, match="signed in anew"):
        sessions.find(new, BROWSER)


def test_it_is_known_from_where_somebody_signed_in_lately(sessions: Sessions, opened: Opened, clock: Clock) -> None:
    assert sessions.signed_in_from("ADA", HERE)
    assert not sessions.signed_in_from("ada", "192.0.2.9")
    assert not sessions.signed_in_from("grace", HERE)
    clock.pass_s(31 * 86_400)
    assert not sessions.signed_in_from("ada", HERE)


def test_sessions_of_long_ago_are_not_kept(engine: sa.Engine, sessions: Sessions, opened: Opened, clock: Clock) -> None:
    clock.pass_s(31 * 86_400)
    new = sessions.open(opened.user_id, "local", HERE, BROWSER)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT id FROM sessions")).scalars().all() == [new.session]


ages = st.timedeltas(timedelta(0), timedelta(hours=12))


@given(ages, ages)
def test_the_current_token_is_never_taken_for_a_copy(age: timedelta, seen: timedelta) -> None:
    verdict = judge(NOW, NOW - age, NOW - seen, is_current=True)
    assert verdict is (Verdict.ROTATE if age >= ROTATE_AFTER else Verdict.GOOD)


@given(ages, ages)
def test_the_token_before_is_good_for_a_minute_or_while_its_successor_was_never_shown(
    age: timedelta, seen: timedelta
) -> None:
    verdict = judge(NOW, NOW - age, NOW - seen, is_current=False)
    if age <= GRACE:
        assert verdict is Verdict.GOOD
    else:
        assert verdict is (Verdict.RESTORE if seen >= age else Verdict.STOLEN)
