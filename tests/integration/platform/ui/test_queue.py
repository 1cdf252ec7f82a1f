"""The queue: where one's own stand, in which order, and what one can do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import fits, playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]
NAMES = ["First call.wav", "Second call.wav"]


@pytest.fixture
def held(site: Site) -> Iterator[list[str]]:
    """Two of ben's that wait, as an administrator has paused the queue."""
    steer = site.http("root")
    steer.post("/queues/default/pause").raise_for_status()
    http = site.http("ben")
    for name in NAMES:
        answer = http.post("/recordings", files={"file": (name, recording().read_bytes())})
        assert answer.status_code == 201, answer.text
    yield NAMES
    steer.post("/queues/default/resume").raise_for_status()


def _with_places(route: playwright.Route) -> None:
    """Nobody knows places while the queue is paused, so they are said here: the oldest is next."""
    answer = route.fetch()
    jobs = sorted(answer.json(), key=lambda job: job["created_at"])
    places = {job["id"]: at for at, job in enumerate((job for job in jobs if job["state"] == "waiting"), 1)}
    route.fulfill(response=answer, json=[{**job, "position": places.get(job["id"])} for job in jobs])


def test_waiting_jobs_are_ordered_paused_cancelled_and_done(
    site: Site, as_user: AsUser, axe: Axe, held: list[str]
) -> None:
    page = as_user("ben", viewport={"width": 360, "height": 800})
    page.route("**/api/v1/jobs?*state=waiting*", _with_places)
    page.goto(site.url + "/queue")
    first, second = held
    cards = page.locator("section", has=page.get_by_role("heading", name="Waiting")).locator("li")
    expect(cards).to_have_count(2)
    expect(page.locator("main")).to_contain_text("An administrator has paused the queue.")
    assert axe(page) == []
    assert fits(page)
    expect(cards.first).to_contain_text(first)
    earlier = page.get_by_role("button", name=f"Earlier: {second}")
    earlier.focus()
    with page.expect_response(lambda answer: answer.url.endswith("/place")) as answer:
        page.keyboard.press("Enter")
    assert answer.value.status == 200
    assert answer.value.request.post_data_json["before"] == cards.filter(has_text=first).get_attribute("data-job")
    page.get_by_role("button", name=f"Pause: {first}").click()
    page.get_by_role("button", name=f"Resume: {first}").click()
    expect(cards).to_have_count(2)
    page.get_by_role("button", name=f"Cancel: {first}").click()
    expect(cards).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(2)
    site.http("root").post("/queues/default/resume").raise_for_status()
    opened = page.get_by_role("link", name=re.compile(f"Open: {second}"))
    expect(opened).to_be_visible(timeout=30_000)
    opened.click()
    expect(page).to_have_url(re.compile("/recordings/"))
    page.unroute_all(behavior="ignoreErrors")


def test_an_empty_queue_says_what_it_is_for(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("cleo")
    page.goto(site.url + "/queue")
    expect(page.get_by_role("heading", name="Nothing of yours is in the queue")).to_be_visible()
    assert axe(page) == []
