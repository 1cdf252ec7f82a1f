"""What somebody sets for themselves in their account, and that the app then does so."""

from __future__ import annotations

from tests.integration.platform.browsing import playwright
from tests.integration.platform.ui.conftest import AsUser, Axe, Site

expect = playwright.expect


def test_single_letters_do_nothing_once_they_are_turned_off(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("ada")
    page.goto(f"{site.url}/recordings/{site.recording}")
    expect(page.get_by_role("textbox").first).to_be_visible()
    page.locator("body").press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert axe(page) == []

    page.goto(f"{site.url}/account")
    page.get_by_label("Single letters and signs act").uncheck()
    assert axe(page) == []
    page.reload()
    expect(page.get_by_label("Single letters and signs act")).not_to_be_checked()

    page.goto(f"{site.url}/recordings/{site.recording}")
    expect(page.get_by_role("textbox").first).to_be_visible()
    page.locator("body").press("?")
    page.locator("body").press("c")
    # What has Ctrl goes on working, and comes after the others.
    page.locator("body").press("Control+f")
    expect(page.get_by_role("search").get_by_label("Find", exact=True)).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("tab", name="Comments")).to_have_attribute("aria-selected", "false")


def test_french_fits_a_phone(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("both", locale="fr-FR", viewport={"width": 360, "height": 740})
    for path, shows in (("/queue", "File d’attente"), ("/account", "Langue et apparence"), ("/help/edit", "Corriger")):
        page.goto(site.url + path)
        expect(page.get_by_role("heading", name=shows).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
    page.goto(f"{site.url}/")
    expect(page.get_by_role("link", name="Administration")).to_be_visible()
