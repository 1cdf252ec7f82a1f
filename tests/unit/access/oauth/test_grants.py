from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from authlib.oidc.core.grants.util import create_half_hash
from joserfc import jwt
from joserfc.jwk import KeySet

from brickyard.access.oauth.wire import Asked
from brickyard.access.policy import Role
from tests.unit.access.oauth.scene import ISSUER, App, Scene, error, proof


def told(scene: Scene, tokens: dict[str, Any]) -> dict[str, Any]:
    """The claims of the ID token, checked with what is published."""
    keys = KeySet.import_key_set(scene.provider.jwks())
    return dict(jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims)


def works(scene: Scene, access: str) -> bool:
    return scene.userinfo(access).status == 200


def test_a_code_becomes_tokens_that_say_who_it_is(scene: Scene) -> None:
    user = scene.person("ada", [Role.ANALYST, Role.AUDITOR], ["radio", "press"])
    actor, app = scene.sign_in(user), scene.app()
    signed_in_at = int(scene.time().timestamp())
    scene.time.pass_(seconds=30)
    tokens = scene.tokens(app, actor, nonce="n1")
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "openid profile email groups offline_access"
    claims = told(scene, tokens)
    assert claims.pop("at_hash") == create_half_hash(tokens["access_token"], "RS256").decode()
    now = int(scene.time().timestamp())
    assert claims == {
        "iss": ISSUER,
        "aud": app.id,
        "sub": user,
        "iat": now,
        "exp": now + 3600,
        "auth_time": signed_in_at,
        "nonce": "n1",
        "sid": str(actor.session),
        "preferred_username": "ada",
        "name": "Ada",
        "email": "ada@agency.test",
        "groups": ["press", "radio"],
        "roles": ["analyst", "auditor"],
    }


