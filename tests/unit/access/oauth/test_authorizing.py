from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brickyard.access.actor import Actor
from brickyard.access.oauth.wire import Asked, Reply
from brickyard.access.policy import Role
from brickyard.kit.errors import BadInput
from tests.unit.access.oauth.scene import BACK, ISSUER, Scene, back, proof


def to_sign_in(reply: Reply) -> dict[str, str]:
    """The parameters with which the page of signing in is opened."""
    assert reply.status == 302
    assert reply.location is not None
    address = urlsplit(reply.location)
    assert (address.netloc, address.path) == ("", "/signin")
    return dict(parse_qsl(address.query, strict_parsing=True))


def follow(scene: Scene, address: str, actor: Actor | None) -> Reply:
    """What the browser does after the sign-in."""
    parts = urlsplit(address)
    return scene.provider.authorize(Asked("GET", parts.path, tuple(parse_qsl(parts.query))), actor)


def test_who_is_signed_in_comes_back_with_a_code(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada"))
    reply = scene.authorize(scene.app(), actor, state='s é"&')
    told = back(reply)
    assert told.pop("code").startswith("byc_")
    assert told == {"state": 's é"&', "iss": ISSUER}
    assert reply.headers["Cache-Control"] == "no-store"
    assert scene.recorded() == [("oauth.authorize", actor.id, "allowed")]


def test_who_is_not_signs_in_and_comes_here_again(scene: Scene) -> None:
    app = scene.app()
    asked = to_sign_in(scene.authorize(app, None, nonce="n1"))
    assert set(asked) == {"next"}
    assert asked["next"].startswith("/oauth/authorize?")
    assert "code" in back(follow(scene, asked["next"], scene.sign_in(scene.person("ada"))))


def test_an_api_key_or_an_apps_token_is_nobody_at_a_browser(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada"))
    for via in ("key", "token"):
        to_sign_in(scene.authorize(scene.app(), replace(actor, via=via)))
    to_sign_in(scene.authorize(scene.app(), replace(actor, session=None)))


def test_a_session_that_ended_is_none(scene: Scene) -> None:
    actor = scene.sign_in(scene.person("ada"))
    assert actor.session is not None
    scene.sessions.revoke(actor.session, "signed out")
    to_sign_in(scene.authorize(scene.app(), actor))


def test_the_app_is_told_where_somebody_may_not_sign_in(scene: Scene) -> None:
    app = scene.app("Hub", roles=[Role.DATA_SCIENTIST])
    actor = scene.sign_in(scene.person("ada"))
    told = back(scene.authorize(app, actor))
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "s1", ISSUER)
    assert "Hub is open to the role data scientist" in told["error_description"]
    assert scene.recorded() == [("oauth.authorize", actor.id, "refused")]
    assert "code" in back(scene.authorize(app, scene.sign_in(scene.person("bob", [Role.DATA_SCIENTIST]))))


# ---- silent, anew, recently


def test_silently_means_that_no_page_is_shown(scene: Scene) -> None:
    app = scene.app()
    told = back(scene.authorize(app, None, prompt="none"))
    assert (told["error"], told["state"], told["iss"]) == ("login_required", "s1", ISSUER)
    actor = scene.sign_in(scene.person("ada"))
    assert "code" in back(scene.authorize(app, actor, prompt="none"))
    scene.time.pass_(minutes=10)
    assert back(scene.authorize(app, actor, prompt="none", max_age="599"))["error"] == "login_required"
    assert "code" in back(scene.authorize(app, actor, prompt="none", max_age="600"))
    assert back(scene.authorize(app, actor, prompt="none login"))["error"] == "invalid_request"
    assert back(scene.authorize(app, None, prompt="none", scope="recordings profile"))["error"] == "login_required"


@pytest.mark.parametrize(
    "asked", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}, {"max_age": "60"}]
)
def test_anew_means_once_more_and_only_once(scene: Scene, asked: dict[str, str]) -> None:
    app, user = scene.app(), scene.person("ada")
    actor = scene.sign_in(user)
    scene.time.pass_(minutes=5)
    sent = to_sign_in(scene.authorize(app, actor, **asked))
    assert sent["again"] == "1"
    scene.time.pass_(seconds=2)
    assert to_sign_in(follow(scene, sent["next"], actor))["again"] == "1"
    anew = scene.sign_in(user)
    scene.time.pass_(minutes=2)
    assert "code" in back(follow(scene, sent["next"], anew))


