"""Search: the address keeps what is asked, and every find leads to its moment."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.integration.platform.browsing import fits, playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]


def test_a_phrase_is_found_narrowed_down_and_opened(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("ada", viewport={"width": 360, "height": 740})
    page.goto(site.url + "/search")
    expect(page.get_by_role("heading", name="Find the moment")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("/")
    page.keyboard.type('"good story"')
    find = page.locator("main li", has=page.locator("mark")).first
    expect(find.locator("mark").first).to_have_text("good")
    expect(page).to_have_url(re.compile(r"q=%22good\+story%22"))
    assert fits(page)
    assert axe(page) == []
    page.get_by_label("Where").select_option("screen")
    expect(page.get_by_role("heading", name="Nothing found for")).to_be_visible()
    page.get_by_role("button", name="Take filters away").last.click()
    page.get_by_label("Added").select_option("7")
    page.get_by_label("Speaker").fill("Speaker 2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("speaker=Speaker"))
    page.reload()
    expect(find).to_contain_text("Speaker 2:")
    find.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/recordings/[\da-f-]+\?at=\d+\.\d&q=%22good"))
    page.go_back()
    expect(find).to_be_visible()
