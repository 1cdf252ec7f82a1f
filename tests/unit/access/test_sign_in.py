from __future__ import annotations

import pyotp
import pytest
import sqlalchemy as sa

from brickyard.access import passwords
from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.groups import Person
from brickyard.access.links import Purpose
from brickyard.access.people import User
from brickyard.access.policy import Role
from brickyard.access.sessions import Opened
from brickyard.access.sign_in import LinkUse, SecondFactorNeeded
from brickyard.access.throttle import FREE_BY_NAME
from brickyard.kit.errors import BadInput, Conflict, Forbidden, TooManyRequests, Unauthenticated, Unavailable
from tests.unit.access.front_desk import BROWSER, HERE, PASSWORD, Clock, Desk, Directory, hash_cheaply
from tests.unit.access.one_database import emptied

ELSEWHERE = "192.0.2.9"
ANOTHER = "eleven patient elephants"


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def staff() -> Directory:
    return Directory("staff")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine, clock: Clock, staff: Directory) -> Desk:
    hash_cheaply(monkeypatch)
    return Desk(engine, clock, [staff])


def enter(desk: Desk, name: str = "ada", password: str = PASSWORD, code: str | None = None) -> Opened:
    return desk.sign_in.with_password(name, password, code, HERE, BROWSER)


def follow(desk: Desk, token: str, **values: str) -> Opened:
    return desk.sign_in.with_link(LinkUse(token, **values), HERE, BROWSER)  # type: ignore[arg-type]


def app_of(desk: Desk, user: User) -> pyotp.TOTP:
    app = pyotp.parse_uri(desk.sign_in.second_factor.begin(user.id, user.name).uri)
    assert isinstance(app, pyotp.TOTP)
    with desk.engine.begin() as connection:
        desk.sign_in.second_factor.confirm(user.id, app.at(desk.clock()), connection)
    desk.clock.pass_s(60)
    return app


def test_name_and_password_open_a_session(desk: Desk) -> None:
    ada = desk.user("ada")
    opened = enter(desk, "Ada")
    assert opened.user_id == ada.id
    found = desk.sessions.find(opened.token, BROWSER)
    assert (found.session, found.user.id, found.provider) == (opened.session, ada.id, "local")
    assert desk.told() == [("ada", "session.open", "allowed", {})]


def test_whatever_is_wrong_the_answer_is_the_same(desk: Desk, clock: Clock) -> None:
    desk.user("ada")
    desk.people.change(desk.user("gone").id, disabled=True)
    desk.user("unfinished", password=None)
    app_of(desk, desk.user("careful"))
    answers = []
    for name, password in (
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("unfinished", PASSWORD),
        ("operator", PASSWORD),
        ("careful", PASSWORD),
    ):
        with pytest.raises(Unauthenticated) as refused:
            enter(desk, name, password, "000000")
        answers.append((type(refused.value), refused.value.message))
    assert len(set(answers)) == 1
    assert [(name, outcome, details["reason"]) for name, _, outcome, details in desk.told()] == [
        ("ada", "failed", "password"),
        ("(unknown)", "failed", "password"),
        ("gone", "failed", "disabled"),
        ("unfinished", "failed", "password"),
        ("operator", "failed", "password"),
        ("careful", "failed", "code"),
    ]


def test_an_unknown_name_takes_the_same_work(desk: Desk, staff: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.user("ada")
    checked: list[bool] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: (checked.append(True), real(*given))[1])
    for name in ("ada", "nobody"):
        with pytest.raises(Unauthenticated):
            enter(desk, name, "wrong")
        assert (len(checked), staff.asked) == (1, 1)
        checked.clear()
        staff.asked = 0


def test_too_many_failures_make_one_wait_even_with_the_right_password(desk: Desk, clock: Clock) -> None:
    desk.user("ada")
    for _ in range(FREE_BY_NAME):
        with pytest.raises(Unauthenticated):
            enter(desk, password="wrong")
    with pytest.raises(TooManyRequests) as refused:
        enter(desk)
    clock.pass_s(refused.value.retry_after_s)
    enter(desk)
    assert len(desk.told()) == FREE_BY_NAME + 1


