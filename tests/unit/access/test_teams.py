from __future__ import annotations

from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.people import People
from brickyard.access.teams import patterns
from brickyard.kit.errors import BadInput, Conflict, NotFound
from tests.unit.access.one_database import emptied


@pytest.fixture
def engine(shared_engine: sa.Engine) -> sa.Engine:
    return emptied(shared_engine)


@pytest.fixture
def people(engine: sa.Engine) -> People:
    return People(engine)


def names(people: People, user: str) -> list[str]:
    return [team.name for team in people.teams_of(user)]


def test_a_team_is_made_changed_and_removed(people: People) -> None:
    made = people.add_team(" Harbour  watch ", 90)
    assert (made.name, made.retention_days, made.members) == ("Harbour watch", 90, 0)
    assert people.teams() == [made]
    before, after = people.change_team(made.id, "harbour watch", None)
    assert (before, after.name, after.retention_days) == (made, "harbour watch", None)
    assert people.remove_team(made.id) == after
    assert people.teams() == []
    for missing in (people.team, people.remove_team, people.members):
        with pytest.raises(NotFound, match="no team"):
            missing(made.id)


def test_no_two_teams_have_one_name(people: People) -> None:
    people.add_team("Harbour")
    border = people.add_team("Border")
    with pytest.raises(Conflict, match="a team HARBOUR already"):
        people.add_team("HARBOUR")
    with pytest.raises(Conflict, match="a team harbour already"):
        people.change_team(border.id, "harbour", None)
    assert [team.name for team in people.teams()] == ["Border", "Harbour"]


def test_a_team_needs_a_name(people: People) -> None:
    for name in ("", "  ", "x" * 101, "\u200b"):
        with pytest.raises(BadInput, match="1 to 100 letters"):
            people.add_team(name)


def test_membership_is_per_source(people: People) -> None:
    ada, team = people.add("ada", "Ada").id, people.add_team("Harbour").id
    assert people.set_member(team, ada, True)
    assert not people.set_member(team, ada, True)
    assert people.set_member(team, ada, True, "staff")
    assert people.team(team).members == 1
    [member] = people.members(team)
    assert (member.user_id, member.name, member.sources) == (ada, "ada", ("local", "staff"))
    assert people.set_member(team, ada, False)
    assert not people.set_member(team, ada, False)
    assert names(people, ada) == ["Harbour"]
    assert people.set_member(team, ada, False, "staff")
    assert names(people, ada) == []


def test_nobody_joins_what_is_not_there(people: People) -> None:
    ada, team = people.add("ada").id, people.add_team("Harbour").id
    with pytest.raises(NotFound, match="no team"):
        people.set_member(uuid4(), ada, True)
    with pytest.raises(NotFound, match="no user nobody"):
        people.set_member(team, "nobody", True)


def test_teams_by_user(people: People) -> None:
    ada, grace = people.add("ada").id, people.add("grace").id
    border, harbour = people.add_team("Border"), people.add_team("Harbour")
    for team, user in ((harbour, ada), (border, ada), (border, grace)):
        people.set_member(team.id, user, True)
    people.set_member(border.id, ada, True, "staff")
    assert {user: [team.name for team in teams] for user, teams in people.teams_by_user().items()} == {
        ada: ["Border", "Harbour"],
        grace: ["Border"],
    }


def test_teams_are_found_by_the_beginning_of_a_word(people: People) -> None:
    for name in ("Harbour watch", "Night 100%", "Watchers"):
        people.add_team(name)
    assert [team.name for team in people.find_teams("WATCH", 9)] == ["Harbour watch", "Watchers"]
    assert [team.name for team in people.find_teams("100%", 9)] == ["Night 100%"]
    assert people.find_teams("%", 9) == []
    assert people.find_teams("arbour", 9) == []
    assert len(people.find_teams("watch", 1)) == 1


@given(st.text(max_size=50))
def test_what_is_searched_for_is_never_a_pattern(prefix: str) -> None:
    """Every sign that means something to LIKE is escaped, besides those that were put there."""
    begin = patterns(prefix)["begin"]
    plain = begin.removesuffix("%").replace("\\\\", "").replace("\\%", "").replace("\\_", "")
    assert not set(plain) & {"%", "_", "\\"}
