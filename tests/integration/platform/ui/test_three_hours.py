"""A transcript of three hours: its lines are a real recording's, again and again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import playwright

if TYPE_CHECKING:
    from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]

LASTS_S = 3 * 3600.0
MOST_DRAWN = 200
"""Lines in the page at a time, of some thousands."""


def moved(segment: dict[str, Any], by_s: float) -> dict[str, Any]:
    words = [{**word, "start": word["start"] + by_s, "end": word["end"] + by_s} for word in segment["words"]]
    return {**segment, "start": segment["start"] + by_s, "end": segment["end"] + by_s, "words": words}


@pytest.fixture(scope="module")
def long_one(site: Site) -> tuple[str, int]:
    """The recording, and how many lines it has."""
    made = site.made("ada", recording(), language="en")
    document = site.http("ada").get(f"/recordings/{made}/transcript").json()
    once_s, segments = document["duration"], document["segments"]
    long = [moved(each, turn * once_s) for turn in range(math.floor(LASTS_S / once_s)) for each in segments]
    put = "UPDATE transcripts SET document = document || CAST(:long AS jsonb) WHERE recording = :made"
    with site.engine.begin() as connection:
        values = {"made": made, "long": json.dumps({"segments": long, "duration": LASTS_S})}
        connection.execute(sa.text(put), values)
        lasts = sa.text("UPDATE recordings SET duration_s = :lasts_s WHERE id = :made")
        connection.execute(lasts, {"made": made, "lasts_s": LASTS_S})
    return made, len(long)


def test_three_hours_are_read_searched_and_edited_at_their_end(
    site: Site, long_one: tuple[str, int], as_user: AsUser, axe: Axe
) -> None:
    made, count = long_one
    page = as_user("ada")
    page.goto(f"{site.url}/recordings/{made}")
    lines = page.get_by_role("list", name="Lines of the transcript").get_by_role("listitem")
    expect(lines.first).to_have_attribute("aria-posinset", "1")
    expect(lines.first).to_have_attribute("aria-setsize", str(count))
    assert lines.count() <= MOST_DRAWN

    page.keyboard.press("Control+f")
    page.get_by_role("textbox", name="Find", exact=True).fill("good story")
    expect(page.get_by_text(re.compile(r"^1 of \d{3}$"))).to_be_visible()
    page.get_by_role("button", name="The one before").click()
    expect(page.get_by_text(re.compile(r"^(\d{3}) of \1$"))).to_be_visible()
    page.keyboard.press("Escape")

    last = page.locator(f'[data-line][aria-posinset="{count}"]').get_by_role("textbox")
    last.dblclick()
    page.keyboard.press("Control+a")
    page.keyboard.type("The very last words.")
    expect(page.get_by_role("toolbar", name="Transcript tools").get_by_role("status")).to_have_text("Saved")
    assert lines.count() <= MOST_DRAWN
    assert axe(page) == []
    segments = site.http("ada").get(f"/recordings/{made}/document").json()["segments"]
    assert (len(segments), segments[-1]["text"]) == (count, "The very last words.")


def test_an_address_with_a_moment_opens_there(site: Site, long_one: tuple[str, int], as_user: AsUser) -> None:
    segments = site.http("ada").get(f"/recordings/{long_one[0]}/document").json()["segments"]
    begun = sum(segment["start"] <= 9000 for segment in segments)
    page = as_user("ada")
    page.goto(f"{site.url}/recordings/{long_one[0]}?at=9000")
    expect(page.locator(f'[data-line][aria-posinset="{begun}"]')).to_be_in_viewport()
