"""A real browser. What it opens may talk to one server alone, no script of it may fail, and it keeps to its policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no chromium was found; on Debian: apt install chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: playwright.Browser, address: str, **options: object) -> Iterator[playwright.Page]:
    """An empty page of a browser that knows nothing yet; in the end everything it has complained of is a failure.

    `address`: of the one server that it may talk to. That the API refuses something is no complaint.
    """
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
    page = context.new_page()
    complaints: list[str] = []
    strangers: list[str] = []

    def hear(message: playwright.ConsoleMessage) -> None:
        is_refusal = "status of 4" in message.text and "/api/" in message.location["url"]
        if message.type in {"error", "warning"} and not is_refusal:
            complaints.append(f"{message.text} ({message.location['url']})")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    own = (address, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else strangers.append(request.url))
    yield page
    context.close()
    assert complaints == [], complaints
    assert strangers == [], "nothing leaves the building"


def fits(page: playwright.Page) -> bool:
    """Whether nothing sticks out sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
