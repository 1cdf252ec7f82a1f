"""Adding recordings: chosen, refused, sent, interrupted and gone on with, and followed until they are done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import fits, playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]
SOME_BYTES = 4096


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    made = tmp_path / "Harbour talk.wav"
    made.write_bytes(recording().read_bytes())
    return made


def test_files_are_checked_sent_and_followed(site: Site, as_user: AsUser, axe: Axe, talk: Path, tmp_path: Path) -> None:
    page = as_user("both", viewport={"width": 360, "height": 800})
    page.goto(site.url + "/add")
    expect(page.get_by_text(re.compile("up to 50 GB and 3 hours each"))).to_be_visible()
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound")
    chooser = page.locator("main input[type=file][multiple]")
    chooser.set_input_files([talk, notes])
    expect(page.get_by_role("alert")).to_have_text("notes.txt is neither audio nor video. Choose a recording.")
    chooser.set_input_files([talk])
    expect(page.get_by_role("alert")).to_have_text("Harbour talk.wav is in the list already.")
    page.get_by_label("How many people speak").select_option("2")
    page.get_by_label("Summary").select_option("extractive")
    page.get_by_text("More options").click()
    page.get_by_label("Belongs to the team").select_option("Research")
    assert axe(page) == []
    assert fits(page)
    page.get_by_role("button", name="Add the recording").click()
    tray = page.get_by_role("region", name="Uploads")
    expect(tray.get_by_role("link", name="Harbour talk.wav")).to_be_visible(timeout=20_000)
    assert axe(page) == []
    page.goto(site.url + "/add")
    expect(page.get_by_label("How many people speak")).to_have_value("2")
    expect(page.get_by_text("Research", exact=True).first).to_be_visible()


def test_an_upload_that_was_cut_goes_on_when_its_file_is_chosen_again(
    site: Site, as_user: AsUser, axe: Axe, talk: Path
) -> None:
    page = as_user("ben")
    begun = site.http("ben").post(
        "/uploads",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(talk.stat().st_size),
            "Upload-Metadata": "filename SGFyYm91ciB0YWxrLndhdg==",
            "Content-Type": "application/offset+octet-stream",
        },
        content=talk.read_bytes()[:SOME_BYTES],
    )
    assert begun.status_code == 201, begun.text
    page.goto(site.url + "/")
    tray = page.get_by_role("region", name="Uploads")
    expect(tray).to_contain_text("Choose the file again to go on there.")
    assert axe(page) == []
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers.get("upload-offset", "")))
    tray.locator("input[type=file]").set_input_files(recording())
    expect(page.get_by_role("alert")).to_contain_text("That is another file")
    tray.locator("input[type=file]").set_input_files(talk)
    expect(tray.get_by_role("link", name="Harbour talk.wav")).to_be_visible(timeout=20_000)
    assert str(SOME_BYTES) in sent, "only what was missing is sent"


def test_a_lost_line_is_waited_for_and_giving_up_can_be_undone(site: Site, as_user: AsUser, talk: Path) -> None:
    page = as_user("both")
    page.goto(site.url + "/add")
    page.locator("main input[type=file][multiple]").set_input_files([talk])
    page.route("**/api/v1/uploads", lambda route: route.fulfill(status=429, json={}))
    page.get_by_role("button", name="Add the recording").click()
    tray = page.get_by_role("region", name="Uploads")
    expect(tray).to_contain_text("Waiting for the network; goes on by itself")
    tray.get_by_role("button", name="Give up Harbour talk.wav").click()
    expect(tray).to_be_hidden()
    page.unroute("**/api/v1/uploads")
    page.get_by_role("button", name="Undo").click()
    expect(tray.get_by_role("link", name="Harbour talk.wav")).to_be_visible(timeout=20_000)
