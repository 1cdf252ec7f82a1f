"""The app in a real browser on the real platform, with people who have work of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from brickyard.access.links import Links, Purpose
from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.access.teams import Teams
from brickyard.cli.demo import recording
from brickyard.cli.up import Platform
from brickyard.echo.identity import COOKIE
from brickyard.kit import db
from tests.conftest import REPOSITORY
from tests.integration.platform.browsing import NEEDS_CHROMIUM, chromium, opened, playwright

PASSWORD = "seven crooked lighthouses"
PEOPLE = {
    "ada": ("Ada Byron", [Role.ANALYST]),
    "ben": ("Ben Okafor", [Role.ANALYST]),
    "cleo": ("Cleo Martin", [Role.DATA_SCIENTIST]),
    "root": ("Rosa Admin", [Role.ADMINISTRATOR]),
    "audrey": ("Audrey Lane", [Role.AUDITOR]),
    "both": ("Bea Both", [Role.ANALYST, Role.ADMINISTRATOR]),
}
AXE = REPOSITORY / "ui" / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(NEEDS_CHROMIUM)


class Site:
    """A platform with people in it. `states`: what their browsers keep, so that each signs in once."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.url = platform.settings.url
        self.engine = db.connect(platform.database_url, pool_size=2)
        self._clients: dict[str, httpx.Client] = {}
        self.ids = {name: self._add(name, shown, roles) for name, (shown, roles) in PEOPLE.items()}
        teams = Teams(self.engine)
        self.team = teams.add_team("Research").id
        for name in ("ada", "ben", "both"):
            teams.set_member(self.team, self.ids[name], True)
        self.recording = self.made("ada", recording(), language="en", summary="extractive", translate_into="es")

    def _add(self, name: str, shown: str, roles: list[Role]) -> str:
        user = People(self.engine).add(name, shown, None, roles).id
        token = Links(self.engine).make(Purpose.PASSWORD, user)
        client = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, trust_env=False)
        client.post("/session/link", json={"token": token, "password": PASSWORD}).raise_for_status()
        client.headers["x-brickyard-csrf"] = client.get("/session").json()["csrf"]
        self._clients[name] = client
        return user

    def http(self, name: str) -> httpx.Client:
        """On /api/v1, as this person."""
        return self._clients[name]

    def cookie(self, name: str, agent: str) -> Any:
        """Of a new session; `agent` is the browser that it is bound to."""
        token = Sessions(self.engine).open(self.ids[name], "local", "127.0.0.1", agent).token
        return {"name": COOKIE, "value": token, "url": self.url, "httpOnly": True}

    def made(self, name: str, file: Path, **options: str) -> str:
        """Uploaded by somebody and processed; the recording's id."""
        with file.open("rb") as stream:
            answer = self.http(name).post("/recordings", files={"file": (file.name, stream)}, data=options)
        assert answer.status_code == 201, answer.text
        give_up = time.monotonic() + 120
        while (job := self.http(name).get(f"/jobs/{answer.json()['job']}").json())["state"] != "succeeded":
            assert job["state"] in {"waiting", "running"}, job
            assert time.monotonic() < give_up, job
            time.sleep(0.1)
        return str(answer.json()["recording"]["id"])


@pytest.fixture(scope="session")
def site(platform: Platform) -> Iterator[Site]:
    site = Site(platform)
    yield site
    site.engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as browser:
        yield browser


AsUser = Callable[..., "playwright.Page"]
Axe = Callable[["playwright.Page"], list[str]]


@pytest.fixture
def as_user(site: Site, browser: playwright.Browser) -> Iterator[AsUser]:
    """A browser of its own for somebody who is signed in. What it complained of is a failure at the end."""
    with ExitStack() as stack:

        def sign_in(name: str, **options: object) -> playwright.Page:
            page = stack.enter_context(opened(browser, site.url, **{"locale": "en-GB", **options}))
            page.context.add_cookies([site.cookie(name, page.evaluate("navigator.userAgent"))])
            return page

        yield sign_in


@pytest.fixture
def axe() -> Callable[[playwright.Page], list[str]]:
    """What axe finds against WCAG 2.2 AA, each with the elements concerned."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make ui` brings it")
    script = AXE.read_text()

    def violations(page: playwright.Page) -> list[str]:
        page.evaluate(script)  # not by a script element: the page's policy forbids that
        found = page.evaluate("tags => axe.run({runOnly: tags})", STANDARDS)
        return [
            f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    return violations
