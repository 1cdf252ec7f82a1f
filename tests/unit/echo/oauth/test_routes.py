from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from brickyard.access.policy import Role
from brickyard.echo.identity import COOKIE
from tests.unit.access.oauth.scene import BACK, BYE, SCOPES, proof
from tests.unit.echo.oauth.serving import Site, site, told


@pytest.fixture
def running(engine: sa.Engine) -> Iterator[Site]:
    with site(engine) as here:
        yield here


def relying_party(running: Site, app: Any, **more: Any) -> OAuth2Client:
    """An app that is made with Authlib."""
    return OAuth2Client(app.id, app.secret, redirect_uri=BACK, scope=SCOPES, code_challenge_method="S256", **more)


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post", "none"])
def test_an_app_signs_somebody_in(running: Site, auth: str) -> None:
    user = running.scene.person("ada", [Role.ANALYST], ["press"])
    app = running.scene.app(is_public=auth == "none")
    about = httpx.get(f"{running.url}/.well-known/openid-configuration").json()
    assert about["issuer"] == running.url
    client = relying_party(running, app, token_endpoint_auth_method=auth)
    verifier, _ = proof()
    url, state = client.create_authorization_url(about["authorization_endpoint"], code_verifier=verifier, nonce="n1")

    sent = running.browser(user).get(url)
    assert (sent.status_code, told(sent)["iss"]) == (302, running.url)
    tokens = client.fetch_token(
        about["token_endpoint"], authorization_response=sent.headers["location"], state=state, code_verifier=verifier
    )
    keys = KeySet.import_key_set(httpx.get(about["jwks_uri"]).json())
    claims = CodeIDToken(
        jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims,
        {"alg": "RS256"},
        options={
            "iss": {"values": [about["issuer"]]},
            "aud": {"values": [app.id]},
            "nonce": {"value": "n1"},
            "sub": {"values": [user]},
        },
        params={"access_token": tokens["access_token"], "client_id": app.id},
    )
    claims.validate()
    person = client.get(about["userinfo_endpoint"]).json()
    assert (person["sub"], person["groups"], person["roles"]) == (user, ["press"], ["analyst"])

    refreshed = client.refresh_token(about["token_endpoint"])
    assert refreshed["access_token"] != tokens["access_token"]
    assert client.get(about["userinfo_endpoint"]).status_code == 200
    client.revoke_token(about["revocation_endpoint"], refreshed["refresh_token"])
    assert client.get(about["userinfo_endpoint"]).status_code == 401


def ask(running: Site, browser: httpx.Client, app: Any, **more: str) -> httpx.Response:
    given = {"response_type": "code", "client_id": app.id, "redirect_uri": BACK, "scope": SCOPES, "state": "s1"}
    return browser.get("/oauth/authorize", params=given | more)


def test_who_is_not_signed_in_signs_in_first(running: Site) -> None:
    app = running.scene.app()
    sent = ask(running, running.browser(), app)
    assert sent.headers["location"].startswith("/signin?next=%2Foauth%2Fauthorize%3F")
    back = told(sent)["next"]
    user = running.scene.person("ada")
    assert told(running.browser(user).get(back))["code"]


def test_a_void_cookie_or_a_key_is_no_sign_in(running: Site) -> None:
    app, browser = running.scene.app(), running.browser()
    browser.cookies.set(COOKIE, "unknown")
    assert "/signin?" in ask(running, browser, app).headers["location"]
    bearer = httpx.Client(base_url=running.url, headers={"authorization": "Bearer unknown"})
    assert "/signin?" in ask(running, bearer, app).headers["location"]


def test_who_signs_out_is_out_everywhere(running: Site) -> None:
    user, app = running.scene.person("ada"), running.scene.app()
    browser = running.browser(user)
    form = {"grant_type": "authorization_code", "code": told(ask(running, browser, app))["code"], "redirect_uri": BACK}
    tokens = httpx.post(f"{running.url}/oauth/token", data=form, headers=app.basic()).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx.get(f"{running.url}/oauth/userinfo", headers=bearer).status_code == 200

    params = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE, "state": "s2"}
    gone = browser.get("/oauth/logout", params=params)
    assert (gone.status_code, gone.headers["location"]) == (303, f"{BYE}?state=s2")
    assert gone.headers["set-cookie"].startswith(f'{COOKIE}="";')
    assert httpx.get(f"{running.url}/oauth/userinfo", headers=bearer).status_code == 401
    assert running.scene.sessions.every(user) == []


