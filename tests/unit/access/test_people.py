from __future__ import annotations

import threading
from contextlib import suppress

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access import people as module
from brickyard.access.actor import OPERATOR
from brickyard.access.people import People, User
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput, Conflict, NotFound
from tests.unit.access.front_desk import HASHED
from tests.unit.access.one_database import emptied

ANALYST, ADMINISTRATOR, AUDITOR = Role.ANALYST, Role.ADMINISTRATOR, Role.AUDITOR


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def people(engine: sa.Engine) -> People:
    return People(engine)


def administrator(people: People, name: str) -> User:
    made = people.add(name, roles=[ADMINISTRATOR])
    people.set_password(made.id, HASHED)
    return people.user(made.id)


def teams(people: People, user: User) -> list[str]:
    return [team.name for team in people.teams_of(user.id)]


def test_a_user_is_made_and_found_again(people: People) -> None:
    ada = people.add("Ada", " Ada  Lovelace ", "ada@example.org", [AUDITOR, ANALYST])
    assert (ada.name, ada.display_name, ada.email) == ("Ada", "Ada Lovelace", "ada@example.org")
    assert ada.roles == {ANALYST, AUDITOR}
    assert (ada.has_password, ada.has_totp, ada.disabled_at, ada.last_sign_in_at) == (False, False, None, None)
    assert people.user(ada.id) == people.by_name("aDA") == ada
    assert [user.name for user in people.every()] == ["Ada", "operator"]
    assert people.by_name("grace") is None
    with pytest.raises(NotFound, match="no user grace"):
        people.user("grace")


def test_names_are_taken_whatever_their_case(people: People) -> None:
    people.add("ada")
    for name in ("ADA", "operator"):
        with pytest.raises(Conflict, match="Choose another name"):
            people.add(name)


def test_names_and_addresses_are_made_of_plain_letters(people: People) -> None:
    for name in ("", " ada", "a b", "-ada", "аda", "x" * 65, "ada\n", "a/b", "a\0b"):
        with pytest.raises(BadInput, match="no name to sign in with"):
            people.add(name)
    for email in ("ada", "ada@", "@example.org", "a@b@c", "a b@example.org"):
        with pytest.raises(BadInput, match="no e-mail address"):
            people.add("ada", email=email)


def test_a_change_tells_what_was_before(people: People) -> None:
    ada = people.add("ada", "Ada", "ada@example.org")
    change = people.change(ada.id, roles=[ANALYST, AUDITOR])
    assert (change.before, change.after.roles) == (ada, {ANALYST, AUDITOR})
    assert (change.after.display_name, change.after.email) == ("Ada", "ada@example.org")
    assert people.change(ada.id, display_name="A.", email="").after.email is None
    disabled = people.change(ada.id, disabled=True).after
    assert disabled.disabled_at is not None
    assert people.change(ada.id, disabled=True).after == disabled
    assert people.change(ada.id, disabled=False).after.disabled_at is None
    with pytest.raises(NotFound):
        people.change("nobody", disabled=True)


def test_the_operator_stays_as_it_is(people: People) -> None:
    with pytest.raises(Conflict, match="command line"):
        people.change(OPERATOR, disabled=True)


def test_the_last_administrator_stays_one(people: People) -> None:
    grace = administrator(people, "grace")
    people.add("unfinished", roles=[ADMINISTRATOR])
    for change in ({"disabled": True}, {"roles": [ANALYST]}):
        with pytest.raises(Conflict, match="grace is the last administrator"):
            people.change(grace.id, **change)  # type: ignore[arg-type]
    assert people.user(grace.id) == grace
    people.from_provider("staff", "s1", "heidi", "Heidi", None, frozenset({ADMINISTRATOR}))
    assert people.change(grace.id, disabled=True).after.disabled_at is not None
    assert people.change(grace.id, disabled=False, roles=[ANALYST]).after.roles == {ANALYST}


