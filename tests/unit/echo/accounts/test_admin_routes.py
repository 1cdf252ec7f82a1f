from __future__ import annotations

from typing import Any
from uuid import uuid4

import pyotp
import pytest
import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.policy import Role
from tests.unit.access.front_desk import PASSWORD, hash_cheaply
from tests.unit.echo.accounts.house import ADDRESS, Browser, House, refused

ANOTHER = "eleven patient elephants"


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> House:
    hash_cheaply(monkeypatch)
    return House(engine)


@pytest.fixture
def grace(house: House) -> Browser:
    """An administrator."""
    return house.with_("grace", Role.ADMINISTRATOR)


def last_details(house: House, action: str) -> dict[str, Any]:
    """What the services told of it, beside the line that the door writes for every request."""
    return [line[3] for line in house.told(action=action) if "route" not in line[3]][-1]


def test_an_account_from_its_making_to_its_first_sign_in(house: House, grace: Browser) -> None:
    made = grace.post("/users", {"name": "ada", "display_name": "Ada", "email": "ada@example.org"})
    assert made.status_code == 201
    ada = made.json()
    assert (ada["roles"], ada["has_password"], ada["teams"], ada["providers"]) == (["analyst"], False, [], [])
    assert last_details(house, "user.add") == {"name": "ada", "roles": ["analyst"]}
    link = grace.post(f"/users/{ada['id']}/link").json()
    before, token = link["url"].split("&link=")
    assert before == f"{ADDRESS}/signin#purpose=password"
    browser = house.browser()
    assert browser.follow(token, password=PASSWORD).json()["name"] == "ada"
    assert grace.get(f"/users/{ada['id']}").json()["has_password"] is True
    assert token not in str(house.told())
    refused(grace.post("/users", {"name": "ADA"}), 409, "Choose another name")
    refused(grace.post("/users", {"name": "a b"}), 400, "no name to sign in with")
    refused(grace.post("/users", {"name": "x", "roles": ["god"]}), 400)


def test_roles_are_changed_and_the_change_is_recorded(house: House, grace: Browser) -> None:
    browser = house.with_("ada")
    ada = browser.get("/me").json()["id"]
    refused(browser.get("/users"), 403, "administrator")
    changed = grace.patch(f"/users/{ada}", {"roles": ["auditor", "analyst"], "display_name": "A."}).json()
    assert (changed["roles"], changed["display_name"]) == (["analyst", "auditor"], "A.")
    assert last_details(house, "user.change") == {
        "display_name": {"from": "Ada", "to": "A."},
        "roles": {"from": ["analyst"], "to": ["analyst", "auditor"]},
    }
    assert browser.get("/users").status_code == 200
    refused(browser.patch(f"/users/{ada}", {"roles": ["administrator"]}), 403)
    lines = len(house.told(action="user.change"))
    grace.patch(f"/users/{ada}", {"roles": ["analyst", "auditor"]})
    assert len(house.told(action="user.change")) == lines + 1
    refused(grace.patch(f"/users/{ada}", {"role": ["analyst"]}), 400)
    refused(grace.patch("/users/nobody", {"roles": ["analyst"]}), 404)
    refused(grace.patch("/users/local", {"disabled": True}), 409)


def test_an_e_mail_address_is_left_changed_or_removed(house: House, grace: Browser) -> None:
    ada = grace.post("/users", {"name": "ada", "email": "ada@example.org"}).json()["id"]
    assert grace.patch(f"/users/{ada}", {"display_name": "A."}).json()["email"] == "ada@example.org"
    assert grace.patch(f"/users/{ada}", {"email": "a@example.org"}).json()["email"] == "a@example.org"
    refused(grace.patch(f"/users/{ada}", {"email": "a@b@c"}), 400, "no e-mail address")
    assert grace.patch(f"/users/{ada}", {"email": None}).json()["email"] is None


def test_whom_one_disables_is_out_at_once(house: House, grace: Browser) -> None:
    browser = house.with_("ada")
    ada = browser.get("/me").json()["id"]
    secret, _ = keys.create(house.engine, NewKey("script", ada, [Scope.RECORDINGS]))
    grace.patch(f"/users/{ada}", {"disabled": True})
    refused(browser.get("/me"), 401)
    refused(house.browser().sign_in("ada"), 401)
    refused(house.browser().get("/me", headers={"Authorization": f"Bearer {secret}"}), 401, "disabled")
    refused(grace.post(f"/users/{ada}/link"), 409, "is disabled")
    assert last_details(house, "user.change")["disabled_at"]["from"] is None
    grace.patch(f"/users/{ada}", {"disabled": False})
    refused(browser.get("/me"), 401, "was ended")
    assert browser.sign_in("ada").status_code == 200