def test_where_one_signed_in_before_guesses_from_elsewhere_keep_nobody_out(desk: Desk) -> None:
    desk.user("ada")
    enter(desk)
    for _ in range(FREE_BY_NAME):
        with pytest.raises(Unauthenticated):
            desk.sign_in.with_password("ada", "wrong", None, ELSEWHERE, BROWSER)
    with pytest.raises(TooManyRequests):
        desk.sign_in.with_password("ada", PASSWORD, None, ELSEWHERE, BROWSER)
    enter(desk)


def test_a_second_factor_is_asked_for_and_checked(desk: Desk, clock: Clock) -> None:
    app = app_of(desk, desk.user("ada"))
    for _ in range(FREE_BY_NAME + 1):
        with pytest.raises(SecondFactorNeeded) as asked:
            enter(desk)
    assert asked.value.code == "second_factor_needed"
    code = app.at(clock())
    enter(desk, code=code)
    with pytest.raises(Unauthenticated):
        enter(desk, code=code)


def test_codes_cannot_be_tried_out(desk: Desk, clock: Clock) -> None:
    app_of(desk, desk.user("ada"))
    for _ in range(FREE_BY_NAME):
        with pytest.raises(Unauthenticated):
            enter(desk, code="000000")
    with pytest.raises(TooManyRequests):
        enter(desk, code="000000")


def test_people_of_a_directory_sign_in_with_its_password(desk: Desk, staff: Directory) -> None:
    staff.knows("grace", "hers there", roles=frozenset({Role.AUDITOR}))
    opened = enter(desk, "grace", "hers there")
    found = desk.sessions.find(opened.token, BROWSER)
    assert (found.user.name, found.user.roles, found.provider) == ("grace", {Role.AUDITOR}, "staff")
    desk.people.change(opened.user_id, disabled=True)
    with pytest.raises(Unauthenticated, match="wrong"):
        enter(desk, "grace", "hers there")


def test_a_directory_that_is_away_gives_no_free_guesses(desk: Desk, staff: Directory) -> None:
    desk.user("ada")
    staff.is_away = True
    for _ in range(FREE_BY_NAME):
        with pytest.raises(Unavailable):
            enter(desk, password="wrong")
    with pytest.raises(TooManyRequests):
        enter(desk)
    assert desk.told()[0] == ("ada", "session.open", "failed", {"reason": "unavailable"})


def test_through_a_provider(desk: Desk) -> None:
    person = Person("sso", "s1", "ada", "Ada", None, frozenset())
    opened = desk.sign_in.with_person(person, HERE, BROWSER)
    assert desk.sessions.find(opened.token, BROWSER).provider == "sso"
    desk.people.change(opened.user_id, disabled=True)
    with pytest.raises(Unauthenticated, match="disabled"):
        desk.sign_in.with_person(person, HERE, BROWSER)
    assert [line[1:3] for line in desk.told()] == [
        ("user.add", "allowed"),
        ("session.open", "allowed"),
        ("session.open", "failed"),
    ]


def test_the_first_administrator_comes_by_a_link(desk: Desk) -> None:
    token = desk.sign_in.links.make(Purpose.FIRST_ADMINISTRATOR)
    for values, message in (
        ({}, "needs a name"),
        ({"name": "ada", "password": "short"}, "12 to 200"),
        ({"name": "ada lovelace", "password": PASSWORD}, "no name to sign in with"),
        ({"name": "operator", "password": PASSWORD}, "Choose another name"),
    ):
        with pytest.raises((BadInput, Conflict), match=message):
            follow(desk, token, **values)
    opened = follow(desk, token, name="ada", display_name="Ada", password=PASSWORD)
    made = desk.people.user(opened.user_id)
    assert (made.name, made.display_name, made.roles) == ("ada", "Ada", {Role.ADMINISTRATOR, Role.ANALYST})
    assert desk.sessions.find(opened.token, BROWSER).provider == "link"
    with pytest.raises(Unauthenticated):
        follow(desk, token, name="eve", password=PASSWORD)
    enter(desk)
    assert [line[:2] for line in desk.told()] == [("ada", "session.open"), ("ada", "user.add"), ("ada", "session.open")]


