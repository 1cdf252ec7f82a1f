"""The library, teams and sharing: found, filed, tagged, shared, and deleted with a way back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import fits, playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]


@pytest.fixture(scope="module")
def two(site: Site, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of two recordings of Ben's."""
    folder = tmp_path_factory.mktemp("two")
    names = ["Board meeting.wav", "Visit to the archive.wav"]
    for name in names:
        site.made("ben", Path(shutil.copy(recording().parent / "beckett.wav", folder / name)), language="en")
    return names


def row(page: playwright.Page, name: str) -> playwright.Locator:
    return (
        page.get_by_role("list", name="Recordings")
        .get_by_role("listitem")
        .filter(has=page.get_by_label(f"Select {name}"))
    )


def choose(page: playwright.Page, name: str, deed: str) -> None:
    page.get_by_role("button", name=f"More for {name}").click()
    page.get_by_role("menuitem", name=deed).click()


def test_recordings_are_filed_and_tagged_by_keyboard(site: Site, as_user: AsUser, axe: Axe, two: list[str]) -> None:
    page = as_user("ben")
    page.goto(site.url + "/?whose=mine")
    expect(row(page, two[0])).to_be_visible()
    page.get_by_role("button", name="New folder").click()
    page.keyboard.type("Archive")
    page.keyboard.press("Enter")
    folders = page.get_by_role("navigation", name="Folders")
    expect(folders.get_by_role("link", name="Archive")).to_have_count(1)
    page.locator("body").press("j")
    page.keyboard.press("x")
    page.keyboard.press("Shift+J")
    tools = page.get_by_role("toolbar", name="2 selected")
    assert axe(page) == []
    tools.get_by_role("button", name="Tags").click()
    page.get_by_label("New tag").fill("quarter three")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the tag quarter three")).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="quarter three")).to_have_count(2)
    tools.get_by_role("button", name="Move to").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(folders.get_by_role("link", name="Archive 2")).to_be_visible()
    folders.get_by_role("link", name="Archive").click()
    expect(page.get_by_role("heading", level=1, name="Archive")).to_be_visible()
    expect(page.get_by_label("Select ")).to_have_count(2)
    page.get_by_label("Filter by name").fill("board")
    expect(row(page, two[1])).to_be_hidden()
    page.reload()
    expect(row(page, two[0])).to_be_visible()
    expect(page.get_by_label("Select ")).to_have_count(1)


def test_one_is_shared_changed_and_no_longer_shared(site: Site, as_user: AsUser, axe: Axe, two: list[str]) -> None:
    owner, other = as_user("ben"), as_user("cleo")
    owner.goto(site.url)
    choose(owner, two[0], "Share")
    dialog = owner.get_by_role("dialog")
    dialog.get_by_label("Name of a person or team").fill("cl")
    dialog.get_by_role("button", name="Cleo Martin").click()
    level = dialog.get_by_label("What Cleo Martin may do")
    expect(level).to_have_value("view")
    assert axe(owner) == []
    level.select_option("comment")
    expect(dialog.get_by_text("Cleo Martin may comment now.")).to_be_visible()
    other.goto(site.url + "/?whose=shared")
    expect(row(other, two[0])).to_contain_text("by Ben Okafor")
    choose(other, two[0], "Shared with")
    expect(other.get_by_role("dialog")).to_contain_text("Only Ben Okafor, the owner, can change this.")
    assert axe(other) == []
    dialog.get_by_role("button", name="No longer share with Cleo Martin").click()
    expect(dialog.get_by_text("No longer shared with Cleo Martin.")).to_be_visible()
    expect(level).to_be_hidden()
    dialog.get_by_role("button", name="Undo").last.click()
    expect(level).to_have_value("comment")
    dialog.get_by_label("Belongs to the team").select_option("Research")
    expect(dialog).to_contain_text("Everybody in Research")
    owner.goto(site.url + "/team")
    research = owner.get_by_role("region", name="Research")
    expect(research.get_by_role("link", name=two[0])).to_be_visible()
    expect(research.get_by_role("list", name="Members of Research")).to_contain_text("Ada Byron")
    assert axe(owner) == []
    other.goto(site.url + "/team")
    expect(other.get_by_role("heading", name="Team", exact=True)).to_be_visible()
    expect(other.get_by_role("region", name="Research")).to_be_hidden()


def test_a_recording_gets_another_name_here_and_on_its_page(
    site: Site, as_user: AsUser, axe: Axe, two: list[str]
) -> None:
    page = as_user("ben")
    page.goto(site.url + "/?whose=mine")
    expect(row(page, two[0])).to_contain_text("English")
    choose(page, two[0], "Rename")
    page.get_by_label("Name of the recording").fill("Council of October")
    assert axe(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("is called “Council of October” now")).to_be_visible()
    expect(page.get_by_role("link", name="Council of October")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name=two[0]).click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the recording").fill("Council of November")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Council of November")).to_be_visible()
    expect(page).to_have_title("Council of November · Echo")
    assert axe(page) == []
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("heading", level=1, name=two[0])).to_be_visible()


def test_what_is_deleted_comes_back_with_undo_and_is_gone_without(site: Site, as_user: AsUser, two: list[str]) -> None:
    page = as_user("ben", viewport={"width": 360, "height": 740})
    page.goto(site.url)
    choose(page, two[1], "Delete")
    expect(row(page, two[1])).to_be_hidden()
    assert fits(page)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, two[1])).to_be_visible()
    choose(page, two[1], "Delete")
    expect(row(page, two[1])).to_be_hidden()
    page.reload()  # whoever leaves the page does not take it back any more
    expect(row(page, two[0])).to_be_visible()
    page.goto(site.url + "/?q=archive")
    expect(page.get_by_role("heading", name="Nothing fits these filters")).to_be_visible()