def test_the_last_administrator_stays_one(house: House, grace: Browser) -> None:
    own = grace.get("/me").json()["id"]
    refused(grace.patch(f"/users/{own}", {"disabled": True}), 409, "last administrator")
    refused(grace.patch(f"/users/{own}", {"roles": []}), 409, "last administrator")
    assert grace.get("/users").status_code == 200


def test_who_forgot_the_password_gets_a_link(house: House, grace: Browser) -> None:
    browser = house.with_("ada")
    ada = browser.get("/me").json()["id"]
    first, second = (grace.post(f"/users/{ada}/link").json()["url"].split("&link=")[1] for _ in range(2))
    refused(house.browser().follow(first, password=ANOTHER), 401)
    assert house.browser().follow(second, password=ANOTHER).status_code == 200
    refused(browser.get("/me"), 401, "the password was changed")
    assert len([line for line in house.told() if line[1] == "password.link"]) == 2
    house.staff.knows("heidi", "hers there")
    heidi = house.browser()
    heidi.sign_in("heidi", "hers there")
    refused(grace.post(f"/users/{heidi.get('/me').json()['id']}/link"), 409, "through staff")
    refused(grace.post("/users/local/link"), 409, "command line")


def test_sessions_and_second_factors_of_others_can_be_ended(house: House, grace: Browser) -> None:
    browser = house.with_("ada")
    ada = browser.get("/me").json()["id"]
    app = pyotp.parse_uri(browser.post("/me/totp").json()["uri"])
    assert isinstance(app, pyotp.TOTP)
    browser.put("/me/totp", {"code": app.at(house.clock())})
    assert grace.delete(f"/users/{ada}/sessions").json() == {"sessions": 1}
    refused(browser.get("/me"), 401, "ended by an administrator")
    assert refused(browser.sign_in("ada"), 401) == "second_factor_needed"
    assert grace.delete(f"/users/{ada}/totp").status_code == 204
    assert browser.sign_in("ada").status_code == 200
    assert [line[:2] for line in house.told() if line[1] == "totp.remove"] == [("grace", "totp.remove")]
    for path in ("/users/nobody/sessions", "/users/nobody/totp"):
        refused(grace.delete(path), 404)


def test_a_team_from_its_making_to_its_end(house: House, grace: Browser) -> None:
    ada = house.user("ada").id
    team = grace.post("/teams", {"name": "Harbour", "retention_days": 90}).json()
    path = f"/teams/{team['id']}"
    assert grace.put(f"{path}/members/{ada}").status_code == 204
    assert last_details(house, "team.member") == {"user": ada, "from": False, "to": True}
    told = grace.get(path).json()
    assert (told["members"], [one["name"] for one in told["people"]]) == (1, ["ada"])
    assert grace.get("/teams").json() == [{**team, "members": 1}]
    assert grace.get(f"/users/{ada}").json()["teams"] == [{"id": team["id"], "name": "Harbour"}]
    assert [one["teams"] for one in grace.get("/users").json() if one["name"] == "ada"] == [
        [{"id": team["id"], "name": "Harbour"}]
    ]
    assert grace.patch(path, {"name": "Port"}).json()["retention_days"] == 90
    assert last_details(house, "team.change") == {"name": {"from": "Harbour", "to": "Port"}}
    assert grace.patch(path, {"retention_days": None}).json() == {
        **team,
        "name": "Port",
        "retention_days": None,
        "members": 1,
    }
    assert grace.delete(f"{path}/members/{ada}").status_code == 204
    assert grace.delete(path).status_code == 204
    assert last_details(house, "team.remove") == {"name": "Port", "members": 0}
    for answer in (grace.get(path), grace.delete(path), grace.put(f"{path}/members/{ada}")):
        refused(answer, 404, "no team")


def test_teams_are_given_sensible_values(grace: Browser) -> None:
    for body in ({}, {"name": ""}, {"name": "x", "retention_days": 0}, {"name": "x", "retention_days": 2**40}):
        refused(grace.post("/teams", body), 400)
    grace.post("/teams", {"name": "Harbour"})
    refused(grace.post("/teams", {"name": "HARBOUR"}), 409, "already")
    refused(grace.put(f"/teams/{uuid4()}/members/local"), 404, "no team")
    refused(grace.get("/users/%00"), 400)


def test_auditors_see_and_change_nothing(house: House, grace: Browser) -> None:
    heidi = house.with_("heidi", Role.AUDITOR)
    own = heidi.get("/me").json()["id"]
    for path in ("/users", f"/users/{own}", "/teams"):
        assert heidi.get(path).status_code == 200
    for answer in (
        heidi.post("/users", {"name": "eve"}),
        heidi.patch(f"/users/{own}", {"roles": ["administrator"]}),
        heidi.post(f"/users/{own}/link"),
        heidi.delete(f"/users/{own}/sessions"),
        heidi.post("/teams", {"name": "x"}),
    ):
        assert refused(answer, 403, "administrator") == "forbidden"
