from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.groups import LONGEST, GroupMap, Person, Rule, plain
from brickyard.access.policy import Role
from brickyard.kit.errors import Forbidden

NAMES = st.sampled_from(["archive", "Archive", "board", "staff", "straße", "STRASSE", "others"])
GROUPS = st.frozensets(NAMES)
ROLES = st.frozensets(st.sampled_from(Role))
TEAMS = st.frozensets(st.sampled_from(["Archive", "Radio", "Press"]))
RULES = st.lists(st.builds(Rule, NAMES, ROLES, TEAMS), max_size=6).map(tuple)
MAPS = st.builds(GroupMap, RULES, ROLES, GROUPS, st.booleans())


def person(*groups: str) -> Person:
    return Person("staff", "7", "ada", "Ada", None, frozenset(groups))


@given(MAPS, GROUPS)
def test_nobody_gets_what_no_rule_of_an_own_group_gives(mapped: GroupMap, groups: frozenset[str]) -> None:
    own = {group.casefold() for group in groups}
    mine = [rule for rule in mapped.rules if rule.group.casefold() in own]
    roles, teams = mapped.roles(groups) or frozenset(), mapped.teams(groups) or frozenset()
    assert roles <= mapped.default_roles.union(*(rule.roles for rule in mine))
    assert teams <= frozenset[str]().union(*(rule.teams for rule in mine))


@given(MAPS, GROUPS)
def test_the_order_of_rules_does_not_matter(mapped: GroupMap, groups: frozenset[str]) -> None:
    turned = GroupMap(mapped.rules[::-1], mapped.default_roles, mapped.required, mapped.ignores_case)
    assert (turned.roles(groups), turned.teams(groups)) == (mapped.roles(groups), mapped.teams(groups))


@given(RULES, GROUPS, GROUPS)
def test_another_group_takes_nothing_away(
    rules: tuple[Rule, ...], groups: frozenset[str], more: frozenset[str]
) -> None:
    mapped = GroupMap(rules)
    assert (mapped.roles(groups) or frozenset()) <= (mapped.roles(groups | more) or frozenset())
    assert (mapped.teams(groups) or frozenset()) <= (mapped.teams(groups | more) or frozenset())


@given(MAPS, GROUPS)
def test_every_rule_of_an_own_group_is_kept(mapped: GroupMap, groups: frozenset[str]) -> None:
    for rule in mapped.rules:
        if rule.group in groups:
            assert rule.roles <= (mapped.roles(groups) or frozenset())
            assert rule.teams <= (mapped.teams(groups) or frozenset())


@given(GROUPS)
def test_without_rules_roles_and_teams_are_left_to_the_platform(groups: frozenset[str]) -> None:
    assert (GroupMap().roles(groups), GroupMap().teams(groups)) == (None, None)


def test_roles_and_teams_are_mapped_each_by_itself() -> None:
    only_roles = GroupMap((Rule("board", roles=frozenset({Role.AUDITOR})),))
    only_teams = GroupMap((Rule("board", teams=frozenset({"Board"})),))
    assert (only_roles.roles(["board"]), only_roles.teams(["board"])) == ({Role.AUDITOR}, None)
    assert (only_teams.roles(["board"]), only_teams.teams(["board"])) == (None, {"Board"})
    assert (only_roles.roles([]), only_teams.teams([])) == (frozenset(), frozenset())


def test_default_roles_are_for_those_to_whom_no_rule_gives_one() -> None:
    mapped = GroupMap((Rule("board", frozenset({Role.AUDITOR})),), default_roles=frozenset({Role.ANALYST}))
    assert mapped.roles(["board"]) == {Role.AUDITOR}
    assert mapped.roles(["others"]) == {Role.ANALYST}


def test_directories_ignore_capitals_and_providers_do_not() -> None:
    rules = (Rule("Archive Staff", frozenset({Role.ANALYST})),)
    assert GroupMap(rules, ignores_case=True).roles(["ARCHIVE STAFF"]) == {Role.ANALYST}
    assert GroupMap(rules).roles(["ARCHIVE STAFF"]) == frozenset()


def test_one_required_group_is_enough_and_none_is_refused_with_what_to_do() -> None:
    mapped = GroupMap(required=frozenset({"archive", "board"}))
    assert mapped.applied_to(person("board"), "Staff").groups == {"board"}
    with pytest.raises(Forbidden, match=r"Staff knows you as ada, but .* Ask the administrator"):
        mapped.applied_to(person("others"), "Staff")


def test_a_person_keeps_all_else() -> None:
    mapped = GroupMap((Rule("board", frozenset({Role.AUDITOR}), frozenset({"Board"})),))
    known = mapped.applied_to(person("board"), "Staff")
    assert known == Person(
        "staff", "7", "ada", "Ada", None, frozenset({"board"}), frozenset({Role.AUDITOR}), frozenset({"Board"})
    )


@given(st.one_of(st.none(), st.integers(), st.lists(st.text()), st.text()))
def test_what_is_shown_is_one_short_line_that_can_be_seen_and_stored(told: object) -> None:
    shown = plain(told)
    assert len(shown) <= LONGEST
    assert shown == shown.strip()
    shown.encode()  # no half of a pair, which PostgreSQL would not take
    assert not set(shown) & set("\0\n\r\t\x1b\u202e\u2066")
    assert plain(shown) == shown


def test_names_of_all_scripts_stay_as_they_are() -> None:
    for name in ("Ada Lovelace", "Дарья", "María-José", "علی\u200cرضا", "山田 太郎"):
        assert plain(name) == name
    assert plain("Ad\u202ea\n\n Love\0lace ") == "Ada Lovelace"
