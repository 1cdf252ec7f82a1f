from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.oauth.claims import API_SCOPES, SCOPES, Person, of
from brickyard.access.policy import Role

ADA = Person("u1", "ada", "Ada L.", "ada@agency.test", frozenset({Role.ANALYST, Role.AUDITOR}), ("press", "radio"))


def test_each_scope_tells_its_own() -> None:
    assert of(ADA, ["openid"]) == {"sub": "u1"}
    assert of(ADA, ["profile"]) == {"sub": "u1", "preferred_username": "ada", "name": "Ada L."}
    assert of(ADA, ["email"]) == {"sub": "u1", "email": "ada@agency.test"}
    assert of(ADA, ["groups"]) == {"sub": "u1", "groups": ["press", "radio"], "roles": ["analyst", "auditor"]}


def test_what_is_not_known_is_not_told() -> None:
    bare = Person("u2", "bob", "", None, frozenset(), ())
    told = of(bare, SCOPES)
    assert told == {"sub": "u2", "preferred_username": "bob", "name": "bob", "groups": [], "roles": []}


@given(st.lists(st.sampled_from(SCOPES)), st.sampled_from(SCOPES))
def test_more_scopes_never_tell_less(scopes: list[str], another: str) -> None:
    assert of(ADA, scopes).items() <= of(ADA, [*scopes, another]).items()


def test_no_app_can_ask_to_administer() -> None:
    assert "admin" not in API_SCOPES
    assert "admin" not in SCOPES
