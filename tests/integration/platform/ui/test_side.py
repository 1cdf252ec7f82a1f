"""What stands beside a transcript: summary, translation, on-screen text, comments, coverage, history; and exports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.integration.platform.ui.conftest import AsUser, Site

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
Axe = Callable[[Any], list[str]]


def opened(site: Site, as_user: AsUser, name: str, tab: str, recording: str = "", **options: object) -> Any:
    page = as_user(name, **options)
    page.goto(f"{site.url}/recordings/{recording or site.recording}?tab={tab}")
    playwright.expect(page.get_by_role("tab", selected=True)).to_be_visible()
    return page


def panel(page: Any) -> Any:
    return page.get_by_role("tabpanel")


def test_a_summary_and_a_translation_lead_to_where_it_was_said(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = opened(site, as_user, "ada", "summary")
    side = panel(page)
    playwright.expect(side.get_by_text("made without a language model")).to_be_visible()
    chip = side.get_by_role("link", name=re.compile("^Play from")).first
    chip.focus()
    playwright.expect(page.get_by_role("tooltip")).not_to_be_empty()
    page.keyboard.press("Escape")
    playwright.expect(page.get_by_role("tooltip")).to_be_hidden()
    assert axe(page) == []

    side.get_by_label("Your question").fill("What is so funny?")
    side.get_by_role("button", name="Ask").click()
    playwright.expect(side.get_by_role("alert")).to_contain_text("language model")

    page.get_by_role("tab", name="Translation").click()
    playwright.expect(page).to_have_url(re.compile("tab=translation"))
    line = side.locator("li[aria-current=true], li").nth(5).get_by_role("link")
    playwright.expect(line).to_be_visible()
    line.click()
    playwright.expect(page).to_have_url(re.compile("tab=translation"))
    playwright.expect(side.locator("li[aria-current=true]")).to_be_visible()
    side.get_by_label("With the original").uncheck()
    assert axe(page) == []
    page.reload()
    playwright.expect(page.get_by_role("tab", name="Translation")).to_have_attribute("aria-selected", "true")


def test_comments_on_a_moment_are_answered_resolved_and_taken_back(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = opened(site, as_user, "ada", "summary")
    playwright.expect(panel(page).get_by_text("made without a language model")).to_be_visible()
    page.locator("body").press("c")
    side = panel(page)
    field = side.get_by_role("textbox", name="Comment", exact=True)
    playwright.expect(field).to_be_focused()
    page.keyboard.type("Is this the original text?")
    side.get_by_label("At", exact=True).fill("0:99:1")
    playwright.expect(side.get_by_role("alert")).to_contain_text("Write a time")
    side.get_by_label("At", exact=True).fill("0:14")
    side.get_by_role("button", name="Comment", exact=True).click()
    comment = side.get_by_role("listitem").filter(has_text="Is this the original text?").first
    playwright.expect(comment.get_by_role("link", name="Play from 0:14")).to_be_visible()

    comment.get_by_role("button", name="Answer").click()
    page.keyboard.type("It is.")
    page.keyboard.press("Control+Enter")
    playwright.expect(comment.get_by_text("It is.")).to_be_visible()
    comment.get_by_role("button", name="Resolve").click()
    playwright.expect(comment.get_by_text("Resolved by Ada Byron")).to_be_visible()
    assert axe(page) == []
    side.get_by_label("Only what is not resolved").check()
    playwright.expect(side.get_by_text("Everything is resolved.")).to_be_visible()
    side.get_by_label("Only what is not resolved").uncheck()

    comment.get_by_role("button", name="Delete").first.click()
    playwright.expect(comment).to_have_count(0)
    undo = page.get_by_text("The comment is deleted.").locator("..").get_by_role("button", name="Undo")
    undo.click()
    playwright.expect(comment).to_be_visible()


def test_who_may_only_read_sees_why_nothing_can_be_written(site: Site, as_user: AsUser, axe: Axe) -> None:
    share = {"user": site.ids["cleo"], "access": "view"}
    site.http("ada").put(f"/recordings/{site.recording}/shares", json=share).raise_for_status()
    page = opened(site, as_user, "cleo", "comments", viewport={"width": 360, "height": 740})
    playwright.expect(panel(page).get_by_text("You may read the comments.")).to_be_visible()
    playwright.expect(panel(page).get_by_role("button", name="Comment", exact=True)).to_have_count(0)
    page.get_by_role("tab", name="On-screen text").click()
    playwright.expect(panel(page).get_by_text("This recording has no picture")).to_be_visible()
    page.get_by_role("tab", name="Coverage").click()
    playwright.expect(panel(page).get_by_text("of the speech has words.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []


def test_changes_are_compared_and_taken_back(site: Site, as_user: AsUser, axe: Axe) -> None:
    api = site.http("ada")
    document = api.get(f"/recordings/{site.recording}/document").json()
    first = document["segments"][0]
    change = {"kind": "set_text", "segment": first["id"], "before": first["text"], "text": "Can you hear me now?"}
    batch = {"batch": f"side-{document['revision']}-0001", "base": document["revision"], "changes": [change]}
    api.post(f"/recordings/{site.recording}/changes", json=batch).raise_for_status()

    page = opened(site, as_user, "ada", "history")
    side = panel(page)
    machine = side.get_by_role("listitem").filter(has_text="The machine").last
    machine.get_by_role("button", name="Compare with now").click()
    dialog = page.get_by_role("dialog")
    playwright.expect(dialog.locator("ins").filter(has_text="now?").first).to_be_visible()
    assert axe(page) == []
    dialog.get_by_role("button", name="Close").click()

    machine.get_by_role("button", name="Restore").click()
    playwright.expect(side.get_by_text("Went back to an earlier state").first).to_be_visible()
    playwright.expect(page.get_by_role("main").get_by_text(first["text"]).first).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).last.click()
    playwright.expect(page.get_by_text("The transcript is as it was before.")).to_be_visible()
    assert api.get(f"/recordings/{site.recording}/document").json()["segments"][0]["text"] == "Can you hear me now?"
    side.get_by_text("How the machine made it").click()
    playwright.expect(side.get_by_text("Telling speakers apart")).to_be_visible()
    assert axe(page) == []


def test_exports_are_downloaded_and_the_last_choice_comes_first(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = opened(site, as_user, "ada", "summary")
    page.get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="Other formats and parts").click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_role("radio", name="Translation: Spanish").check()
    dialog.get_by_role("radio", name="SRT").check()
    assert axe(page) == []
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(" es.srt")
    assert "-->" in download.value.path().read_text()
    playwright.expect(dialog).to_be_hidden()

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Transcript as Word document").click()
    assert download.value.path().read_bytes().startswith(b"PK")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Evidence pack").click()
    assert download.value.suggested_filename.endswith(".zip")

    page.get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="Make anew").click()
    redo = page.get_by_role("dialog", name="Make anew")
    playwright.expect(redo.get_by_label("How many people speak")).to_be_visible()
    assert axe(page) == []
    redo.get_by_role("button", name="Cancel").click()


def test_a_summary_and_a_translation_are_made_and_appear(site: Site, as_user: AsUser) -> None:
    from brickyard.cli.demo import recording

    mine = site.made("ada", recording(), language="en")
    page = opened(site, as_user, "ada", "summary", mine)
    side = panel(page)
    side.get_by_text("Make a summary").click()
    side.get_by_label("What kind").select_option("extractive")
    side.get_by_role("button", name="Make it").click()
    playwright.expect(side.get_by_role("heading", name="Key sentences")).to_be_visible(timeout=60_000)
    page.get_by_role("tab", name="Translation").click()
    side.get_by_label("Translate into").select_option("fr")
    side.get_by_role("button", name="Translate").click()
    playwright.expect(side.get_by_role("heading", name="French")).to_be_visible(timeout=60_000)
    playwright.expect(side.locator("[lang=fr]").first).not_to_be_empty()


def test_a_gap_is_heard_again_and_its_words_appear(site: Site, as_user: AsUser, axe: Axe) -> None:
    """The real machine hears a sentence that was taken out of its transcript."""
    from brickyard.cli.demo import recording

    mine = site.made("ada", recording(), language="en")
    document = site.http("ada").get(f"/recordings/{mine}/transcript").json()
    lost = next(each for each in document["segments"] if "still that resource" in each["text"])
    kept = [each for each in document["segments"] if each != lost]
    gap = {"kind": "gap", "start": lost["start"], "end": lost["end"], "channel": 0, "note": "speech without words"}
    with site.engine.begin() as connection:
        put = "UPDATE transcripts SET document = document || CAST(:changed AS jsonb) WHERE recording = :mine"
        connection.execute(sa.text(put), {"mine": mine, "changed": json.dumps({"segments": kept})})
        put = """UPDATE derived SET document = document || CAST(:changed AS jsonb)
                 WHERE recording = :mine AND kind = 'coverage'"""
        connection.execute(sa.text(put), {"mine": mine, "changed": json.dumps({"faults": [gap]})})
    page = opened(site, as_user, "ada", "coverage", mine)
    lines = page.get_by_role("list", name="Lines of the transcript")
    playwright.expect(lines).to_contain_text("not heartily")
    playwright.expect(lines).not_to_contain_text(lost["text"])
    assert axe(page) == []
    panel(page).get_by_role("button", name="Have it heard again").click()
    playwright.expect(page.get_by_text("Better words were found.")).to_be_visible(timeout=60_000)
    segments = site.http("ada").get(f"/recordings/{mine}/document").json()["segments"]
    back = [each["text"] for each in segments if lost["start"] <= (each["start"] + each["end"]) / 2 <= lost["end"]]
    assert "resource" in " ".join(back), back
    for text in back:
        playwright.expect(lines).to_contain_text(text)
    page.get_by_role("tab", name="History").click()
    playwright.expect(panel(page)).to_contain_text("Heard a place again")
