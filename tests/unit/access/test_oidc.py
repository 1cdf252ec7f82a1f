from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from brickyard.access import oidc
from brickyard.access.groups import Person
from brickyard.access.oidc import KNOWN_FOR, OidcProvider
from brickyard.access.policy import Role
from brickyard.access.providers import OidcSettings
from brickyard.kit.clock import utc_now
from brickyard.kit.errors import BrickyardError, Forbidden, Unauthenticated, Unavailable
from tests.integration.access.certificates import certified
from tests.unit.access.provider_server import KEY, FakeProvider, serving

BACK = "https://echo.example.org/api/v1/session/oidc/main/callback"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with serving(FakeProvider()) as running:
        yield running


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client.secret"
    file.write_text("s3cret/with:signs\n")
    return file


def settings(server: FakeProvider, **more: Any) -> OidcSettings:
    given = {"name": "main", "label": "Main", "issuer": server.url, "client_id": "brickyard", "allow_plain": True}
    return OidcSettings.model_validate({**given, **more})


def provider(server: FakeProvider, **more: Any) -> OidcProvider:
    return OidcProvider(settings(server, **more))


def signed_in(server: FakeProvider, at: OidcProvider, issuer: str | None = None) -> Person:
    begun = asyncio.run(at.begin(BACK))
    server.went_to(begun.url)
    return asyncio.run(at.finish("code", begun, BACK, issuer))


def test_a_sign_in_asks_with_pkce_state_and_nonce_and_tells_who_it_was(server: FakeProvider) -> None:
    at = provider(server)
    begun = asyncio.run(at.begin(BACK))
    asked = server.went_to(begun.url)
    assert asked["code_challenge_method"] == "S256"
    assert (asked["redirect_uri"], asked["scope"]) == (BACK, "openid profile email")
    server.userinfo = {"name": "Ada Lovelace", "email": "ada@example.org", "groups": ["board", 7]}
    person = asyncio.run(at.finish("the code", begun, BACK))
    assert person == Person("main", "7", "ada", "Ada Lovelace", "ada@example.org", frozenset({"board"}))
    form = server.seen[1][2]
    hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (form["code"], hashed, form["redirect_uri"]) == ("the code", asked["code_challenge"], BACK)


def test_no_two_sign_ins_are_alike(server: FakeProvider) -> None:
    at = provider(server)
    begun = [asyncio.run(at.begin(BACK)) for _ in range(20)]
    assert len({secret for one in begun for secret in (one.state, one.nonce, one.verifier)}) == 60


@pytest.mark.parametrize("state", [None, "", "x", "\ud800"])
def test_an_answer_to_another_sign_in_is_refused(server: FakeProvider, state: str | None) -> None:
    begun = asyncio.run(provider(server).begin(BACK))
    begun.expect(begun.state)
    with pytest.raises(Unauthenticated, match="another sign-in"):
        begun.expect(state)


@pytest.mark.parametrize(
    ("methods", "is_basic"),
    [(..., True), (["client_secret_post"], False), (["client_secret_post", "client_secret_basic"], True)],
)
def test_the_secret_is_shown_as_the_provider_wants_it(
    server: FakeProvider, secret: Path, methods: Any, is_basic: bool
) -> None:
    server.discovery = {"token_endpoint_auth_methods_supported": methods}
    signed_in(server, provider(server, client_secret_file=str(secret)))
    _, headers, form = next(seen for seen in server.seen if seen[0] == "/token")
    if is_basic:
        shown = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
        assert (shown, "client_secret" in form) == ("brickyard:s3cret%2Fwith%3Asigns", False)
    else:
        assert ("authorization" in headers, form["client_secret"]) == (False, "s3cret/with:signs")


