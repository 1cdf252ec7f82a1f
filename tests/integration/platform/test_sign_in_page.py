"""The door, one's own account, and people, in a real browser on the real web application; no bricks are needed."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    expect(page.get_by_role("link", name="Your account, Ada Lovelace")).to_be_visible()


def enter(page: playwright.Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(page: playwright.Page, name: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def dialog(page: playwright.Page) -> playwright.Locator:
    return page.locator("dialog").last


def test_the_first_administrator_comes_in_by_the_link(page: playwright.Page, site: Site) -> None:
    page.goto(site.url)
    expect(page).to_have_url(f"{site.url}/signin?next=%2F")
    expect(page.locator("#first")).to_contain_text("brickyard users first-link")
    link = site.link(Purpose.FIRST_ADMINISTRATOR)
    page.goto(link)
    expect(page.get_by_label("Name to sign in with")).to_be_focused()
    page.get_by_label("Name to sign in with").fill("ada")
    page.get_by_label("New password", exact=True).fill("ada")
    page.get_by_label("New password, once more").fill("adb")
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ")
    page.get_by_role("button", name="Show the password").click()
    expect(page.get_by_label("New password, once more")).to_be_hidden()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("alert")).to_contain_text("The password has 3 characters; 12 to 200 are allowed")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/")
    expect(page.locator("#empty")).to_contain_text("Nothing here yet")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site.url}/signin")
    expect(page.locator("#first")).to_be_hidden()
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
    other.goto(f"{site.url}/account#keys-title")
    expect(other.get_by_label("Name", exact=True)).to_be_focused()
    assert other.get_by_label("Name", exact=True).get_attribute("autocomplete") == "username"
    assert other.get_by_label("Password", exact=True).get_attribute("autocomplete") == "current-password"
    sign_in(other, "ada", "wrong")
    expect(other.get_by_role("alert")).to_contain_text("The name, the password or the code is wrong.")
    sign_in(other, "ada", PASSWORD)
    expect(other).to_have_url(f"{site.url}/account#keys-title")
    expect(other.locator("#sessions tr")).to_have_count(2)
    for elsewhere in (
        "//example.org",
        "https://example.org",
        "/\\example.org",
        "javascript:alert(1)",
        "/%09/example.org",
    ):
        other.goto(f"{site.url}/signin?next={elsewhere}")
        expect(other.get_by_role("button", name="Sign out")).to_be_visible()
        assert other.url.startswith(f"{site.url}/")


def test_a_second_factor_is_set_up_asked_for_and_turned_off(
    page: playwright.Page, other: playwright.Page, site: Site
) -> None:
    first_administrator(page, site)
    page.goto(f"{site.url}/account")
    page.get_by_role("button", name="Set up").click()
    page.wait_for_function("() => document.querySelector('.qr')?.naturalWidth > 0")
    totp = pyotp.TOTP(page.locator("#totp code").inner_text().replace(" ", ""))
    page.get_by_label("Type the six digits").fill("000000" if totp.now() != "000000" else "000001")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code of this moment")
    page.get_by_label("Type the six digits").fill(totp.now())
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator(".once pre").inner_text().split()
    assert len(codes) == 8
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert Path(download.value.path()).read_text().split() == codes
    page.get_by_role("button", name="I have kept them").click()
    expect(page.locator("#totp")).not_to_contain_text(codes[0])
    other.goto(site.url)
    sign_in(other, "ada", PASSWORD)
    code = other.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    assert code.get_attribute("autocomplete") == "one-time-code"
    other.get_by_role("button", name="Use a recovery code").click()
    other.get_by_label("Recovery code", exact=True).fill(codes[3])
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="Turn off").click()
    dialog(page).get_by_label("Your password").fill("wrong")
    dialog(page).get_by_role("button", name="Turn off").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("The password is wrong.")
    dialog(page).get_by_label("Your password").fill(PASSWORD)
    dialog(page).get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("status").first).to_contain_text("Two-factor sign-in is off.")


def test_too_many_failures_say_when_to_try_again(page: playwright.Page, site: Site) -> None:
    page.goto(f"{site.url}/signin")
    knob = page.locator("#enter")
    for _ in range(12):
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            sign_in(page, "nobody", "wrong")
        if answer.value.status == 429:
            break
    expect(knob).to_contain_text("Try again in 0:")
    expect(knob).to_be_disabled()
    expect(knob).to_have_text("Sign in", timeout=20_000)
    expect(page.locator("#countdown")).to_have_text("You can try again now.")


def test_the_password_is_changed_and_other_sessions_end(
    page: playwright.Page, other: playwright.Page, site: Site
) -> None:
    first_administrator(page, site)
    other.goto(site.url)
    sign_in(other, "ada", PASSWORD)
    expect(other.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto(f"{site.url}/account")
    page.get_by_label("Password now").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("nine blue herons walk")
    page.get_by_label("New password, once more").fill("nine blue herons walk")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").first).to_contain_text("Everywhere else you are signed out.")
    expect(page.locator("#sessions tr")).to_have_count(1)
    other.goto(f"{site.url}/account")
    expect(other.get_by_label("Name", exact=True)).to_be_focused()


def test_a_key_is_made_shown_once_and_revoked(page: playwright.Page, site: Site) -> None:
    enter(page, site.add("grace", Role.DATA_SCIENTIST))
    page.goto(f"{site.url}/account")
    page.get_by_text("Make a key", exact=True).click()
    expect(page.get_by_label("the platform's metrics")).to_have_count(0)
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert")).to_contain_text("tick at least one")
    page.get_by_label("speech to text").check()
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#made input").input_value()
    assert secret.startswith("by_")
    row = page.locator("#keys tr")
    expect(row).to_contain_text(HOSTILE)
    expect(row).to_contain_text(f"{secret[:9]}…")
    page.reload()
    expect(row).to_be_visible()
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke").click()
    expect(dialog(page).get_by_role("button", name="Cancel")).to_be_focused()
    dialog(page).get_by_role("button", name="Revoke").click()
    expect(page.locator("#no-keys")).to_be_visible()


def test_somebody_is_added_comes_in_and_is_disabled(page: playwright.Page, other: playwright.Page, site: Site) -> None:
    first_administrator(page, site)
    page.get_by_role("link", name="People").click()
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("Name to sign in with").fill("ada")
    dialog(page).get_by_role("button", name="Add").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("There is a user ada already.")
    page.get_by_label("Name to sign in with").fill("grace")
    page.get_by_label("Name, as others see it").fill(HOSTILE)
    page.get_by_role("checkbox", name="Data scientist").check()
    dialog(page).get_by_role("button", name="Add").click()
    link = page.locator("#made input").input_value()
    other.goto(link)
    other.get_by_role("button", name="Show the password").click()
    other.get_by_label("New password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Set the password").click()
    expect(other.locator("#list")).to_be_visible()
    expect(other.get_by_role("link", name="People")).to_have_count(0)
    other.goto(f"{site.url}/people")
    expect(other).to_have_url(f"{site.url}/")
    page.reload()
    row = page.locator("#users tr", has_text="grace")
    expect(row).to_contain_text("analyst, data scientist")
    row.get_by_role("button", name="Manage").click()
    page.get_by_role("button", name="Disable").click()
    expect(dialog(page)).to_contain_text("All sessions end at once")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(1)
    page.get_by_role("button", name="Disable").click()
    dialog(page).get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("disabled")
    other.goto(f"{site.url}/account")
    expect(other.get_by_label("Name", exact=True)).to_be_focused()
    row.get_by_role("button", name="Manage").click()
    page.get_by_role("button", name="Enable").click()
    expect(row).to_contain_text("active")
    assert page.locator("main img").count() == 0
    page.locator("#users tr", has_text="Ada").get_by_role("button", name="Manage").click()
    page.get_by_role("checkbox", name="Administrator").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Give it up").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("the last administrator")


def test_teams_are_made_filled_and_deleted(page: playwright.Page, site: Site) -> None:
    site.add("grace", Role.ANALYST)
    enter(page, site.add("ada", Role.ADMINISTRATOR))
    page.get_by_role("link", name="People").click()
    expect(page.locator("#no-teams")).to_be_visible()
    page.get_by_role("button", name="Add a team").click()
    page.get_by_label("Name", exact=True).fill("Court 3")
    page.get_by_label("Days until its recordings are deleted").fill("90")
    dialog(page).get_by_role("button", name="Add").click()
    row = page.locator("#teams tr")
    expect(row).to_contain_text("90 days")
    row.get_by_role("button", name="Manage").click()
    page.get_by_label("Who is to belong to the team").select_option(label="Grace (grace)")
    page.get_by_role("button", name="Add to the team").click()
    expect(page.locator("dialog .people li")).to_contain_text("Grace")
    page.get_by_label("Days until its recordings are deleted").fill("30")
    dialog(page).get_by_role("button", name="Save").click()
    expect(dialog(page)).to_contain_text("Those that are older already are deleted")
    dialog(page).get_by_role("button", name="Keep so long").click()
    expect(row).to_contain_text("30 days")
    expect(page.locator("#users tr", has_text="Grace")).to_contain_text("Court 3")
    page.get_by_label("Show only").fill("court gra")
    expect(page.locator("#users tr")).to_have_count(1)
    row.get_by_role("button", name="Manage").click()
    page.get_by_role("button", name="Delete the team").click()
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.locator("#no-teams")).to_be_visible()


def test_auditors_look_and_change_nothing(page: playwright.Page, site: Site) -> None:
    People(site.engine).add_team("Court 3")
    enter(page, site.add("alan", Role.AUDITOR))
    expect(page.locator("#drop")).to_be_hidden()
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator("#empty")).to_have_text("Nobody has a recording here yet.")
    page.get_by_role("link", name="People").click()
    expect(page.locator("#only-looking")).to_be_visible()
    for verb in ("Add a person", "Add a team", "Manage"):
        expect(page.get_by_role("button", name=verb)).to_have_count(0)
    page.get_by_role("button", name="Members of Court 3").click()
    expect(dialog(page)).to_contain_text("Nobody yet.")
    expect(dialog(page).get_by_role("button")).to_have_text(["Close"])


def recording(name: str, access: str, **more: Any) -> dict[str, Any]:
    given = {"id": f"0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f{len(name):02}", "name": name, "container": "wav", "team": None}
    sizes = {"size_bytes": 9000, "duration_s": 60.0, "has_video": False, "created_at": "2026-11-23T09:12:44Z"}
    return {**given, **sizes, "owner": "Ada", "access": access, "is_held": False, "latest_job": None, **more}


def test_only_what_one_may_do_to_a_recording_is_offered(page: playwright.Page, site: Site) -> None:
    """The browser is told of recordings that are not there; who may do what is tested where it is decided."""
    given = [
        recording("own.wav", "own"),
        recording("held.wav", "own", is_held=True),
        recording("of another.wav", "view", owner=HOSTILE),
        recording("of the team.wav", "edit", team="Court 3"),
    ]
    page.route("**/api/v1/recordings", lambda route: route.fulfill(json=given))
    enter(page, site.add("grace", Role.ANALYST))
    rows = page.locator("#rows > li")
    expect(rows).to_have_count(4)
    for index, deletable in enumerate((1, 0, 0, 0)):
        expect(rows.nth(index).get_by_role("button", name="Delete")).to_have_count(deletable)
    expect(rows.nth(1)).to_contain_text("on legal hold")
    expect(rows.nth(2)).to_contain_text(f"of {HOSTILE} · you may read it")
    expect(rows.nth(3)).to_contain_text("team Court 3 · you may edit it")
    assert page.locator("main img").count() == 0


def test_a_change_is_proven_anew_where_another_tab_signed_in(page: playwright.Page, site: Site) -> None:
    """The value that proves it belongs to a session: the page asks for the new one, once, and goes on."""
    enter(page, site.add("grace", Role.ANALYST))
    page.goto(f"{site.url}/account")
    page.get_by_text("Make a key", exact=True).click()
    page.get_by_label("Name", exact=True).fill("notebook")
    page.get_by_label("speech to text").check()
    tab = page.context.new_page()
    enter(tab, site.add("alan", Role.ANALYST))
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#made input")).to_have_value(re.compile("^by_"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_narrow_screen(page: playwright.Page, site: Site, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(f"{site.url}/signin")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    assert fits(page)
    first_administrator(page, site)
    for path, shown in (("/", "#list"), ("/#queue", "#queues tr"), ("/account", "#all"), ("/people", "#all")):
        page.goto(f"{site.url}{path}")
        expect(page.locator(shown).first).to_be_visible()
        assert fits(page), path
    page.get_by_role("button", name="Add a person").click()
    assert fits(page)


def test_the_door_works_by_keyboard_and_says_that_caps_lock_is_on(page: playwright.Page, site: Site) -> None:
    page.goto(f"{site.url}/signin")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached == ["password", "Show", "enter"]
    page.evaluate("""() => document.getElementById("password").dispatchEvent(
        new KeyboardEvent("keydown", { key: "A", modifierCapsLock: true }))""")
    expect(page.locator("#caps")).to_have_text("Caps Lock is on.")
