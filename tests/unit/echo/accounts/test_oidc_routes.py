from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.groups import Person
from brickyard.access.oidc import Begun
from brickyard.echo.accounts.oidc_routes import ABOUT, COOKIE, local_path
from brickyard.echo.identity import COOKIE as SESSION
from brickyard.kit.errors import BadInput, Forbidden
from tests.unit.access.front_desk import MASTER
from tests.unit.echo.accounts.house import ADDRESS, Browser, House, refused

BACK = f"{ADDRESS}/api/v1/session/oidc/sso/callback"


@dataclass
class Sso:
    """A provider that knows one person, who is let in with the code `right`."""

    name: str = "sso"
    label: str = "Single sign-on"
    asked: list[tuple[str, str, str, str | None]] = field(default_factory=list)

    async def begin(self, redirect_uri: str) -> Begun:
        return Begun(f"https://login.example.org/?redirect_uri={redirect_uri}", "st", "no", "ve")

    async def finish(self, code: str, begun: Begun, redirect_uri: str, issuer_param: str | None = None) -> Person:
        self.asked.append((begun.nonce, begun.verifier, redirect_uri, issuer_param))
        if code != "right":
            raise Forbidden("You are in none of the groups.")
        return Person(self.name, "s1", "ada", "Ada", None, frozenset())


@pytest.fixture
def sso() -> Sso:
    return Sso()


@pytest.fixture
def house(engine: sa.Engine, sso: Sso) -> House:
    return House(engine, [sso, Sso("other")])


def begin(browser: Browser, next: str = "/") -> Response:
    return browser.get("/session/oidc/sso", params={"next": next})


def come_back(browser: Browser, state: str = "st", **more: str) -> str:
    """Where the answer leads to."""
    answer = browser.get("/session/oidc/sso/callback", params={"state": state, **more})
    assert answer.status_code == 303, answer.text
    assert any(line.startswith(f'{COOKIE}=""; ') for line in answer.headers.get_list("set-cookie"))
    return str(answer.headers["location"])


def test_to_the_provider_and_back(house: House, sso: Sso) -> None:
    browser = house.browser()
    away = begin(browser, "/recordings?q=1#t=2")
    assert away.status_code == 303
    assert away.headers["location"] == f"https://login.example.org/?redirect_uri={BACK}"
    cookie = away.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Secure", "Max-Age=600", "Path=/api/v1/session/oidc"} <= set(cookie.split("; "))
    assert come_back(browser, code="right", iss="https://login.example.org") == "/recordings?q=1#t=2"
    assert sso.asked == [("no", "ve", BACK, "https://login.example.org")]
    assert browser.get("/session").json()["name"] == "ada"
    assert [line[1] for line in house.told()] == ["user.add", "session.open"]


def test_providers_are_told_of(house: House) -> None:
    assert house.browser().get("/session").json()["providers"][0] == {
        "name": "sso",
        "label": "Single sign-on",
        "kind": "oidc",
        "url": "/api/v1/session/oidc/sso",
    }
    for path in ("/session/oidc/unknown", "/session/oidc/staff", "/session/oidc/unknown/callback"):
        assert refused(house.browser().get(path), 404, "no provider") == "not_found"


def test_what_the_provider_refuses_is_told_on_the_sign_in_page(house: House) -> None:
    browser = house.browser()
    begin(browser)
    assert come_back(browser, code="wrong") == "/signin?error=forbidden"
    begin(browser)
    assert come_back(browser, error="access_denied") == "/signin?error=unauthenticated"
    assert SESSION not in browser.client.cookies
    assert [(line[1], line[2], line[3]) for line in house.told()] == [
        ("session.open", "failed", {"reason": "forbidden"}),
        ("session.open", "failed", {"reason": "unauthenticated"}),
    ]


def test_nobody_ends_what_was_not_begun_here(house: House, sso: Sso) -> None:
    lost = "/signin?error=unauthenticated"
    assert come_back(house.browser(), code="right") == lost
    another_state = house.browser()
    begin(another_state)
    assert come_back(another_state, "other", code="right") == lost
    begun_elsewhere = house.browser()
    begun_elsewhere.get("/session/oidc/other")
    assert come_back(begun_elsewhere, code="right") == lost
    too_late = house.browser()
    begin(too_late)
    house.clock.pass_s(601)
    assert come_back(too_late, code="right") == lost
    twice = house.browser()
    begin(twice)
    come_back(twice, code="right")
    assert come_back(twice, code="right") == lost
    assert len(sso.asked) == 1


def test_a_cookie_that_we_did_not_seal_is_nothing(house: House, sso: Sso) -> None:
    browser = house.browser()
    begin(browser)
    real = base64.urlsafe_b64decode(browser.client.cookies[COOKIE].strip('"'))
    until = house.clock().timestamp() + 600
    told = json.dumps({"provider": "sso", "state": "st", "nonce": "", "verifier": "", "next": "/", "until": until})
    for forged in (
        real[:-1] + bytes([real[-1] ^ 1]),
        told.encode(),
        MASTER.wrap(told.encode(), f"not {ABOUT}"),
        b"",
    ):
        thief = house.browser()
        thief.client.cookies.set(COOKIE, base64.urlsafe_b64encode(forged).decode(), path="/api/v1/session/oidc")
        assert come_back(thief, code="right") == "/signin?error=unauthenticated"
    assert sso.asked == []


def test_the_way_back_leads_nowhere_else(house: House) -> None:
    for place in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:1",
        "",
        "recordings",
        "/\t/e",
    ):
        answer = begin(house.browser(), place)
        assert refused(answer, 400, "a path on this platform is allowed") == "bad_input"
        assert "set-cookie" not in answer.headers


@given(st.text("/\\:.@?#%e x\t\0é", max_size=12) | st.text(max_size=30))
def test_what_passes_is_a_path_here(text: str) -> None:
    try:
        path = local_path(text)
    except BadInput:
        return
    assert path == text
    parts = urlsplit(path)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert path[0] == "/"
    assert path[1:2] not in {"/", "\\"}
