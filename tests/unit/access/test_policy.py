from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.policy import RULES, Action, Decision, Level, Role, decide

ACTIONS = st.sampled_from(Action)
LEVELS = st.sampled_from(Level)
ROLES = st.frozensets(st.sampled_from(Role))
ORDER = [Decision.HIDDEN, Decision.REFUSED, Decision.ALLOWED]


def test_every_action_has_a_rule_and_somebody_who_may() -> None:
    assert set(RULES) == set(Action)
    assert all(rule.roles | rule.over for rule in RULES.values())


@given(ACTIONS, LEVELS)
def test_without_a_role_nothing_is_allowed(action: Action, level: Level) -> None:
    assert decide(action, [], level) is not Decision.ALLOWED


@given(ACTIONS, ROLES, ROLES, LEVELS, LEVELS)
def test_more_roles_and_a_higher_level_never_take_anything_away(
    action: Action, some: frozenset[Role], others: frozenset[Role], low: Level, high: Level
) -> None:
    low, high = sorted((low, high))
    less, more = decide(action, some, low), decide(action, some | others, high)
    assert ORDER.index(more) >= ORDER.index(less)


@given(ACTIONS, ROLES)
def test_what_is_foreign_does_not_exist_unless_one_sees_all(action: Action, roles: frozenset[Role]) -> None:
    sees_all = roles & {Role.ADMINISTRATOR, Role.AUDITOR}
    if RULES[action].is_about_a_recording and not sees_all:
        assert decide(action, roles, Level.NONE) is Decision.HIDDEN


@pytest.mark.parametrize(
    "action", [Action.RECORDING_CONTENT, Action.RECORDING_ASK, Action.RECORDING_EVIDENCE, Action.RECORDING_TRANSCRIBE]
)
def test_no_role_alone_opens_what_is_in_a_foreign_recording(action: Action) -> None:
    for count in range(len(Role) + 1):
        for roles in combinations(Role, count):
            assert decide(action, roles, Level.NONE) is not Decision.ALLOWED


@pytest.mark.parametrize(
    ("action", "role", "level", "decision"),
    [
        (Action.RECORDING_DELETE, Role.ANALYST, Level.EDIT, Decision.REFUSED),
        (Action.RECORDING_DELETE, Role.ANALYST, Level.OWN, Decision.ALLOWED),
        (Action.RECORDING_DELETE, Role.ADMINISTRATOR, Level.NONE, Decision.ALLOWED),
        (Action.RECORDING_DELETE, Role.AUDITOR, Level.NONE, Decision.REFUSED),
        (Action.RECORDING_HOLD, Role.ANALYST, Level.OWN, Decision.REFUSED),
        (Action.RECORDING_HOLD, Role.AUDITOR, Level.NONE, Decision.ALLOWED),
        (Action.RECORDING_CONTENT, Role.ADMINISTRATOR, Level.OWN, Decision.REFUSED),
        (Action.RECORDING_CONTENT, Role.DATA_SCIENTIST, Level.VIEW, Decision.ALLOWED),
        (Action.AUDIT_READ, Role.ADMINISTRATOR, Level.NONE, Decision.REFUSED),
        (Action.USER_CHANGE, Role.AUDITOR, Level.NONE, Decision.REFUSED),
    ],
)
def test_some_decisions(action: Action, role: Role, level: Level, decision: Decision) -> None:
    assert decide(action, [role], level) is decision
