"""The door, one's own account, and people, in a real browser on the real web application; no bricks are needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa
import uvicorn

from brickyard.access.links import Links, Purpose
from brickyard.access.master import MasterKey
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.cli import operator, web
from brickyard.cli.up import free_port
from brickyard.kit.settings import Settings
from tests.integration.platform.browsing import NEEDS_CHROMIUM, chromium, fits, opened, playwright

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

PASSWORD = "seven crooked lighthouses"
HOSTILE = """<img src=x onerror="document.title='broken in'">"""
expect = playwright.expect


class Site:
    """The web application, in a thread; and what one needs to get in."""

    def __init__(self, engine: sa.Engine, home: Path) -> None:
        self.engine = engine
        self.settings = Settings(home=home, port=free_port())
        master = MasterKey.create(self.settings.master_key)
        app = web.application(self.settings, engine, master)
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.settings.port, log_level="error"))
        self._thread = threading.Thread(target=self._server.run)

    @property
    def url(self) -> str:
        return self.settings.url

    def start(self) -> None:
        self._thread.start()
        give_up = time.monotonic() + 30
        while not self._server.started:
            assert time.monotonic() < give_up, "the web application did not start within 30 s"
            time.sleep(0.02)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def link(self, purpose: Purpose, user: str | None = None) -> str:
        return operator.link(self.settings, purpose, Links(self.engine).make(purpose, user))

    def add(self, name: str, *roles: Role) -> str:
        """A link that signs them in."""
        shown = name.capitalize()
        return self.link(Purpose.SIGN_IN, People(self.engine).add(name, shown, None, roles).id)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(engine: sa.Engine, tmp_path: Path) -> Iterator[Site]:
    site = Site(engine, tmp_path)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def page(browser: playwright.Browser, site: Site) -> Iterator[playwright.Page]:
    with opened(browser, site.url) as page:
        yield page


@pytest.fixture
def other(browser: playwright.Browser, site: Site) -> Iterator[playwright.Page]:
    """Another browser."""
    with opened(browser, site.url) as page:
        yield page


def first_administrator(page: playwright.Page, site: Site) -> None:
    page.goto(site.link(Purpose.FIRST_ADMINISTRATOR))
    page.get_by_label("Name to sign in with").fill("ada")
    page.get_by_label("Your name, as others see it").fill("Ada Lovelace")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(me(page, "Ada Lovelace")).to_be_visible()


def me(page: playwright.Page, name: str) -> playwright.Locator:
    """The menu of whoever is signed in."""
    return page.get_by_role("button", name=name)


def leave(page: playwright.Page, name: str) -> None:
    me(page, name).click()
    page.get_by_role("menuitem", name="Sign out").click()


def sessions(page: playwright.Page) -> playwright.Locator:
    return page.get_by_role("region", name="Where you are signed in").get_by_role("listitem")


def sign_in(page: playwright.Page, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def dialog(page: playwright.Page) -> playwright.Locator:
    return page.get_by_role("dialog")


def test_the_first_administrator_comes_in_by_the_link(page: playwright.Page, site: Site) -> None:
    page.goto(site.url)
    expect(page).to_have_url(f"{site.url}/signin?next=%2F")
    expect(page.get_by_text("Nobody administers this installation yet")).to_contain_text("brickyard users first-link")
    link = site.link(Purpose.FIRST_ADMINISTRATOR)
    page.goto(link)
    expect(page.get_by_label("Name to sign in with")).to_be_focused()
    page.get_by_label("Name to sign in with").fill("ada")
    page.get_by_label("New password", exact=True).fill("ada")
    page.get_by_label("New password, once more").fill("adb")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("New password, once more")).to_be_hidden()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("The password has 3 characters; 12 to 200 are allowed")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/")
    leave(page, "ada")
    expect(page).to_have_url(f"{site.url}/signin")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_text("Nobody administers this installation yet")).to_have_count(0)
    page.goto(link)
    page.get_by_label("Name to sign in with").fill("eve")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("This link was used, replaced, or has expired.")
    assert "#" not in page.url, "a token that is void does not stay in the address"
    assert [user.name for user in People(site.engine).every()] == ["ada", "operator"]


def test_whoever_signs_in_comes_to_where_they_wanted(page: playwright.Page, other: playwright.Page, site: Site) -> None:
    first_administrator(page, site)
    other.goto(f"{site.url}/account?from=elsewhere")
    expect(other.get_by_label("Name", exact=True)).to_be_focused()
    assert other.get_by_label("Name", exact=True).get_attribute("autocomplete") == "username"
    assert other.get_by_label("Password", exact=True).get_attribute("autocomplete") == "current-password"
    sign_in(other, "ada", "wrong")
    expect(other.get_by_role("alert")).to_contain_text("The name, the password or the code is wrong.")
    sign_in(other, "ada", PASSWORD)
    expect(other).to_have_url(f"{site.url}/account?from=elsewhere")
    expect(sessions(other)).to_have_count(2)
    for elsewhere in (
        "//example.org",
        "https://example.org",
        "/\\example.org",
        "javascript:alert(1)",
        "/%09/example.org",
    ):
        other.goto(f"{site.url}/signin?next={elsewhere}")
        expect(me(other, "Ada Lovelace")).to_be_visible()
        assert other.url.startswith(f"{site.url}/")


def test_a_second_factor_is_set_up_asked_for_and_turned_off(
    page: playwright.Page, other: playwright.Page, site: Site
) -> None:
    first_administrator(page, site)
    page.goto(f"{site.url}/account")
    page.get_by_role("button", name="Set up").click()
    page.wait_for_function("() => document.querySelector('form img')?.naturalWidth > 0")
    totp = pyotp.TOTP(page.locator("form code").inner_text().replace(" ", ""))
    page.get_by_label("The six digits that the app shows now").fill("000000" if totp.now() != "000000" else "000001")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code of this moment")
    page.get_by_label("The six digits that the app shows now").fill(totp.now())
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("pre").inner_text().split()
    assert len(codes) == 8
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_text(codes[0])).to_have_count(0)
    other.goto(site.url)
    sign_in(other, "ada", PASSWORD)
    code = other.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    assert code.get_attribute("autocomplete") == "one-time-code"
    other.get_by_role("button", name="Use a recovery code").click()
    other.get_by_label("Recovery code", exact=True).fill(codes[3])
    other.get_by_role("button", name="Sign in").click()
    expect(me(other, "Ada Lovelace")).to_be_visible()
    page.get_by_role("button", name="Turn off").click()
    dialog(page).get_by_label("Password", exact=True).fill("wrong")
    dialog(page).get_by_role("button", name="Turn off").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("The password is wrong.")
    dialog(page).get_by_label("Password", exact=True).fill(PASSWORD)
    dialog(page).get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Two-factor sign-in is off.")).to_be_visible()


def test_too_many_failures_say_when_to_try_again(page: playwright.Page, site: Site) -> None:
    page.goto(f"{site.url}/signin")
    knob = page.locator("form button.primary")
    for _ in range(12):
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            sign_in(page, "nobody", "wrong")
        if answer.value.status == 429:
            break
    expect(knob).to_contain_text("Try again in 0:")
    expect(knob).to_be_disabled()
    expect(knob).to_have_text("Sign in", timeout=20_000)


def test_the_password_is_changed_and_other_sessions_end(
    page: playwright.Page, other: playwright.Page, site: Site
) -> None:
    first_administrator(page, site)
    other.goto(site.url)
    sign_in(other, "ada", PASSWORD)
    expect(me(other, "Ada Lovelace")).to_be_visible()
    page.goto(f"{site.url}/account")
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("nine blue herons walk")
    page.get_by_label("New password, once more").fill("nine blue herons walk")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    expect(sessions(page)).to_have_count(1)
    other.goto(f"{site.url}/account")
    expect(other.get_by_label("Name", exact=True)).to_be_focused()


def test_a_key_is_made_shown_once_and_revoked(page: playwright.Page, site: Site) -> None:
    page.goto(site.add("grace", Role.DATA_SCIENTIST))
    page.get_by_role("button", name="Continue").click()
    expect(me(page, "Grace")).to_be_visible()
    page.goto(f"{site.url}/account")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_label("the platform’s metrics")).to_have_count(0)
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    dialog(page).get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("alert")).to_contain_text("tick at least one")
    page.get_by_label("speech to text").check()
    dialog(page).get_by_role("button", name="Make a key").click()
    secret = page.locator("pre").inner_text()
    assert secret.startswith("by_")
    row = page.get_by_role("region", name="API keys").get_by_role("listitem")
    expect(row).to_contain_text(HOSTILE)
    expect(row).to_contain_text(f"{secret[:9]}…")
    page.reload()
    expect(row).to_be_visible()
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You have no keys.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(row).to_contain_text(HOSTILE)


def test_french_dark_and_narrow(page: playwright.Page, site: Site) -> None:
    first_administrator(page, site)
    page.goto(f"{site.url}/account")
    page.get_by_label("Dark").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Language", exact=True).select_option("fr")
    expect(page.get_by_role("heading", name="Langue et apparence")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.set_viewport_size({"width": 360, "height": 720})
    for path in ("/account", "/", "/add", "/queue", "/search", "/help/keys"):
        page.goto(site.url + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert fits(page), path
