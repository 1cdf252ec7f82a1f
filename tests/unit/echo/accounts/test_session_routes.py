from __future__ import annotations

import pyotp
import pytest
import sqlalchemy as sa

from brickyard.access.actor import OPERATOR
from brickyard.access.links import Purpose
from brickyard.access.policy import Role
from brickyard.echo.identity import COOKIE
from tests.unit.access.front_desk import PASSWORD, hash_cheaply
from tests.unit.echo.accounts.house import API, House, refused


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> House:
    hash_cheaply(monkeypatch)
    return House(engine)


def test_whoever_comes_is_told_how_to_sign_in(house: House) -> None:
    assert house.browser().get("/session").json() == {
        "signed_in": False,
        "providers": [{"name": "staff", "label": "Staff", "kind": "ldap", "url": None}],
        "first_administrator_wanted": True,
        "csrf": None,
        "id": None,
        "name": None,
        "display_name": None,
        "roles": [],
    }


def test_a_session_from_sign_in_to_sign_out(house: House) -> None:
    ada = house.user("ada", Role.ANALYST, Role.AUDITOR)
    browser = house.browser()
    answer = browser.sign_in("Ada")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(cookie.split("; "))
    told = answer.json()
    assert (told["signed_in"], told["id"], told["name"], told["roles"]) == (True, ada.id, "ada", ["analyst", "auditor"])
    assert browser.get("/session").json() == told
    assert browser.delete("/session").status_code == 204
    assert COOKIE not in browser.client.cookies
    assert browser.get("/session").json()["signed_in"] is False
    assert [line[1] for line in house.told()] == ["session.open", "session.close"]


def test_what_a_wrong_sign_in_is_told(house: House) -> None:
    house.user("ada")
    browser = house.browser()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD)):
        answer = browser.sign_in(name, password)
        assert refused(answer, 401, "The name, the password or the code is wrong.") == "unauthenticated"
        assert "set-cookie" not in answer.headers
    for _ in range(4):
        browser.sign_in("ada", "wrong")
    assert refused(browser.sign_in("ada"), 429, "Try again in") == "too_many_requests"


def test_odd_input_is_refused_and_not_an_accident(house: House) -> None:
    browser = house.browser()
    for name, password in (("", "x"), ("a" * 101, "x"), ("a\0b", "x"), ("ada", ""), ("ada", "x" * 201)):
        refused(browser.sign_in(name, password), 400)
    for raw in (b'{"name": "\\ud800", "password": "x"}', b'{"name": "ada", "password": "\\udfff"}', b"[]", b"{"):
        answer = browser.client.post(f"{API}/session", content=raw, headers={"content-type": "application/json"})
        refused(answer, 400)
    refused(browser.post("/session", {"name": "ada", "password": "x", "admin": True}), 400)


def test_a_code_is_asked_for_where_there_is_a_second_factor(house: House) -> None:
    ada = house.user("ada")
    app = pyotp.parse_uri(house.sign_in.second_factor.begin(ada.id, "ada").uri)
    assert isinstance(app, pyotp.TOTP)
    with house.engine.begin() as connection:
        house.sign_in.second_factor.confirm(ada.id, app.at(house.clock()), connection)
    house.clock.pass_s(60)
    browser = house.browser()
    assert refused(browser.sign_in("ada"), 401, "authenticator") == "second_factor_needed"
    assert browser.sign_in("ada", code=app.at(house.clock())).status_code == 200


def test_signing_in_anew_ends_the_session_of_before(house: House) -> None:
    browser = house.with_("ada")
    first = browser.client.cookies[COOKIE]
    browser.sign_in("ada")
    assert browser.client.cookies[COOKIE] != first
    house.user("grace")
    other = house.browser()
    other.client.cookies.set(COOKIE, first)
    assert other.get("/session").json()["signed_in"] is False
    assert refused(other.get("/me"), 401, "signed in anew") == "unauthenticated"


def test_a_token_that_was_stolen_and_is_shown_again_ends_the_session(house: House) -> None:
    browser = house.with_("ada")
    stolen = browser.client.cookies[COOKIE]
    house.clock.pass_s(601)
    assert browser.get("/me").status_code == 200
    assert browser.client.cookies[COOKIE] != stolen
    house.clock.pass_s(1)
    assert browser.get("/me").status_code == 200
    house.clock.pass_s(120)
    thief = house.browser()
    thief.client.cookies.set(COOKIE, stolen)
    assert refused(thief.get("/me"), 401, "change your password") == "session_stolen"
    assert refused(browser.get("/me"), 401, "stolen") == "unauthenticated"
    assert house.told()[-1][1:3] == ("session.stolen", "refused")


def test_pages_of_other_sites_sign_nobody_in(house: House) -> None:
    house.user("ada")
    body = {"name": "ada", "password": PASSWORD}
    client = house.browser().client
    for site in ("cross-site", "same-site"):
        answer = client.post(f"{API}/session", json=body, headers={"sec-fetch-site": site})
        assert refused(answer, 403, "another site") == "forbidden"
    form = client.post(f"{API}/session", data=body)
    assert refused(form, 400)
    as_text = client.post(
        f"{API}/session", content=b'{"name": "ada", "password": "x"}', headers={"content-type": "text/plain"}
    )
    assert refused(as_text, 400)
    answer = client.post(f"{API}/session", json=body, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200


def test_the_first_administrator_comes_by_a_link(house: House) -> None:
    token = house.sign_in.links.make(Purpose.FIRST_ADMINISTRATOR)
    browser = house.browser()
    assert refused(browser.follow(token), 400, "needs a name") == "bad_input"
    assert refused(browser.follow(token, name="ada", password="ada"), 400, "12 to 200") == "bad_input"
    answer = browser.follow(token, name="ada", display_name="Ada", password=PASSWORD)
    assert answer.json()["roles"] == ["administrator", "analyst"]
    assert browser.get("/users").status_code == 200
    assert browser.get("/session").json()["first_administrator_wanted"] is False
    assert refused(house.browser().follow(token, name="eve", password=PASSWORD), 401) == "unauthenticated"


def test_the_operator_signs_in_with_a_link(house: House) -> None:
    browser = house.browser()
    answer = browser.follow(house.sign_in.links.make(Purpose.SIGN_IN, OPERATOR))
    assert answer.json()["id"] == OPERATOR
    assert browser.get("/me").json()["name"] == "operator"
    refused(house.browser().follow("made up"), 401)