def test_no_more_is_given_than_was_asked(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    tokens = scene.tokens(app, actor, scope="openid")
    assert "refresh_token" not in tokens
    assert not {"email", "name", "groups", "roles", "nonce"} & set(told(scene, tokens))
    assert "id_token" not in scene.tokens(app, actor, scope="profile")


def test_nothing_is_kept_that_could_be_shown(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    code = scene.code(app, actor)
    tokens = scene.redeem(app, code).body
    assert isinstance(tokens, dict)
    with scene.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT oauth_codes::text FROM oauth_codes")).scalars().all()
        rows += connection.execute(sa.text("SELECT oauth_tokens::text FROM oauth_tokens")).scalars().all()
        rows += connection.execute(sa.text("SELECT audit::text FROM audit")).scalars().all()
    kept = "".join(rows)
    assert len(rows) >= 3
    assert all(secret not in kept for secret in (code, tokens["access_token"], tokens["refresh_token"]))


# ---- who the app is


def test_a_secret_may_be_sent_either_way(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    form = {"grant_type": "authorization_code", "redirect_uri": "https://app.test/back"}
    form |= {"code": scene.code(app, actor), "client_id": app.id, "client_secret": str(app.secret)}
    assert scene.provider.token(Asked("POST", "/oauth/token", (), tuple(form.items()))).status == 200


@pytest.mark.parametrize("how", ["wrong", "none", "empty", "unknown", "garbled", "public"])
def test_an_app_that_cannot_prove_itself_gets_nothing(scene: Scene, how: str) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    code = scene.code(app, actor)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.test/back"}
    headers = {
        "wrong": App(app.client, "bys_wrong").basic(),
        "empty": App(app.client, "").basic(),
        "unknown": {"Authorization": "Basic dW5rbm93bjp4"},
        "garbled": {"Authorization": "Basic //79"},
    }.get(how, {})
    if how == "public":
        form["client_id"] = app.id
    reply = scene.provider.token(Asked("POST", "/oauth/token", (), tuple(form.items()), headers))
    assert error(reply) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic")
    assert scene.redeem(app, code).status == 200, "who fails spoils nothing for the app itself"


def test_a_public_client_is_no_other_one(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada"))
    one, other = scene.app("Desk", is_public=True), scene.app("Evil", is_public=True)
    verifier, challenge = proof()
    code = scene.code(one, actor, **challenge)
    assert error(scene.redeem(other, code, code_verifier=verifier)) == (400, "invalid_grant")
    assert scene.redeem(one, code, code_verifier=verifier).status == 200


def test_a_code_of_another_app_is_worth_nothing_and_stays_good(scene: Scene) -> None:
    """A mixed-up client: the code was given to one app, and another one, with its own secret, brings it."""
    actor, one, other = scene.sign_in(scene.person("ada")), scene.app("One"), scene.app("Other")
    code = scene.code(one, actor)
    assert error(scene.redeem(other, code)) == (400, "invalid_grant")
    assert scene.redeem(one, code).status == 200
    assert error(scene.redeem(other, code)) == (400, "invalid_grant")
    assert [action for action, _, _ in scene.recorded()] == ["oauth.authorize"]


# ---- codes


def test_a_code_is_good_once_and_shown_twice_it_takes_its_tokens_along(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    code = scene.code(app, actor)
    tokens = scene.redeem(app, code).body
    assert isinstance(tokens, dict)
    tokens = scene.refresh(app, tokens["refresh_token"]).body
    assert isinstance(tokens, dict)
    untouched = scene.tokens(app, actor)
    assert error(scene.redeem(app, code)) == (400, "invalid_grant")
    assert not works(scene, tokens["access_token"])
    assert error(scene.refresh(app, tokens["refresh_token"])) == (400, "invalid_grant")
    assert works(scene, untouched["access_token"])
    assert ("oauth.code_replayed", actor.id, "refused") in scene.recorded()


def test_a_code_is_good_for_a_minute(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    first, second = scene.code(app, actor), scene.code(app, actor)
    scene.time.pass_(seconds=59)
    assert scene.redeem(app, first).status == 200
    scene.time.pass_(seconds=1)
    assert error(scene.redeem(app, second)) == (400, "invalid_grant")


@pytest.mark.parametrize("uri", ["https://app.test/other", "https://app.test/back/", ""])
def test_a_code_is_for_the_address_it_was_sent_to(scene: Scene, uri: str) -> None:
    app = scene.app(redirect_uris=["https://app.test/back", "https://app.test/other"])
    code = scene.code(app, scene.sign_in(scene.person("ada")))
    assert error(scene.redeem(app, code, redirect_uri=uri)) == (400, "invalid_grant")


def test_a_code_without_the_proof_that_it_was_asked_with_is_worth_nothing(scene: Scene) -> None:
    """Code injection: the code is stolen, or slipped into another browser's session with the app."""
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    verifier, challenge = proof()
    code = scene.code(app, actor, **challenge)
    assert error(scene.redeem(app, code)) == (400, "invalid_request")
    assert error(scene.redeem(app, code, code_verifier=proof()[0])) == (400, "invalid_grant")
    assert error(scene.redeem(app, code, code_verifier=challenge["code_challenge"])) == (400, "invalid_grant")
    assert error(scene.redeem(app, code, code_verifier="short")) == (400, "invalid_request")
    assert scene.redeem(app, code, code_verifier=verifier).status == 200


def test_a_proof_that_was_not_announced_is_refused(scene: Scene) -> None:
    """Else an attacker could leave out the challenge, and the app would not notice (RFC 9700, 4.8.2)."""
    app = scene.app()
    code = scene.code(app, scene.sign_in(scene.person("ada")))
    assert error(scene.redeem(app, code, code_verifier=proof()[0])) == (400, "invalid_request")


# ---- refresh tokens


def test_a_refresh_token_is_good_once(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    first = scene.tokens(app, actor)
    scene.time.pass_(minutes=50)
    second = scene.refresh(app, first["refresh_token"]).body
    assert isinstance(second, dict)
    assert second["scope"] == first["scope"]
    assert "id_token" not in second
    assert works(scene, second["access_token"])
    assert not works(scene, first["access_token"])
    assert error(scene.refresh(app, first["refresh_token"])) == (400, "invalid_grant")
    assert not works(scene, second["access_token"])
    assert error(scene.refresh(app, second["refresh_token"])) == (400, "invalid_grant")
    assert ("oauth.refresh_replayed", actor.id, "refused") in scene.recorded()


def test_a_refresh_token_of_another_app_is_worth_nothing_and_stays_good(scene: Scene) -> None:
    actor, one, other = scene.sign_in(scene.person("ada")), scene.app("One"), scene.app("Other")
    tokens = scene.tokens(one, actor)
    assert error(scene.refresh(other, tokens["refresh_token"])) == (400, "invalid_grant")
    assert scene.refresh(one, tokens["refresh_token"]).status == 200


def test_less_may_be_asked_of_it_but_not_more(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    tokens = scene.tokens(app, actor, scope="openid email offline_access")
    assert error(scene.refresh(app, tokens["refresh_token"], scope="openid groups")) == (400, "invalid_scope")
    less = scene.refresh(app, tokens["refresh_token"], scope="openid").body
    assert isinstance(less, dict)
    assert scene.userinfo(less["access_token"]).body == {"sub": actor.id}


# ---- when tokens end


def test_an_access_token_is_good_for_an_hour_and_no_longer_than_the_session(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    access = scene.tokens(app, actor)["access_token"]
    scene.time.pass_(minutes=59)
    assert works(scene, access)
    scene.time.pass_(minutes=1)
    assert not works(scene, access)
    scene.time.pass_(hours=10, minutes=30)
    late = scene.tokens(app, actor)
    assert late["expires_in"] == 30 * 60
    scene.time.pass_(minutes=30)
    assert not works(scene, late["access_token"])
    assert error(scene.refresh(app, late["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize("how", ["signed out", "disabled", "role taken", "app removed"])
def test_tokens_and_codes_end_with_what_they_came_of(scene: Scene, how: str) -> None:
    user = scene.person("ada", [Role.ANALYST, Role.AUDITOR])
    actor, app = scene.sign_in(user), scene.app(roles=[Role.AUDITOR])
    tokens, code = scene.tokens(app, actor), scene.code(app, actor)
    assert works(scene, tokens["access_token"])
    end(scene, how, actor.session, user, app, scene.time())
    assert not works(scene, tokens["access_token"])
    wanted = (401, "invalid_client") if how == "app removed" else (400, "invalid_grant")
    assert error(scene.refresh(app, tokens["refresh_token"])) == wanted
    assert error(scene.redeem(app, code)) == wanted


def end(scene: Scene, how: str, session: Any, user: str, app: App, now: datetime) -> None:
    change = {
        "signed out": "UPDATE sessions SET revoked_at = :now WHERE id = :session",
        "disabled": "UPDATE users SET disabled_at = :now WHERE id = :user",
        "role taken": "UPDATE users SET roles = '{analyst}' WHERE id = :user",
        "app removed": "DELETE FROM oauth_clients WHERE client_id = :client",
    }[how]
    values = {"now": now, "session": session, "user": user, "client": app.id}
    with scene.engine.begin() as connection:
        connection.execute(sa.text(change), values)


# ---- giving tokens back, and asking about them


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "whatever", ""])
def test_a_token_that_is_given_back_ends_its_family(scene: Scene, which: str, hint: str) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    tokens, others = scene.tokens(app, actor), scene.tokens(app, actor)
    asked = scene.asked(app, "/oauth/revoke", token=tokens[which], token_type_hint=hint)
    assert scene.provider.revoke(asked).status == 200
    assert not works(scene, tokens["access_token"])
    assert error(scene.refresh(app, tokens["refresh_token"])) == (400, "invalid_grant")
    assert works(scene, others["access_token"])


def test_only_ones_own_tokens_can_be_given_back(scene: Scene) -> None:
    actor, one, other = scene.sign_in(scene.person("ada")), scene.app("One"), scene.app("Other")
    tokens = scene.tokens(one, actor)
    asked = scene.asked(other, "/oauth/revoke", token=tokens["access_token"])
    assert error(scene.provider.revoke(asked)) == (400, "invalid_grant")
    assert works(scene, tokens["access_token"])
    assert scene.provider.revoke(scene.asked(one, "/oauth/revoke", token="unknown")).status == 200
    assert error(scene.provider.revoke(scene.asked(one, "/oauth/revoke"))) == (400, "invalid_request")
    nobody = Asked("POST", "/oauth/revoke", (), (("token", tokens["access_token"]),))
    assert error(scene.provider.revoke(nobody)) == (401, "invalid_client")


def test_an_app_hears_of_its_own_tokens(scene: Scene) -> None:
    actor, one, other = scene.sign_in(scene.person("ada")), scene.app("One"), scene.app("Other")
    tokens = scene.tokens(one, actor, scope="openid offline_access")
    about = scene.provider.introspect(scene.asked(one, "/oauth/introspect", token=tokens["access_token"])).body
    assert about == {
        "active": True,
        "client_id": one.id,
        "aud": one.id,
        "token_type": "Bearer",
        "username": "ada",
        "sub": actor.id,
        "scope": "openid offline_access",
        "iss": ISSUER,
        "iat": int(scene.time().timestamp()),
        "exp": int(scene.time().timestamp()) + 3600,
    }
    for app, token in ((other, tokens["access_token"]), (one, "unknown")):
        reply = scene.provider.introspect(scene.asked(app, "/oauth/introspect", token=token))
        assert reply.body == {"active": False}
    scene.time.pass_(hours=1)
    reply = scene.provider.introspect(scene.asked(one, "/oauth/introspect", token=tokens["access_token"]))
    assert reply.body == {"active": False}


def test_a_public_client_cannot_ask_about_tokens(scene: Scene) -> None:
    app = scene.app("Desk", is_public=True)
    assert error(scene.provider.introspect(scene.asked(app, "/oauth/introspect", token="x"))) == (401, "invalid_client")


# ---- what is no request at all


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ((), "unsupported_grant_type"),
        ((("grant_type", "password"),), "unsupported_grant_type"),
        ((("grant_type", 'é"'),), "unsupported_grant_type"),
        ((("grant_type", "implicit"),), "unsupported_grant_type"),
        ((("grant_type", "client_credentials"),), "unsupported_grant_type"),
        ((("grant_type", "authorization_code"),), "invalid_request"),
        ((("grant_type", "refresh_token"),), "invalid_request"),
        ((("grant_type", "authorization_code"), ("code", "a"), ("code", "b")), "invalid_request"),
        ((("grant_type", "authorization_code"), ("code", "a\0")), "invalid_request"),
        ((("grant_type", "authorization_code"), ("code", "unknown")), "invalid_grant"),
    ],
)
def test_what_is_no_request(scene: Scene, form: tuple[tuple[str, str], ...], wanted: str) -> None:
    reply = scene.provider.token(Asked("POST", "/oauth/token", (), form, scene.app().basic()))
    assert error(reply) == (400, wanted)
    assert reply.headers["Cache-Control"] == "no-store"
