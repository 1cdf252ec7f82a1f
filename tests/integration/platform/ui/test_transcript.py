"""The page of a recording: playing, reading and editing its transcript, alone and by two."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import fits, playwright

if TYPE_CHECKING:
    from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]


@pytest.fixture(scope="module")
def spoken(site: Site) -> str:
    """A recording for these tests alone, since they change it; shared with ben."""
    made = site.made("ada", recording(), language="en")
    share = {"user": site.ids["ben"], "access": "edit"}
    site.http("ada").put(f"/recordings/{made}/shares", json=share).raise_for_status()
    return made


def open_(page: playwright.Page, site: Site, made: str) -> playwright.Locator:
    """Its lines."""
    page.goto(f"{site.url}/recordings/{made}")
    lines = page.get_by_role("list", name="Lines of the transcript").get_by_role("textbox")
    expect(lines.first).to_be_visible()
    return lines


def saved(page: playwright.Page) -> None:
    expect(page.get_by_role("toolbar", name="Transcript tools").get_by_role("status")).to_have_text("Saved")


def test_a_line_is_edited_split_joined_and_undone(site: Site, spoken: str, as_user: AsUser) -> None:
    page = as_user("ada")
    lines = open_(page, site, spoken)
    before, count = lines.first.inner_text(), lines.count()
    lines.first.dblclick()
    page.keyboard.press("End")
    page.keyboard.type(" And more")
    saved(page)
    for _ in "And more":
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(lines.nth(1)).to_have_text("And more")
    page.keyboard.press("Backspace")
    expect(lines.first).to_have_text(f"{before} And more")
    saved(page)
    page.reload()
    expect(lines.first).to_have_text(f"{before} And more")
    lines.first.dblclick()
    page.keyboard.type("x")
    page.keyboard.press("Control+z")
    expect(lines.first).to_have_text(f"{before} And more")
    page.keyboard.press("Control+a")
    page.keyboard.type(before)
    saved(page)
    expect(lines).to_have_count(count)
    segments = site.http("ada").get(f"/recordings/{spoken}/document").json()["segments"]
    assert segments[0]["text"] == before


def test_speakers_are_renamed_and_words_replaced(site: Site, spoken: str, as_user: AsUser, axe: Axe) -> None:
    page = as_user("ada")
    open_(page, site, spoken)
    page.get_by_role("button", name="Speaker 1: change who says this").first.click()
    page.get_by_label("New name").fill("Nagg")
    assert axe(page) == []
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("button", name="Nagg: change who says this").first).to_be_visible()
    page.keyboard.press("Control+f")
    page.get_by_role("textbox", name="Find", exact=True).fill("laugh")
    expect(page.get_by_text(re.compile(r"^1 of \d+$"))).to_be_visible()
    page.get_by_label("Put in its place").fill("giggle")
    page.get_by_role("button", name="Replace all").click()
    expect(page.get_by_text("Not found")).to_be_visible()
    saved(page)
    document = site.http("ada").get(f"/recordings/{spoken}/document").json()
    assert "Nagg" in document["speakers"]
    assert any("giggle" in each["text"] for each in document["segments"])
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    expect(page.get_by_role("button", name="Speaker 1: change who says this").first).to_be_visible()
    saved(page)
    assert axe(page) == []


def test_two_people_change_the_same_words(site: Site, spoken: str, as_user: AsUser) -> None:
    ada, ben = as_user("ada"), as_user("ben")
    mine, theirs = open_(ada, site, spoken).nth(2), open_(ben, site, spoken).nth(2)
    theirs.dblclick()
    ben.keyboard.press("Control+a")
    ben.keyboard.type("Somebody said one thing")
    saved(ben)
    expect(mine).to_have_text("Somebody said one thing", timeout=10_000)

    changes = re.compile(r"/changes$")
    ada.route(
        changes,
        lambda route: route.fulfill(status=429, body="{}") if route.request.method == "POST" else route.fallback(),
    )
    mine.dblclick()
    ada.keyboard.press("Control+a")
    ada.keyboard.type("Ada says another")
    expect(ada.get_by_text("Not saved yet: no connection.")).to_be_visible()
    ben.keyboard.press("Control+a")
    ben.keyboard.type("Ben insists upon his own")
    saved(ben)
    ada.unroute(changes)
    ada.get_by_role("button", name="Try again").click()
    expect(ada.get_by_text("Somebody else changed the same words.")).to_be_visible()
    ada.get_by_role("button", name="Keep mine").click()
    expect(theirs).to_have_text("Ada says another", timeout=10_000)


def test_a_reload_in_the_middle_of_typing_loses_nothing(site: Site, spoken: str, as_user: AsUser) -> None:
    page = as_user("ada")
    lines = open_(page, site, spoken)
    lines.nth(4).dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("Typed just before the page went away.")
    page.reload()
    expect(lines.nth(4)).to_have_text("Typed just before the page went away.")


def test_it_plays_and_keys_work_and_it_fits_a_phone(site: Site, spoken: str, as_user: AsUser, axe: Axe) -> None:
    page = as_user("ada", viewport={"width": 360, "height": 740})
    lines = open_(page, site, spoken)
    position = page.get_by_role("slider", name="Position in the recording")
    page.get_by_role("button", name="Go to 0:02").first.click()
    expect(position).to_have_attribute("aria-valuenow", "2")
    expect(page).to_have_url(re.compile(r"at=2"))
    lines.first.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    assert fits(page)
    assert axe(page) == []