@pytest.mark.parametrize(
    ("wrong", "expected", "why"),
    [
        ({"claims": {"aud": "another"}}, Unauthenticated, "aud"),
        ({"claims": {"iss": "https://another.example.org"}}, Unauthenticated, "iss"),
        ({"claims": {"nonce": ...}}, Unauthenticated, "nonce"),
        ({"claims": {"nonce": "another"}}, Unauthenticated, "nonce"),
        ({"claims": {"exp": 1}}, Unauthenticated, "expired"),
        ({"claims": {"at_hash": "another"}}, Unauthenticated, "another access token"),
        ({"userinfo": {"sub": "8"}}, Unauthenticated, "somebody else"),
        ({"userinfo": {"sub": ...}}, Unauthenticated, "somebody else"),
        ({"published": []}, Unauthenticated, "does not publish"),
        ({"published": [RSAKey.generate_key(2048, {"kid": "first"})]}, Unauthenticated, "not signed with the key"),
        ({"told": {"/token": (400, b'{"error": "invalid_grant"}')}}, Unauthenticated, "used, or took too long"),
        ({"told": {"/token": (401, b'{"error": "invalid_client"}')}}, Unavailable, "client_secret_file"),
        ({"told": {"/token": (500, b"oops")}}, Unavailable, "status 500"),
        ({"told": {"/token": (302, b"")}}, Unavailable, "status 302"),
        ({"told": {"/token": (200, b'{"access_token": "x"}')}}, Unauthenticated, "no ID token"),
        ({"told": {"/token": (200, b"[" * 100_000)}}, Unauthenticated, "no ID token"),
        ({"told": {"/token": (200, b'{"access_token": "x", "id_token": "a.b.c"}')}}, Unauthenticated, "not valid"),
        ({"told": {"/token": (200, b" " * (2 << 20))}}, Unavailable, "more than"),
        ({"told": {"/keys": (302, b"")}}, Unavailable, "keys were answered with 302"),
        ({"told": {"/me": (403, b"{}")}}, Unavailable, "userinfo, status 403"),
        ({"told": {"/me": (200, b"eyJ.eyJ.x")}}, Unavailable, "not JSON"),
        ({"userinfo": {"_claim_names": {"groups": "src1"}}}, Unavailable, "too many groups"),
    ],
)
def test_what_a_good_provider_never_does_is_refused(
    server: FakeProvider, wrong: dict[str, Any], expected: type[BrickyardError], why: str
) -> None:
    for name, value in wrong.items():
        setattr(server, name, value)
    with pytest.raises(expected, match=why):
        signed_in(server, provider(server))
    assert server.requests_for("/elsewhere") == 0


@pytest.mark.parametrize(
    ("discovery", "why"),
    [
        ({"issuer": "https://another.example.org"}, "the same to the letter"),
        ({"issuer": ...}, "the same to the letter"),
        ({"token_endpoint": ...}, "no 'token_endpoint'"),
        ({"jwks_uri": "file:///etc/passwd"}, "no 'jwks_uri'"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no 'authorization_endpoint'"),
        ({"userinfo_endpoint": 7}, "no 'userinfo_endpoint'"),
    ],
)
def test_a_discovery_document_that_does_not_fit_is_refused(
    server: FakeProvider, discovery: dict[str, Any], why: str
) -> None:
    server.discovery = discovery
    with pytest.raises(Unavailable, match=why):
        asyncio.run(provider(server).begin(BACK))


@pytest.mark.parametrize("answer", [(404, b"{}"), (302, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_an_address_that_is_no_provider_is_told(server: FakeProvider, answer: tuple[int, bytes]) -> None:
    server.told[DISCOVERY] = answer
    with pytest.raises(Unavailable, match="Nobody can sign in with Main now"):
        asyncio.run(provider(server).begin(BACK))


def test_who_answers_is_named_where_the_provider_says_that_it_is(server: FakeProvider) -> None:
    at = provider(server)
    assert signed_in(server, at).subject == "7"
    assert signed_in(server, at, server.url).subject == "7"
    with pytest.raises(Unauthenticated, match=r"names https://other\.example\.org"):
        signed_in(server, at, "https://other.example.org")
    server.discovery = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(Unauthenticated, match="names None"):
        signed_in(server, provider(server))


def test_new_keys_are_found_by_looking_once_more(server: FakeProvider) -> None:
    at = provider(server)
    signed_in(server, at)
    signed_in(server, at)
    assert (server.requests_for(DISCOVERY), server.requests_for("/keys")) == (1, 1)
    server.key = RSAKey.generate_key(2048, {"kid": "second"})
    server.published = [KEY, server.key]
    assert signed_in(server, at).subject == "7"
    assert server.requests_for("/keys") == 2
    server.key = RSAKey.generate_key(2048, {"kid": "never published"})
    with pytest.raises(Unauthenticated, match="does not publish"):
        signed_in(server, at)
    assert server.requests_for("/keys") == 3


def test_keys_that_were_withdrawn_are_forgotten_in_time(server: FakeProvider) -> None:
    passed = [timedelta()]
    at = OidcProvider(settings(server), clock=lambda: utc_now() + passed[0])
    signed_in(server, at)
    server.published = [RSAKey.generate_key(2048, {"kid": "second"})]
    passed[0] = KNOWN_FOR
    server.claims = {"exp": int((utc_now() + 2 * KNOWN_FOR).timestamp())}
    with pytest.raises(Unauthenticated, match="does not publish"):
        signed_in(server, at)
    assert server.requests_for(DISCOVERY) == 2


def test_userinfo_is_asked_only_for_what_the_id_token_does_not_tell(server: FakeProvider) -> None:
    server.claims = {"preferred_username": "ada", "groups": ["board"]}
    server.userinfo = {"preferred_username": "root", "groups": ["administrators"]}
    assert signed_in(server, provider(server)).groups == {"board"}
    assert server.requests_for("/me") == 0
    server.claims = {"groups": ["board"]}
    person = signed_in(server, provider(server))
    assert (person.name, person.groups) == ("root", {"board"})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["board"]}}),
        ("https://example.org/groups", {"https://example.org/groups": ["board"]}),
        ("groups", {"groups": "board"}),
    ],
)
def test_groups_are_found_where_the_settings_say(server: FakeProvider, path: str, told: dict[str, Any]) -> None:
    server.userinfo = told
    assert signed_in(server, provider(server, claims={"groups": path})).groups == {"board"}


