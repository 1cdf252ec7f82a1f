from __future__ import annotations

import pytest
import sqlalchemy as sa

from brickyard.access.oauth.wire import Asked
from brickyard.access.policy import Role
from brickyard.kit.errors import Conflict
from tests.unit.access.oauth.scene import Scene, error


def test_userinfo_tells_what_the_token_is_for(scene: Scene) -> None:
    user = scene.person("ada", [Role.ANALYST], ["press"])
    tokens = scene.tokens(scene.app(), scene.sign_in(user), scope="openid profile groups")
    assert scene.userinfo(tokens["access_token"]).body == {
        "sub": user,
        "preferred_username": "ada",
        "name": "Ada",
        "groups": ["press"],
        "roles": ["analyst"],
    }


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer unknown", "Basic eDp5", "bearer é"])
def test_userinfo_is_for_who_has_a_token(scene: Scene, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    reply = scene.provider.userinfo(Asked("GET", "/oauth/userinfo", headers=headers))
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_userinfo_is_of_openid(scene: Scene) -> None:
    tokens = scene.tokens(scene.app(), scene.sign_in(scene.person("ada")), scope="profile offline_access")
    assert error(scene.userinfo(tokens["access_token"])) == (403, "insufficient_scope")
    assert scene.userinfo(tokens["refresh_token"]).status == 401


def test_a_token_opens_of_the_platform_what_the_app_may(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada", [Role.ADMINISTRATOR]))
    hub = scene.app("Hub", scopes=["openid", "recordings", "offline_access"])
    tokens = scene.tokens(hub, actor, scope="openid recordings offline_access")
    found = scene.provider.actor_of(tokens["access_token"])
    assert found is not None
    assert (found.id, found.name, found.roles) == (actor.id, "ada", {Role.ADMINISTRATOR})
    assert (found.via, found.session, found.scopes) == ("token", actor.session, {"recordings"})
    assert tokens["access_token"] not in found.credential

    grafana = scene.provider.actor_of(scene.tokens(scene.app(), actor)["access_token"])
    assert grafana is not None
    assert grafana.scopes == frozenset()


def test_what_is_no_token_is_nobodys(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    tokens = scene.tokens(app, actor)
    for shown in ("", "unknown", tokens["refresh_token"], tokens["id_token"], app.secret or ""):
        assert scene.provider.actor_of(shown) is None
    assert not tokens["access_token"].startswith("by_"), "that is how API keys begin"
    scene.time.pass_(hours=1)
    assert scene.provider.actor_of(tokens["access_token"]) is None


@pytest.mark.parametrize(
    ("issuer", "is_safe"),
    [
        ("https://echo.example.org", True),
        ("http://127.0.0.1:8400", True),
        ("http://localhost:8400", True),
        ("http://echo.example.org", False),
        ("http://10.0.0.5:8400", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_codes_never_cross_the_network_in_the_open(engine: sa.Engine, issuer: str, is_safe: bool) -> None:
    provider = Scene(engine, issuer).provider
    if is_safe:
        provider.check_address()
        return
    with pytest.raises(Conflict, match="BRICKYARD_PUBLIC_URL"):
        provider.check_address()
