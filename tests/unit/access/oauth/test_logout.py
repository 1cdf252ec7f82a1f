from __future__ import annotations

from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from brickyard.access.actor import Actor
from brickyard.access.oauth.logout import Farewell
from brickyard.access.oauth.wire import Asked
from brickyard.kit.errors import BadInput
from tests.unit.access.oauth.scene import BYE, ISSUER, Scene


def logout(scene: Scene, actor: Actor | None, *, is_confirmed: bool = False, **parameters: str) -> Farewell:
    asked = Asked("GET", "/oauth/logout", tuple(parameters.items()))
    return scene.provider.logout(asked, actor, is_confirmed=is_confirmed)


def open_sessions(scene: Scene, user: str) -> int:
    return len(scene.sessions.every(user))


def test_the_session_of_the_id_token_ends_and_all_that_came_of_it(scene: Scene) -> None:
    user = scene.person("ada")
    here, elsewhere, app = scene.sign_in(user), scene.sign_in(user), scene.app()
    tokens = scene.tokens(app, here)
    other = scene.tokens(scene.app("Wiki"), here)
    found = logout(scene, here, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="s 1")
    assert (found.session, found.location) == (here.session, f"{BYE}?state=s+1")
    assert [session.id for session in scene.sessions.every(user)] == [elsewhere.session]
    for access in (tokens["access_token"], other["access_token"]):
        assert scene.userinfo(access).status == 401
    assert ("oauth.logout", user, "allowed") in scene.recorded()
    assert logout(scene, None, id_token_hint=tokens["id_token"]).location is None


def test_an_id_token_that_has_expired_still_says_which_session(scene: Scene) -> None:
    user = scene.person("ada")
    tokens = scene.tokens(scene.app(), scene.sign_in(user))
    scene.time.pass_(hours=1, minutes=30)
    assert open_sessions(scene, user) == 1
    logout(scene, None, id_token_hint=tokens["id_token"])
    assert open_sessions(scene, user) == 0


def test_without_one_the_person_says_so_first(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada"))
    asked = logout(scene, actor, client_id=scene.app().id, post_logout_redirect_uri=BYE)
    assert asked.needs_confirmation
    assert open_sessions(scene, actor.id) == 1
    done = logout(scene, actor, is_confirmed=True)
    assert (done.needs_confirmation, done.location) == (False, None)
    assert open_sessions(scene, actor.id) == 0
    assert logout(scene, None) == Farewell(None)
    assert logout(scene, replace(actor, via="key", session=None)) == Farewell(None)


@pytest.mark.parametrize("uri", [BYE + "/", "https://evil.test/", "https://app.test/back", ""])
def test_nobody_is_sent_to_an_address_that_is_not_registered(scene: Scene, uri: str) -> None:
    tokens = scene.tokens(scene.app(), scene.sign_in(scene.person("ada")))
    assert logout(scene, None, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri).location is None


def test_an_id_token_that_is_not_ours_ends_nothing(scene: Scene) -> None:
    actor, app = scene.sign_in(scene.person("ada")), scene.app()
    claims = {"iss": ISSUER, "aud": app.id, "sub": actor.id, "sid": str(actor.session)}
    genuine = scene.signing.signer()
    header = {"alg": "RS256", "kid": genuine.kid}
    forged = jwt.encode(header, claims, RSAKey.generate_key(2048, {"kid": genuine.kid}), ["RS256"])
    elsewhere = jwt.encode(header, claims | {"iss": "https://evil.test"}, genuine.key, ["RS256"])
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    for hint in (forged, elsewhere, unsigned, "a.b.c", "x", forged[:-10]):
        with pytest.raises(BadInput, match="id_token_hint"):
            logout(scene, None, id_token_hint=hint)
    for changed in ({"aud": "unknown"}, {"aud": ["a", "b"]}):
        with pytest.raises(BadInput, match="another app"):
            logout(scene, None, id_token_hint=jwt.encode(header, claims | changed, genuine.key, ["RS256"]))
    tokens = scene.tokens(app, actor)
    with pytest.raises(BadInput, match="another app"):
        logout(scene, None, id_token_hint=tokens["id_token"], client_id=scene.app("Other").id)
    assert open_sessions(scene, actor.id) == 1