def test_who_just_signed_in_for_this_is_not_asked_twice(scene: Scene) -> None:
    sent = to_sign_in(scene.authorize(scene.app(), None, prompt="login"))
    scene.time.pass_(seconds=20)
    assert "code" in back(follow(scene, sent["next"], scene.sign_in(scene.person("ada"))))


# ---- refused, where the app can be told


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": 'é"\\'}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "e30."}, "request_not_supported"),
        ({"request_uri": "https://app.test/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x" * 43}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_what_is_refused_before_anybody_signs_in(
    scene: Scene, asked: dict[str, str], error: str, is_signed_in: bool
) -> None:
    actor = scene.sign_in(scene.person("ada")) if is_signed_in else None
    told = back(scene.authorize(scene.app(), actor, **asked))
    assert (told["error"], told["state"], told["iss"]) == (error, "s1", ISSUER)
    assert "code" not in told


def test_a_public_client_has_to_prove_itself(scene: Scene) -> None:
    app = scene.app("Desk", is_public=True)
    actor = scene.sign_in(scene.person("ada"))
    told = back(scene.authorize(app, actor))
    assert told["error"] == "invalid_request"
    assert "PKCE" in told["error_description"]
    _, challenge = proof()
    assert "code" in back(scene.authorize(app, actor, **challenge))


def test_a_program_of_ones_own_is_answered_at_its_port(scene: Scene) -> None:
    app = scene.app("Desk", is_public=True, redirect_uris=["http://127.0.0.1/back"])
    _, challenge = proof()
    address = "http://127.0.0.1:53211/back"
    reply = scene.authorize(app, scene.sign_in(scene.person("ada")), redirect_uri=address, **challenge)
    assert "code" in back(reply, address)


# ---- not to be trusted: nobody is sent anywhere


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"client_id": "unknown"}, "not registered"),
        ({"client_id": ""}, "not registered"),
        ({"client_id": "' OR 1=1 --"}, "not registered"),
        ({"redirect_uri": ""}, "nowhere"),
        ({"redirect_uri": BACK + "/"}, "not registered for it"),
        ({"redirect_uri": BACK + "?x=1"}, "not registered for it"),
        ({"redirect_uri": "https://evil.test/<script>"}, "letter by letter"),
        ({"redirect_uri": BACK.upper()}, "not registered for it"),
        ({"state": "a\0b"}, "cannot be printed"),
        ({"state": "x" * 9000}, "too long"),
    ],
)
def test_nobody_is_sent_where_an_attacker_wants(scene: Scene, asked: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        scene.authorize(scene.app(), scene.sign_in(scene.person("ada")), **asked)


def test_a_parameter_given_twice_is_no_request(scene: Scene) -> None:
    app = scene.app()
    for name, other in (("redirect_uri", "https://evil.test/"), ("state", "other"), ("client_id", app.id)):
        pairs = (("client_id", app.id), ("redirect_uri", BACK), ("state", "s1"), ("response_type", "code"))
        with pytest.raises(BadInput, match="twice"):
            scene.provider.authorize(Asked("GET", "/oauth/authorize", (*pairs, (name, other))), None)


NAMES = st.sampled_from(
    ["response_type", "response_mode", "scope", "state", "nonce", "prompt", "max_age", "code_challenge",
     "code_challenge_method", "signed_in_after", "login_hint", "x"]
)  # fmt: skip
VALUES = st.sampled_from(["code", "openid", "none", "login", "0", "S256", "x" * 43, ""]) | st.text(max_size=20)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, VALUES))
def test_whatever_is_asked_the_browser_goes_back_or_to_sign_in(scene: Scene, asked: dict[str, str]) -> None:
    if not hasattr(scene, "fuzzed"):
        scene.fuzzed = (scene.app(), scene.sign_in(scene.person("ada")))  # type: ignore[attr-defined]
    app, actor = scene.fuzzed  # type: ignore[attr-defined]
    for who in (actor, None):
        try:
            reply = scene.authorize(app, who, **asked)
        except BadInput:
            # A letter that cannot be printed; nobody is sent anywhere.
            assert not "".join(asked.values()).isprintable()
            continue
        assert reply.location is not None
        assert reply.location.startswith((f"{BACK}?", "/signin?next=%2Foauth%2Fauthorize%3F"))
        assert "code=" not in reply.location or who is not None or "next=" in reply.location
