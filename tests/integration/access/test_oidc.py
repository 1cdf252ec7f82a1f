"""Signing in with a real OpenID provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from brickyard.access.groups import Person
from brickyard.access.oidc import Begun, OidcProvider
from brickyard.access.policy import Role
from brickyard.access.providers import OidcSettings
from brickyard.kit.errors import Forbidden, Unauthenticated, Unavailable
from tests.integration.access.openid_provider import BACK, CLIENT_ID, CLIENT_SECRET, OpenIdProviders, signed_in


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client.secret"
    file.write_text(CLIENT_SECRET)
    return file


def provider(issuer: str, secret: Path, **more: Any) -> OidcProvider:
    given = {
        "name": "main",
        "label": "Single sign-on",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret_file": str(secret),
        "scopes": ["openid", "profile", "email", "groups"],
        "allow_plain": True,
    }
    return OidcProvider(OidcSettings.model_validate({**given, **more}))


@pytest.fixture
def main(openid_providers: OpenIdProviders, secret: Path) -> OidcProvider:
    return provider(openid_providers.main, secret)


def begun_and_answered(at: OidcProvider, login: str = "alice") -> tuple[Begun, dict[str, str]]:
    begun = asyncio.run(at.begin(BACK))
    return begun, signed_in(begun.url, login)


def finished(at: OidcProvider, begun: Begun, answer: dict[str, str]) -> Person:
    begun.expect(answer["state"])
    return asyncio.run(at.finish(answer["code"], begun, BACK, answer["iss"]))


def test_who_signs_in_there_is_known_here(main: OidcProvider) -> None:
    person = finished(main, *begun_and_answered(main))
    groups = frozenset({"Archive", "Board"})
    assert person == Person("main", "alice", "alice", "Alicé Doe", "alice@example.org", groups)


def test_an_address_that_is_not_verified_is_left_out(main: OidcProvider) -> None:
    assert finished(main, *begun_and_answered(main, "bob")).email is None


def test_groups_give_roles_and_teams(openid_providers: OpenIdProviders, secret: Path) -> None:
    rules = [{"group": "Board", "roles": ["auditor"]}, {"group": "Archive", "roles": ["analyst"], "teams": ["Archive"]}]
    mapped = provider(openid_providers.main, secret, map=rules, required_groups=["Archive"])
    person = finished(mapped, *begun_and_answered(mapped))
    assert (person.roles, person.teams) == ({Role.AUDITOR, Role.ANALYST}, {"Archive"})
    with pytest.raises(Forbidden, match="Single sign-on knows you as bob"):
        finished(mapped, *begun_and_answered(mapped, "bob"))


def test_a_code_works_once(main: OidcProvider) -> None:
    begun, answer = begun_and_answered(main)
    finished(main, begun, answer)
    with pytest.raises(Unauthenticated, match="used, or took too long"):
        finished(main, begun, answer)


def test_a_code_that_is_too_old_is_refused(openid_providers: OpenIdProviders, secret: Path) -> None:
    hasty = provider(openid_providers.hasty, secret)
    begun, answer = begun_and_answered(hasty)
    time.sleep(2.1)
    with pytest.raises(Unauthenticated, match="used, or took too long"):
        finished(hasty, begun, answer)


def test_another_way_to_sign_is_understood(openid_providers: OpenIdProviders, secret: Path) -> None:
    hasty = provider(openid_providers.hasty, secret)
    for _ in range(3):  # its codes are good for a second, which a busy machine may need
        try:
            assert finished(hasty, *begun_and_answered(hasty)).subject == "alice"
        except Unauthenticated:
            continue
        return
    pytest.fail("no sign-in of three was done within a second")


def test_an_answer_with_another_state_is_refused(main: OidcProvider) -> None:
    begun, answer = begun_and_answered(main)
    with pytest.raises(Unauthenticated, match="another sign-in"):
        finished(main, begun, {**answer, "state": answer["state"][::-1]})


@pytest.mark.parametrize(
    ("tampered", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"verifier": "another-verifier-of-the-length-that-is-asked-for"}, "used, or took too long"),
    ],
)
def test_a_code_of_another_sign_in_is_refused(main: OidcProvider, tampered: dict[str, str], why: str) -> None:
    begun, answer = begun_and_answered(main)
    with pytest.raises(Unauthenticated, match=why):
        finished(main, replace(begun, **tampered), answer)


def test_somebody_elses_code_is_refused(main: OidcProvider) -> None:
    (own, _), (_, stolen) = begun_and_answered(main), begun_and_answered(main, "bob")
    with pytest.raises(Unauthenticated):
        asyncio.run(main.finish(stolen["code"], own, BACK, stolen["iss"]))


@pytest.mark.parametrize("issuer", [None, "https://elsewhere.example.org"])
def test_an_answer_of_another_issuer_is_refused(main: OidcProvider, issuer: str | None) -> None:
    begun, answer = begun_and_answered(main)
    with pytest.raises(Unauthenticated, match="The answer names"):
        asyncio.run(main.finish(answer["code"], begun, BACK, issuer))


def test_the_provider_wants_pkce_and_gets_it(main: OidcProvider) -> None:
    url = asyncio.run(main.begin(BACK)).url
    without = url.replace("code_challenge_method", "x").replace("code_challenge", "y")
    location = httpx.get(without, trust_env=False).headers["location"]
    assert parse_qs(urlsplit(location).query)["error"] == ["invalid_request"]


@pytest.fixture
def swapped_keys(openid_providers: OpenIdProviders) -> Iterator[None]:
    httpx.post(f"{openid_providers.main}/swap", trust_env=False).raise_for_status()
    yield
    httpx.post(f"{openid_providers.main}/swap", trust_env=False).raise_for_status()


@pytest.mark.usefixtures("swapped_keys")
def test_a_token_signed_by_a_key_that_is_not_published_is_refused(main: OidcProvider) -> None:
    with pytest.raises(Unauthenticated, match="not signed with the key"):
        finished(main, *begun_and_answered(main))


def test_a_wrong_client_secret_is_the_operators_fault(openid_providers: OpenIdProviders, secret: Path) -> None:
    secret.write_text("old")
    main = provider(openid_providers.main, secret)
    with pytest.raises(Unavailable, match="check client_id and client_secret_file"):
        finished(main, *begun_and_answered(main))


def test_an_issuer_must_be_the_same_to_the_letter(openid_providers: OpenIdProviders, secret: Path) -> None:
    with pytest.raises(Unavailable, match="the same to the letter"):
        asyncio.run(provider(openid_providers.main + "/", secret).begin(BACK))
