"""From the door to the deletion: what an analyst does with a recording, on the real platform, in one go."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import opened, playwright
from tests.integration.platform.ui.conftest import PASSWORD, AsUser, Axe, Site

expect = playwright.expect


def test_a_recording_from_upload_to_deletion(
    site: Site, browser: playwright.Browser, as_user: AsUser, axe: Axe, tmp_path: Path
) -> None:
    dialogue = tmp_path / "Two people.wav"
    dialogue.write_bytes(recording().read_bytes())
    with opened(browser, site.url, locale="en-GB") as page:
        page.goto(site.url)
        page.get_by_label("Name", exact=True).fill("cleo")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Library")).to_be_visible()
        assert axe(page) == []

        page.get_by_role("link", name="Add recordings").first.click()
        page.locator("input[type=file]").first.set_input_files(dialogue)
        page.get_by_role("button", name="Add the recording").click()
        row = page.get_by_role("link", name="Two people.wav").first
        row.click()
        line = page.get_by_role("textbox").first
        expect(line).to_be_visible(timeout=60_000)
        assert axe(page) == []

        page.get_by_text("good story").first.dblclick()
        page.keyboard.press("End")
        page.keyboard.type(" Zanzibar")
        expect(page.get_by_text("Saved", exact=True).first).to_be_visible()
        found = site.http("cleo").get("/library", params={"text": "Two people"}).json()["items"][0]["id"]
        until(lambda: site.http("cleo").get("/search", params={"q": "Zanzibar"}).json() != [])

        page.goto(f"{site.url}/search?q=Zanzibar")
        expect(page.locator("mark").first).to_contain_text("Zanzibar")

        for form in ("docx", "srt"):
            answer = page.request.get(f"{site.url}/api/v1/recordings/{found}/transcript.{form}")
            assert answer.ok
            target = tmp_path / f"out.{form}"
            target.write_bytes(answer.body())
        assert "Zanzibar" in (tmp_path / "out.srt").read_text()
        assert "Zanzibar" in zipfile.ZipFile(tmp_path / "out.docx").read("word/document.xml").decode()

        page.goto(f"{site.url}/recordings/{found}")
        page.get_by_role("button", name="Share", exact=True).click()
        page.get_by_role("dialog").get_by_placeholder("Name of a person or team").fill("ada")
        page.get_by_role("dialog").get_by_role("button", name="Ada Byron").click()
        expect(page.get_by_role("dialog")).to_contain_text("Ada Byron")
        page.keyboard.press("Escape")
        ada = as_user("ada")
        ada.goto(f"{site.url}/recordings/{found}")
        expect(ada.get_by_text("Zanzibar").first).to_be_visible()

        page.goto(site.url)
        page.get_by_role("button", name="More for Two people.wav").click()
        page.get_by_role("menuitem", name="Delete").click()
        expect(page.get_by_role("link", name="Two people.wav")).to_have_count(0)
        page.goto(f"{site.url}/queue")
        expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    # Leaving the page does what was not undone.
    until(lambda: site.http("cleo").get(f"/recordings/{found}").status_code == 404)


def until(is_so: Callable[[], bool], within_s: float = 30.0) -> None:
    give_up = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.1)