def test_two_who_demote_each_other_at_once_leave_one(people: People) -> None:
    pair, begin, done = [administrator(people, name) for name in ("grace", "heidi")], threading.Barrier(2), []

    def demote(user: User) -> None:
        begin.wait()
        with suppress(Conflict):
            done.append(people.change(user.id, roles=[ANALYST]))

    threads = [threading.Thread(target=demote, args=(user,)) for user in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert sum(ADMINISTRATOR in people.user(user.id).roles for user in pair) == 1


def test_people_are_found_by_the_beginning_of_a_name(people: People) -> None:
    people.add("ada", "Ada Lovelace", "secret@example.org")
    people.add("lo_vis", "Anna")
    people.change(people.add("lorenz").id, disabled=True)
    assert [user.name for user in people.find("LO", 20)] == ["ada", "lo_vis"]
    assert [user.name for user in people.find("lo", 1)] == ["ada"]
    assert [user.name for user in people.find("lo_", 20)] == ["lo_vis"]
    for nothing in ("secret", "operator", "%", "_"):
        assert people.find(nothing, 20) == []


def test_credentials_hold_the_hash_and_do_not_show_it(people: People) -> None:
    grace = administrator(people, "grace")
    found = people.credentials("GRACE")
    assert found is not None
    assert (found.user, found.password) == (grace, HASHED)
    assert HASHED not in repr(found)
    assert people.credentials("nobody") is None


def test_whom_a_provider_knows_is_the_same_ever_after(people: People) -> None:
    first = people.from_provider("staff", "s1", "ada", "Ada", "ada@example.org")
    again = people.from_provider("staff", "s1", "ada.married", "Ada King", None)
    assert (again.id, again.name, again.display_name, again.email) == (first.id, "ada", "Ada King", None)
    assert people.by_identity("staff", "s1") == again
    assert people.providers_of(first.id) == {"staff"}
    assert people.providers_by_user() == {first.id: ["staff"]}
    assert first.roles == {ANALYST}


def test_a_name_or_e_mail_of_somebody_here_opens_no_account(people: People) -> None:
    own = people.add("ada", email="ada@example.org", roles=[ADMINISTRATOR])
    strangers = [people.from_provider(f"p{k}", "ada", "Ada", "Ada", "ada@example.org") for k in range(2)]
    assert [one.name for one in strangers] == ["Ada-2", "Ada-3"]
    assert len({own.id, *(one.id for one in strangers)}) == 3
    assert all(one.roles == {ANALYST} for one in strangers)


def test_roles_are_left_or_set_as_the_provider_says(people: People) -> None:
    ada = people.from_provider("staff", "s1", "ada", "", None, frozenset())
    assert ada.roles == frozenset()
    people.change(ada.id, roles=[AUDITOR])
    assert people.from_provider("staff", "s1", "ada", "", None).roles == {AUDITOR}
    assert people.from_provider("staff", "s1", "ada", "", None, frozenset({ANALYST})).roles == {ANALYST}


def test_teams_are_set_beside_those_that_are_said_here(people: People) -> None:
    harbour = people.add_team("Harbour").id
    ada = people.from_provider("staff", "s1", "ada", "", None, None, frozenset({"Border", "HARBOUR"}))
    people.set_member(harbour, ada.id, True)
    assert teams(people, ada) == ["Border", "Harbour"]
    people.from_provider("staff", "s1", "ada", "", None)
    assert teams(people, ada) == ["Border", "Harbour"]
    people.from_provider("staff", "s1", "ada", "", None, None, frozenset({"Night"}))
    assert teams(people, ada) == ["Harbour", "Night"]
    people.from_provider("staff", "s1", "ada", "", None, None, frozenset())
    assert teams(people, ada) == ["Harbour"]
    assert [team.name for team in people.teams()] == ["Border", "Harbour", "Night"]


def test_many_first_sign_ins_at_once_make_one_user(people: People) -> None:
    begin, made = threading.Barrier(5), []

    def sign_in() -> None:
        begin.wait()
        made.append(people.from_provider("staff", "s1", "ada", "Ada", None, None, frozenset({"Harbour"})).id)

    threads = [threading.Thread(target=sign_in) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 5
    assert len(set(made)) == 1
    assert len(people.every()) == 2


def test_what_a_provider_says_is_made_fit(people: People) -> None:
    odd = people.from_provider("staff", "s1", "EXAMPLE\\Zoë Müller", "Zoë\n\u202eMüller", "no address")
    assert (odd.name, odd.display_name, odd.email) == ("EXAMPLE-Zoe-Muller", "Zoë Müller", None)
    assert people.from_provider("staff", "s2", "Ωμέγα", "", None).name == "user"


@given(st.text(max_size=100))
def test_whatever_a_provider_calls_somebody_becomes_a_name(name: str) -> None:
    root = module._nearest_name(name)
    assert module.NAME.fullmatch(f"{root}-999")
