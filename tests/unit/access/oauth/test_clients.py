from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from brickyard.access.oauth import clients
from brickyard.access.oauth.clients import NewClient
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput, NotFound

BACK = "https://app.test/back"


def test_a_secret_is_told_once_and_kept_nowhere(engine: sa.Engine) -> None:
    secret, made = clients.add(engine, NewClient("Our Grafana!", [BACK], roles=[Role.ADMINISTRATOR]))
    assert secret is not None
    assert made.client_id.startswith("our-grafana-")
    found = clients.find(engine, made.client_id)
    assert found == made
    assert made.check_client_secret(secret)
    assert not made.check_client_secret(secret + "x")
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT oauth_clients::text FROM oauth_clients")).scalar_one()
    assert secret not in row
    assert secret not in repr(made)


def test_a_public_client_has_no_secret_and_none_opens_it(engine: sa.Engine) -> None:
    secret, made = clients.add(engine, NewClient("Desk", ["http://127.0.0.1/back"], is_public=True))
    assert secret is None
    assert made.is_public
    assert not made.check_client_secret("")
    assert made.check_endpoint_auth_method("none", "token")
    assert not made.check_endpoint_auth_method("client_secret_post", "token")


def test_a_client_gets_of_the_scopes_those_it_may_have(engine: sa.Engine) -> None:
    _, made = clients.add(engine, NewClient("Hub", [BACK], scopes=["openid", "recordings"]))
    assert made.get_allowed_scope("recordings admin openid openid") == "recordings openid"
    assert made.get_allowed_scope("admin") is None
    assert made.get_allowed_scope(None) is None


def test_roles_say_who_may_sign_in(engine: sa.Engine) -> None:
    _, everybody = clients.add(engine, NewClient("Wiki", [BACK]))
    _, some = clients.add(engine, NewClient("Hub", [BACK], roles=[Role.DATA_SCIENTIST, Role.AUDITOR]))
    assert everybody.admits(frozenset())
    assert some.admits(frozenset({Role.AUDITOR, Role.ANALYST}))
    assert not some.admits(frozenset({Role.ANALYST}))
    assert [client.name for client in clients.every(engine)] == ["Hub", "Wiki"]


def test_a_removed_client_is_gone(engine: sa.Engine) -> None:
    _, made = clients.add(engine, NewClient("Hub", [BACK]))
    assert clients.remove(engine, made.client_id) == made
    assert clients.find(engine, made.client_id) is None
    for client_id in (made.client_id, "", "a\0b", "é" * 100):
        with pytest.raises(NotFound, match="clients list"):
            clients.remove(engine, client_id)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "a\nb"}, "needs a name"),
        ({"name": "x" * 81}, "needs a name"),
        ({"redirect_uris": []}, "at least one address"),
        ({"redirect_uris": [BACK, "http://app.test/back"]}, "no safe address"),
        ({"post_logout_redirect_uris": ["javascript:x"]}, "no safe address"),
        ({"scopes": ["openid", "admin"]}, "not admin"),
        ({"scopes": []}, "not none at all"),
    ],
)
def test_what_cannot_be_registered(engine: sa.Engine, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        clients.add(engine, NewClient(**{"name": "Hub", "redirect_uris": [BACK]} | asked))
    assert clients.every(engine) == []