def test_without_an_id_token_the_person_confirms_it(running: Site) -> None:
    user = running.scene.person("ada")
    browser = running.browser(user)
    page = browser.get("/oauth/logout")
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    browser.post("/oauth/logout", data={"confirm": "a guess"})
    assert len(running.scene.sessions.every(user)) == 1
    csrf = page.text.partition('name="confirm" value="')[2].partition('"')[0]
    assert "signed out" in browser.post("/oauth/logout", data={"confirm": csrf}).text
    assert running.scene.sessions.every(user) == []
    assert "signed out" in running.browser().get("/oauth/logout").text


def test_what_is_not_trusted_is_told_on_a_page_and_escaped(running: Site) -> None:
    app = running.scene.app("<b>Grafana</b>")
    page = ask(running, running.browser(), app, redirect_uri='https://evil.test/"><script>alert(1)</script>')
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "<script>" not in page.text
    assert "<b>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    twice = running.browser().get("/oauth/authorize?client_id=a&client_id=b")
    assert (twice.status_code, "twice" in twice.text) == (400, True)
    many = running.browser().get("/oauth/authorize?" + "&".join(f"a{number}=1" for number in range(60)))
    assert many.status_code == 400


def test_a_request_that_comes_as_a_form_goes_on_as_an_address(running: Site) -> None:
    app, browser = running.scene.app(), running.browser(running.scene.person("ada"))
    given = {"response_type": "code", "client_id": app.id, "redirect_uri": BACK, "scope": "openid", "state": "s é"}
    sent = browser.post("/oauth/authorize", data=given)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/oauth/authorize?")
    answer = told(browser.get(sent.headers["location"]))
    assert (bool(answer["code"]), answer["state"]) == (True, "s é")


@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
def test_programs_send_forms_of_some_size(running: Site, path: str) -> None:
    url, basic = f"{running.url}/oauth/{path}", running.scene.app().basic()
    refused = httpx.post(url, json={"grant_type": "authorization_code"}, headers=basic)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    huge = httpx.post(url, data={"code": "x" * 100_000}, headers=basic)
    assert (huge.status_code, huge.json()["error"]) == (413, "invalid_request")
    assert httpx.get(url).status_code == 405


def test_an_address_without_tls_signs_nobody_in(engine: sa.Engine) -> None:
    with site(engine, "http://echo.example.org") as here:
        for path in ("/.well-known/openid-configuration", "/oauth/jwks.json", "/oauth/authorize"):
            refused = httpx.get(here.url + path)
            assert refused.status_code == 409
            assert "BRICKYARD_PUBLIC_URL" in refused.json()["error"]["message"]


def test_administrators_register_apps(running: Site) -> None:
    admin = running.browser(running.scene.person("root", [Role.ADMINISTRATOR]))
    asked = {"name": "Grafana", "redirect_uris": [BACK], "roles": ["auditor"]}
    made = admin.post("/api/v1/clients", json=asked)
    assert made.status_code == 201
    body = made.json()
    assert body["client_secret"].startswith("bys_")
    assert (body["is_public"], body["roles"]) == (False, ["auditor"])
    listed = admin.get("/api/v1/clients").json()
    assert listed == [{name: value for name, value in body.items() if name != "client_secret"}]
    assert admin.post("/api/v1/clients", json=asked | {"is_public": True}).json()["client_secret"] is None

    assert admin.delete(f"/api/v1/clients/{body['client_id']}").status_code == 204
    assert admin.delete(f"/api/v1/clients/{body['client_id']}").status_code == 404
    assert len(admin.get("/api/v1/clients").json()) == 1
    unsafe = admin.post("/api/v1/clients", json=asked | {"redirect_uris": ["http://evil.test/"]})
    assert (unsafe.status_code, unsafe.json()["error"]["code"]) == (400, "bad_input")
    assert running.scene.recorded()[0] == ("client.change", running.scene.people.by_name("root").id, "allowed")  # type: ignore[union-attr]


def test_others_do_not(running: Site) -> None:
    asked = {"name": "Grafana", "redirect_uris": [BACK]}
    analyst = running.browser(running.scene.person("ada"))
    auditor = running.browser(running.scene.person("carl", [Role.AUDITOR]))
    assert analyst.get("/api/v1/clients").status_code == 403
    assert auditor.get("/api/v1/clients").status_code == 200
    for browser in (analyst, auditor):
        assert browser.post("/api/v1/clients", json=asked).status_code == 403
    assert running.browser().get("/api/v1/clients").status_code == 401
