from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from brickyard.access.actor import OPERATOR
from brickyard.access.links import Links, Purpose
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput, Unauthenticated
from tests.unit.access.front_desk import HASHED, Clock
from tests.unit.access.one_database import emptied


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(engine: sa.Engine, clock: Clock) -> Links:
    return Links(engine, clock)


@pytest.fixture
def people(engine: sa.Engine) -> People:
    return People(engine)


def administrator(people: People) -> str:
    made = people.add("grace", roles=[Role.ADMINISTRATOR])
    people.set_password(made.id, HASHED)
    return made.id


def test_a_link_works_once(links: Links) -> None:
    token = links.make(Purpose.SIGN_IN, OPERATOR)
    assert links.look(token) == links.look(token)
    used = links.use(token, Purpose.SIGN_IN)
    assert (used.purpose, used.user_id) == (Purpose.SIGN_IN, OPERATOR)
    for again in (links.look, links.use):
        with pytest.raises(Unauthenticated, match="was used, replaced, or has expired"):
            again(token)


def test_only_a_digest_is_kept(engine: sa.Engine, links: Links) -> None:
    token = links.make(Purpose.SIGN_IN, OPERATOR)
    with engine.connect() as connection:
        assert token not in connection.execute(sa.text("SELECT links::text FROM links")).scalar_one()
    with pytest.raises(Unauthenticated):
        links.use(token + "x")


def test_a_link_works_once_also_when_followed_twice_at_once(links: Links) -> None:
    token, begin, answers = links.make(Purpose.SIGN_IN, OPERATOR), threading.Barrier(6), []

    def follow() -> None:
        begin.wait()
        try:
            links.use(token)
        except Unauthenticated:
            answers.append(False)
        else:
            answers.append(True)

    threads = [threading.Thread(target=follow) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 5 + [True]


def test_links_expire(links: Links, clock: Clock) -> None:
    day = timedelta(days=1)
    for purpose, user, valid_for in (
        (Purpose.FIRST_ADMINISTRATOR, None, day),
        (Purpose.PASSWORD, OPERATOR, day),
        (Purpose.SIGN_IN, OPERATOR, timedelta(minutes=10)),
    ):
        for given in (None, timedelta(seconds=90)):
            token = links.make(purpose, user, given)
            clock.pass_s((given or valid_for).total_seconds() - 1)
            links.look(token)
            clock.pass_s(1)
            with pytest.raises(Unauthenticated, match="expired"):
                links.use(token)


def test_a_link_is_for_its_purpose_alone(links: Links) -> None:
    token = links.make(Purpose.SIGN_IN, OPERATOR)
    with pytest.raises(Unauthenticated):
        links.use(token, Purpose.PASSWORD)
    links.use(token, Purpose.SIGN_IN)


def test_what_is_rolled_back_was_not_used(engine: sa.Engine, links: Links) -> None:
    token = links.make(Purpose.SIGN_IN, OPERATOR)
    with engine.begin() as connection:
        links.use(token, None, connection)
        connection.rollback()
    links.use(token)


def test_a_new_link_for_a_password_voids_the_earlier_ones_of_that_user(links: Links, people: People) -> None:
    ada, grace = people.add("ada").id, people.add("grace").id
    first, other = links.make(Purpose.PASSWORD, ada), links.make(Purpose.PASSWORD, grace)
    second = links.make(Purpose.PASSWORD, ada)
    with pytest.raises(Unauthenticated):
        links.use(first)
    assert links.use(second).user_id == ada
    assert links.use(other).user_id == grace


def test_links_of_a_disabled_user_are_void(links: Links, people: People) -> None:
    ada = people.add("ada").id
    token = links.make(Purpose.PASSWORD, ada)
    people.change(ada, disabled=True)
    with pytest.raises(Unauthenticated):
        links.use(token)


def test_there_is_no_second_first_administrator(links: Links, people: People) -> None:
    token = links.make(Purpose.FIRST_ADMINISTRATOR)
    people.set_password(people.add("ada").id, HASHED)
    people.add("unfinished", roles=[Role.ADMINISTRATOR])
    assert links.first_administrator_is_wanted()
    links.look(token)
    administrator(people)
    assert not links.first_administrator_is_wanted()
    for void in (links.look, links.use):
        with pytest.raises(Unauthenticated, match="There is an administrator already"):
            void(token)


def test_disabling_the_administrator_does_not_open_that_door_again(
    engine: sa.Engine, links: Links, people: People
) -> None:
    token = links.make(Purpose.FIRST_ADMINISTRATOR)
    grace = administrator(people)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE users SET disabled_at = now() WHERE id = :id"), {"id": grace})
    with pytest.raises(Unauthenticated):
        links.use(token)


def test_a_link_is_for_the_right_kind_of_user(links: Links) -> None:
    for purpose, user in ((Purpose.FIRST_ADMINISTRATOR, OPERATOR), (Purpose.PASSWORD, None), (Purpose.SIGN_IN, None)):
        with pytest.raises(BadInput, match=f"A link for {purpose}"):
            links.make(purpose, user)
