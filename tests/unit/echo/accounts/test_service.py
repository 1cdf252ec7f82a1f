from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.keys import SHARED_APIS, Scope
from brickyard.access.policy import Role
from brickyard.echo.accounts.service import allowed_scopes

roles = st.frozensets(st.sampled_from(Role))


@given(roles)
def test_only_administrators_have_keys_that_administer(own: frozenset[Role]) -> None:
    assert (Scope.ADMIN in allowed_scopes(own)) == (Role.ADMINISTRATOR in own)
    assert (Scope.METRICS in allowed_scopes(own)) == bool(own & {Role.ADMINISTRATOR, Role.AUDITOR})


@given(roles, roles)
def test_more_roles_never_allow_less(own: frozenset[Role], more: frozenset[Role]) -> None:
    assert set(allowed_scopes(own)) <= set(allowed_scopes(own | more))
    assert len(allowed_scopes(own)) == len(set(allowed_scopes(own)))


def test_auditors_use_no_shared_apis() -> None:
    assert not set(SHARED_APIS) & set(allowed_scopes({Role.AUDITOR}))
    assert allowed_scopes(frozenset()) == []