@pytest.mark.parametrize(
    ("told", "name", "email"),
    [
        ({"preferred_username": "ada\u202e\0", "email": "a@example.org"}, "ada", "a@example.org"),
        ({"preferred_username": ..., "email": "a@example.org"}, "a@example.org", "a@example.org"),
        ({"preferred_username": 7, "email": ["a"]}, "7", None),
        ({"preferred_username": "ada", "email": "boss@example.org", "email_verified": False}, "ada", None),
    ],
)
def test_a_person_has_a_name_whatever_is_told(
    server: FakeProvider, told: dict[str, Any], name: str, email: str | None
) -> None:
    server.userinfo = told
    person = signed_in(server, provider(server))
    assert (person.name, person.display_name, person.email) == (name, name, email)


def test_groups_give_roles_and_teams_and_may_be_required(server: FakeProvider) -> None:
    rules = [{"group": "board", "roles": ["auditor"], "teams": ["Board"]}]
    at = provider(server, map=rules, required_groups=["board", "staff"])
    server.userinfo = {"groups": ["board"]}
    person = signed_in(server, at)
    assert (person.roles, person.teams) == ({Role.AUDITOR}, {"Board"})
    server.userinfo = {"groups": ["others"]}
    with pytest.raises(Forbidden, match="Main knows you as ada"):
        signed_in(server, at)


def test_only_the_authority_of_the_settings_is_believed(tmp_path: Path) -> None:
    files, other = certified(tmp_path / "one"), certified(tmp_path / "other")
    with serving(FakeProvider(), files) as server:
        assert signed_in(server, provider(server, ca_file=str(files.authority))).subject == "7"
        for ca_file in (str(other.authority), None):
            with pytest.raises(Unavailable, match=r"(?i)certificate verify failed"):
                asyncio.run(provider(server, ca_file=ca_file).begin(BACK))


def test_a_provider_behind_tls_cannot_send_anybody_where_there_is_none(tmp_path: Path) -> None:
    files = certified(tmp_path)
    with serving(FakeProvider(discovery={"token_endpoint": "http://127.0.0.1/token"}), files) as server:
        at = provider(server, ca_file=str(files.authority), allow_plain=False)
        with pytest.raises(Unavailable, match="no 'token_endpoint' that begins with https://"):
            asyncio.run(at.begin(BACK))


def test_a_provider_that_is_away_or_slow_is_unavailable(server: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "ANSWER_S", 0.2)
    server.pause_s = 1.0
    with pytest.raises(Unavailable, match="Nobody can sign in with Main now"):
        asyncio.run(provider(server).begin(BACK))
    gone = FakeProvider(url="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached"):
        asyncio.run(provider(gone).begin(BACK))


def test_no_proxy_of_the_environment_is_used(server: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert signed_in(server, provider(server)).subject == "7"


def test_an_authorization_address_may_have_a_query_of_its_own(server: FakeProvider) -> None:
    server.discovery = {"authorization_endpoint": f"{server.url}/auth?p=policy"}
    begun = asyncio.run(provider(server).begin(BACK))
    assert server.went_to(begun.url)["p"] == "policy"
    assert json.dumps(begun.url).count("?") == 1
