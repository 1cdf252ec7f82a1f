from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pyotp
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.policy import Role
from brickyard.echo.accounts.service import KEYS_AT_ONCE
from tests.unit.access.front_desk import NOW, PASSWORD, hash_cheaply
from tests.unit.echo.accounts.house import ADDRESS, API, Browser, House, refused

ANOTHER = "eleven patient elephants"


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> House:
    hash_cheaply(monkeypatch)
    return House(engine)


def enrol(house: House, browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    app = pyotp.parse_uri(browser.post("/me/totp").json()["uri"])
    assert isinstance(app, pyotp.TOTP)
    codes: list[str] = browser.put("/me/totp", {"code": app.at(house.clock())}).json()["recovery_codes"]
    house.clock.pass_s(60)
    return app, codes


def test_one_sees_ones_own_account(house: House) -> None:
    browser = house.with_("ada", Role.ANALYST)
    user = house.people.by_name("ada")
    assert user is not None
    team = house.people.add_team("Harbour")
    house.people.set_member(team.id, user.id, True)
    told = browser.get("/me").json()
    assert (told["id"], told["name"], told["roles"], told["via"]) == (user.id, "ada", ["analyst"], "session")
    assert told["teams"] == [{"id": str(team.id), "name": "Harbour"}]
    assert told["allowed_scopes"] == ["recordings", "llm", "audio", "translate", "ocr"]
    assert (told["has_password"], told["has_totp"], told["scopes"]) == (True, False, None)
    assert "password" not in told
    refused(house.browser().get("/me"), 401)


def test_changes_need_the_token_that_other_sites_do_not_know(house: House) -> None:
    browser = house.with_("ada")
    browser.csrf = ""
    refused(browser.put("/me/password", {"old": PASSWORD, "new": ANOTHER}), 403, "x-brickyard-csrf")
    browser.csrf = house.with_("grace").csrf
    refused(browser.delete("/session"), 403, "x-brickyard-csrf")


def test_a_new_password_ends_the_other_sessions(house: House) -> None:
    browser = house.with_("ada")
    other = house.browser()
    other.sign_in("ada")
    for old, new, status, message in (
        ("wrong", ANOTHER, 403, "password is wrong"),
        (PASSWORD, PASSWORD, 400, "the old one"),
        (PASSWORD, "ada ada ada ada", 400, "a name of yours"),
    ):
        refused(browser.put("/me/password", {"old": old, "new": new}), status, message)
    assert browser.put("/me/password", {"old": PASSWORD, "new": ANOTHER}).status_code == 204
    assert browser.get("/me").status_code == 200
    refused(other.get("/me"), 401, "the password was changed")
    refused(other.sign_in("ada"), 401)
    assert other.sign_in("ada", ANOTHER).status_code == 200
    assert ("ada", "password.change", "allowed", {"sessions_ended": 1}) in house.told()


def test_a_password_that_is_kept_elsewhere_is_changed_there(house: House) -> None:
    house.staff.knows("grace", "hers there")
    browser = house.browser()
    browser.sign_in("grace", "hers there")
    refused(browser.put("/me/password", {"old": "hers there", "new": ANOTHER}), 409, "where you sign in")


def test_a_second_factor_from_first_to_last(house: House) -> None:
    browser = house.with_("ada")
    begun = browser.post("/me/totp").json()
    assert begun["svg"].startswith("<svg ")
    refused(browser.put("/me/totp", {"code": "000000"}), 400, "Check the time")
    app, codes = enrol(house, browser)
    assert len(codes) == 8
    refused(browser.post("/me/totp"), 409, "Remove it first")
    elsewhere = house.browser()
    assert refused(elsewhere.sign_in("ada"), 401) == "second_factor_needed"
    assert elsewhere.sign_in("ada", code=codes[0]).status_code == 200
    refused(browser.delete("/me/totp", {"password": "wrong"}), 403, "password is wrong")
    assert browser.delete("/me/totp", {"password": PASSWORD}).status_code == 204
    assert house.browser().sign_in("ada").status_code == 200
    recorded = [line[1] for line in house.told() if line[1].startswith("totp.")]
    assert recorded == ["totp.set", "totp.remove"]
    assert app.secret not in str(house.told())


def test_people_of_a_directory_may_have_one_too(house: House) -> None:
    house.staff.knows("grace", "hers there")
    browser = house.browser()
    browser.sign_in("grace", "hers there")
    app, _ = enrol(house, browser)
    elsewhere = house.browser()
    assert refused(elsewhere.sign_in("grace", "hers there"), 401) == "second_factor_needed"
    assert elsewhere.sign_in("grace", "hers there", code=app.at(house.clock())).status_code == 200
    assert browser.delete("/me/totp", {"password": "hers there"}).status_code == 204


def test_one_sees_and_ends_ones_own_sessions(house: House) -> None:
    browser = house.with_("ada")
    house.clock.pass_s(40)
    other = house.browser()
    other.sign_in("ada")
    told = browser.get("/me/sessions").json()
    assert sorted(one["is_current"] for one in told) == [False, True]
    assert {one["agent"] for one in told} == {"testclient"}
    grace = house.with_("grace")
    [not_mine] = [one["id"] for one in told if not one["is_current"]]
    refused(grace.delete(f"/me/sessions/{not_mine}"), 404)
    assert browser.delete(f"/me/sessions/{not_mine}").status_code == 204
    refused(other.get("/me"), 401, "ended by its user")
    assert len(browser.get("/me/sessions").json()) == 1


def test_own_keys_reach_as_far_as_own_roles(house: House) -> None:
    analyst, administrator = house.with_("ada"), house.with_("grace", Role.ADMINISTRATOR)
    for scope in ("admin", "metrics"):
        refused(analyst.post("/me/keys", {"name": "k", "scopes": [scope]}), 403, f"keys for {scope}")
        assert administrator.post("/me/keys", {"name": "k", "scopes": [scope]}).status_code == 201
    auditor = house.with_("heidi", Role.AUDITOR)
    refused(auditor.post("/me/keys", {"name": "k", "scopes": ["llm"]}), 403)
    assert auditor.post("/me/keys", {"name": "k", "scopes": ["metrics"]}).status_code == 201


def test_a_key_is_made_listed_and_revoked(house: House) -> None:
    browser = house.with_("ada")
    made = browser.post("/me/keys", {"name": "notebook", "scopes": ["recordings", "llm"], "valid_days": 30}).json()
    assert made["secret"].startswith(made["key"]["prefix"])
    found = keys.find(house.engine, keys.digest(made["secret"]))
    assert found is not None
    assert (found.expires_at, found.scopes) == (NOW + timedelta(days=30), {"llm", "recordings"})
    assert browser.get("/me/keys").json() == [made["key"]]
    grace = house.with_("grace")
    assert grace.get("/me/keys").json() == []
    refused(grace.delete(f"/me/keys/{made['key']['id']}"), 404, "of yours")
    assert browser.delete(f"/me/keys/{made['key']['id']}").status_code == 204
    assert browser.get("/me/keys").json()[0]["revoked_at"] is not None
    assert [line[1] for line in house.told()[-3:]] == ["key.make", "session.open", "key.revoke"]
    for body in (
        {"name": "k", "scopes": []},
        {"name": "k", "scopes": ["llm"], "valid_days": 366},
        {"name": "\x07", "scopes": ["llm"]},
        {"name": "k", "scopes": ["llm"], "is_admin": True},
    ):
        refused(browser.post("/me/keys", body), 400)


def test_nobody_has_keys_without_end(house: House) -> None:
    browser = house.with_("ada")
    ada = house.people.by_name("ada")
    assert ada is not None
    for k in range(KEYS_AT_ONCE):
        keys.create(house.engine, NewKey(f"k{k}", ada.id))
    refused(browser.post("/me/keys", {"name": "one more", "scopes": ["llm"]}), 409, "20 are allowed")
    keys.revoke_by_id(house.engine, keys.of(house.engine, ada.id)[0].id, ada.id)
    assert browser.post("/me/keys", {"name": "one more", "scopes": ["llm"]}).status_code == 201


def test_a_key_does_not_become_the_account(house: House) -> None:
    ada = house.user("ada", Role.ANALYST, Role.ADMINISTRATOR)
    secret, key = keys.create(house.engine, NewKey("script", ada.id, list(Scope)))
    script = Browser(TestClient(house.app, base_url=ADDRESS, headers={"Authorization": f"Bearer {secret}"}))
    told = script.get("/me").json()
    assert (told["via"], told["scopes"]) == ("key", sorted(key.scopes))
    for answer in (
        script.put("/me/password", {"old": PASSWORD, "new": ANOTHER}),
        script.post("/me/totp"),
        script.put("/me/totp", {"code": "000000"}),
        script.delete("/me/totp", {"password": PASSWORD}),
        script.get("/me/sessions"),
        script.delete(f"/me/sessions/{key.id}"),
        script.get("/me/keys"),
        script.post("/me/keys", {"name": "k", "scopes": ["llm"]}),
        script.delete(f"/me/keys/{key.id}"),
        script.get("/people?q=a"),
    ):
        refused(answer, 403, "sign in to the app")
    refused(script.delete("/session"), 409, "a key is revoked instead")
    assert script.client.get(f"{API}/session").json()["csrf"] is None


def test_people_and_teams_to_share_with(house: House) -> None:
    browser = house.with_("ada")
    house.people.add("lars", "Lars Harbour")
    house.people.add_team("Harbour watch")
    found = browser.get("/people?q=harb").json()
    assert [(one["name"], one["display_name"], one["kind"]) for one in found] == [
        ("lars", "Lars Harbour", "user"),
        ("Harbour watch", "Harbour watch", "team"),
    ]
    assert set(found[0]) == {"id", "name", "display_name", "kind"}
    for k in range(25):
        house.people.add(f"many{k:02}")
    assert len(browser.get("/people?q=many").json()) == 20
    for q in ("", "x" * 101, "%00"):
        refused(browser.get(f"/people?q={q}"), 400)


def test_members_see_who_else_is_in_their_team(house: House) -> None:
    ada, grace, eve = house.with_("ada"), house.with_("grace"), house.with_("eve", Role.AUDITOR)
    member = house.people.by_name("ada")
    assert member is not None
    team = house.people.add_team("Harbour")
    house.people.set_member(team.id, member.id, True)
    address = f"/teams/{team.id}/members"
    expected = [{"id": member.id, "name": member.display_name or "ada"}]
    assert ada.get(address).json() == expected
    assert eve.get(address).json() == expected
    refused(grace.get(address), 404, "of which you are a member")
    refused(ada.get(f"/teams/{UUID(int=1)}/members"), 404)
