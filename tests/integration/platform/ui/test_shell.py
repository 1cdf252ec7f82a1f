"""What stands around every page."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.platform.browsing import playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]


def test_the_rail_leads_to_every_page_and_back_keeps_the_place(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("both")
    page.goto(site.url)
    rail = page.get_by_role("navigation", name="Main")
    for name, path in (
        ("Queue", "/queue"),
        ("Search", "/search"),
        ("Team", "/team"),
        ("Admin", "/admin"),
        ("Help", "/help"),
    ):
        rail.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(site.url + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(rail.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page).to_have_url(site.url + "/admin")