def test_a_new_password_comes_by_a_link_and_ends_what_the_old_one_opened(desk: Desk) -> None:
    ada = desk.user("ada")
    before = enter(desk)
    token = desk.sign_in.links.make(Purpose.PASSWORD, ada.id)
    for values, message in (({}, "send one"), ({"password": "ada ada ada ada"}, "a name of yours")):
        with pytest.raises(BadInput, match=message):
            follow(desk, token, **values)
    opened = follow(desk, token, password=ANOTHER)
    assert desk.sessions.find(opened.token, BROWSER).user.id == ada.id
    with pytest.raises(Unauthenticated, match="password was changed"):
        desk.sessions.find(before.token, BROWSER)
    with pytest.raises(Unauthenticated):
        enter(desk)
    enter(desk, password=ANOTHER)
    with pytest.raises(Unauthenticated):
        follow(desk, token, password=PASSWORD)


def test_a_link_for_a_password_does_not_get_around_the_second_factor(desk: Desk, clock: Clock) -> None:
    ada = desk.user("ada")
    app = app_of(desk, ada)
    token = desk.sign_in.links.make(Purpose.PASSWORD, ada.id)
    with pytest.raises(SecondFactorNeeded):
        follow(desk, token, password=ANOTHER)
    with pytest.raises(Unauthenticated):
        follow(desk, token, password=ANOTHER, code="000000")
    follow(desk, token, password=ANOTHER, code=app.at(clock()))


def test_the_operator_signs_in_with_a_link(desk: Desk) -> None:
    token = desk.sign_in.links.make(Purpose.SIGN_IN, OPERATOR)
    opened = follow(desk, token)
    assert desk.sessions.find(opened.token, BROWSER).user.id == OPERATOR
    with pytest.raises(Unauthenticated):
        follow(desk, token)


def test_signing_out_ends_this_session(desk: Desk) -> None:
    ada = desk.user("ada")
    first, second = enter(desk), enter(desk)
    actor = Actor(ada.id, ada.name, ada.roles, "session", str(first.session), HERE, session=first.session)
    desk.sign_in.sign_out(actor)
    with pytest.raises(Unauthenticated, match="signed out"):
        desk.sessions.find(first.token, BROWSER)
    desk.sessions.find(second.token, BROWSER)
    assert desk.told()[-1] == ("ada", "session.close", "allowed", {})
    with pytest.raises(Conflict, match="a key is revoked instead"):
        desk.sign_in.sign_out(Actor(ada.id, ada.name, ada.roles, "key", "k"))


def test_who_holds_a_session_has_no_free_guesses_at_the_password(desk: Desk) -> None:
    ada = desk.user("ada")
    desk.sign_in.prove(ada, PASSWORD, HERE)
    for _ in range(FREE_BY_NAME):
        with pytest.raises(Forbidden, match="password is wrong"):
            desk.sign_in.prove(ada, "wrong", HERE)
    with pytest.raises(TooManyRequests):
        desk.sign_in.prove(ada, PASSWORD, HERE)


def test_what_cannot_be_recorded_is_not_done(desk: Desk) -> None:
    desk.user("ada")
    with desk.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit RENAME TO elsewhere"))
    with pytest.raises(sa.exc.ProgrammingError):
        enter(desk)
    with desk.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO audit"))
        assert connection.execute(sa.text("SELECT count(*) FROM sessions")).scalar_one() == 0
