"""The page in a real browser, on the real platform: what a person does, and what they see."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from brickyard.cli.up import Platform

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium was found; on Debian: apt install chromium"),
]

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: playwright.Browser, platform: Platform) -> Iterator[playwright.Page]:
    """The page, freshly opened. It may talk to the platform alone, and no script may fail."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    failures: list[str] = []
    strangers: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("request", lambda request: strangers.append(request.url) if _is_strange(request.url, platform) else None)
    page.goto(platform.settings.url)
    yield page
    context.close()
    assert failures == []
    assert strangers == [], "nothing leaves the building"


def _is_strange(url: str, platform: Platform) -> bool:
    return not url.startswith((platform.settings.url, "data:", "blob:"))


def upload(page: playwright.Page, *paths: Path) -> None:
    page.set_input_files("#file", [str(path) for path in paths])


def test_a_recording_is_uploaded_watched_and_read(page: playwright.Page, wheel_audio: Path) -> None:
    upload(page, wheel_audio / "endgame_nagg_nell.wav")
    row = page.locator("li.row", has_text="endgame_nagg_nell.wav").first
    playwright.expect(row).to_contain_text("real time", timeout=60_000)
    row.get_by_role("button", name="endgame_nagg_nell.wav").first.click()
    said = page.locator(".said")
    playwright.expect(said.first).to_contain_text("Speaker 1")
    playwright.expect(said.first).to_contain_text(re.compile("hear me", re.IGNORECASE))
    assert "2 speakers" in (page.locator("#facts").text_content() or "")
    with page.expect_download() as download:
        page.click("#srt")
    assert download.value.suggested_filename == "endgame_nagg_nell.srt"
    assert Path(download.value.path()).read_text().startswith("1\n00:00:00")
    said.nth(3).locator("button.time").click()
    page.wait_for_function("document.querySelector('audio').currentTime > 2")
    page.evaluate("document.querySelector('button.time').click(); document.querySelector('audio').pause()")
    page.locator("body").press("Space")
    page.wait_for_function("!document.querySelector('audio').paused")
    page.go_back()
    playwright.expect(page.locator("#list")).to_be_visible()


def test_what_is_no_recording_is_refused_in_words(page: playwright.Page, tmp_path: Path) -> None:
    notes = tmp_path / "notes.mp3"
    notes.write_text("not a recording\n" * 50)
    upload(page, notes)
    playwright.expect(page.get_by_role("alert")).to_contain_text("notes.mp3: This is not a recording")
    page.get_by_role("button", name="Close").click()
    playwright.expect(page.get_by_role("alert")).to_be_hidden()


def test_the_queue_can_be_paused_and_a_waiting_job_cancelled(
    page: playwright.Page,
    wheel_audio: Path,
) -> None:
    page.get_by_role("link", name="Queue").click()
    playwright.expect(page.locator("#workers")).to_contain_text("1 worker")
    queue = page.locator("#queues tr", has_text="default")
    queue.get_by_role("button", name="Pause").click()
    playwright.expect(queue).to_contain_text("paused")
    page.click("#queue-back")
    upload(page, wheel_audio / "beckett.wav")
    row = page.locator("li.row", has_text="beckett.wav").first
    playwright.expect(row.get_by_role("button", name="Cancel")).to_be_visible(timeout=15_000)
    row.get_by_role("button", name="Cancel").click()
    playwright.expect(row).to_contain_text("cancelled")
    page.get_by_role("link", name="Queue").click()
    queue.get_by_role("button", name="Resume").click()
    playwright.expect(queue).to_contain_text("open")


def test_the_page_works_by_keyboard_and_in_the_dark(page: playwright.Page) -> None:
    page.emulate_media(color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(25, 22, 20)"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "choose"
