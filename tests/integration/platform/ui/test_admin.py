"""Administration: what administrators change, what auditors read, and every page of it against axe."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

from brickyard.cli.demo import recording
from tests.integration.platform.browsing import fits, playwright
from tests.integration.platform.ui.conftest import AsUser, Site

expect = playwright.expect
Axe = Callable[["playwright.Page"], list[str]]

SECTIONS = {
    "": "Overview",
    "people": "People",
    "teams": "Teams",
    "jobs": "Jobs",
    "queues": "Queues",
    "models": "Models and memory",
    "storage": "Storage",
    "retention": "Retention",
    "limits": "Limits",
    "apps": "Connected apps",
}
PHONE = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 900}


def opened(page: playwright.Page, site: Site, section: str) -> None:
    page.goto(f"{site.url}/admin/{section}".rstrip("/"))
    expect(page.get_by_role("heading", level=1, name=SECTIONS[section])).to_be_visible()
    expect(page.get_by_role("status", name="Loading …")).to_have_count(0)


def test_every_part_fits_a_phone_and_axe(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("root", viewport=PHONE)
    for section in SECTIONS:
        opened(page, site, section)
        assert fits(page), section
        assert axe(page) == [], section


def test_the_overview_says_whether_all_is_well(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("root", viewport=WIDE, color_scheme="dark")
    opened(page, site, "")
    expect(page.get_by_text("All parts answer.")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="24 hours").click()
    expect(page).to_have_url(re.compile("hours=24"))
    page.get_by_text("Show as a table").first.click()
    expect(page.get_by_role("region", name="Jobs that ended").get_by_role("row")).to_have_count(25)
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="Queues").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("nothing new starts until the queue is opened again")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert site.http("root").get("/queues").json()[0]["paused"] is False


def test_a_person_is_added_changed_and_disabled(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("root")
    opened(page, site, "people")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("Name to sign in with").fill("dora")
    page.get_by_label("Name, as others see it").fill("Dora Lind")
    assert axe(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Add a person").click()
    expect(page.get_by_text("/signin#purpose=password&link=")).to_be_visible()
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("searchbox", name="Name, e-mail or team").fill("lind")
    expect(page.get_by_text("1 of 7 accounts").or_(page.get_by_text("1 of 8 accounts"))).to_be_visible()
    page.get_by_role("button", name="Dora Lind").click()
    expect(page).to_have_url(re.compile(r"q=lind&user="))
    page.reload()
    sheet = page.get_by_role("dialog", name="Dora Lind")
    sheet.get_by_role("checkbox", name=re.compile("Auditor")).check()
    sheet.get_by_role("button", name="Save").click()
    expect(sheet.get_by_role("button", name="Save")).to_be_disabled()
    assert axe(page) == []
    sheet.get_by_role("button", name="Disable").click()
    expect(sheet.get_by_role("button", name="Enable again")).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    row = page.get_by_role("row", name=re.compile("Dora Lind"))
    expect(row).to_contain_text("Analyst, Auditor")
    expect(row).to_contain_text("disabled")
    page.get_by_role("button", name="Undo").click()
    expect(row).to_contain_text("no password yet")


def test_a_team_is_made_filled_and_deleted_with_undo(site: Site, as_user: AsUser) -> None:
    page = as_user("root")
    opened(page, site, "teams")
    page.get_by_role("button", name="Add a team").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Field work")
    page.get_by_role("dialog").get_by_role("button", name="Add a team").click()
    sheet = page.get_by_role("dialog", name="Field work")
    sheet.get_by_label("Who is to join?").select_option(label="Cleo Martin")
    sheet.get_by_role("button", name="Add to the team").click()
    expect(sheet.get_by_role("link", name="Cleo Martin")).to_be_visible()
    sheet.get_by_label("Days until its recordings are deleted").fill("30")
    expect(sheet.get_by_text("older than 30 days are deleted")).to_be_visible()
    sheet.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile("Field work 1 30 days"), include_hidden=True)
    expect(row).to_have_count(1)
    sheet.get_by_role("button", name="Delete the team").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()


def test_limits_apps_and_holds(site: Site, as_user: AsUser) -> None:
    page = as_user("root")
    opened(page, site, "limits")
    page.get_by_label("Jobs of one person that wait").fill("20")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Now: 20 jobs.")).to_be_visible()
    expect(page.get_by_text("Set by Rosa Admin")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Set by Rosa Admin")).to_have_count(0)

    opened(page, site, "apps")
    page.get_by_role("button", name="Connect an app").click()
    page.get_by_label("Name of the app").fill("Dashboards")
    page.get_by_label("Where the app takes people back").fill("https://dashboards.example.org/back")
    page.get_by_role("dialog").get_by_role("button", name="Connect an app").click()
    expect(page.get_by_text(re.compile("^bys_"))).to_be_visible()
    page.get_by_role("button", name="Delete Dashboards").click()
    expect(page.get_by_role("heading", name="No apps are connected")).to_be_visible()

    opened(page, site, "retention")
    page.get_by_role("button", name="Keep a recording").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio").first.check()
    dialog.get_by_label("Why").fill("Case 12")
    dialog.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("cell", name="Case 12")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Release ")).click()
    expect(page.get_by_role("cell", name="Case 12")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    page.get_by_role("button", name=re.compile("^Release ")).click()  # done when the page is left
    opened(page, site, "jobs")
    expect(page.get_by_role("row", name=re.compile("Ada Byron")).first).to_contain_text("Done")
    assert not any(one["is_held"] for one in site.http("root").get("/admin/recordings").json()["items"])


def test_room_and_retention(site: Site, as_user: AsUser, axe: Axe) -> None:
    page = as_user("root", viewport=WIDE)
    opened(page, site, "storage")
    keepers = page.get_by_role("region", name="Whose recordings take how much room")
    expect(keepers.get_by_role("row", name=re.compile("^Ada Byron"))).to_be_visible()
    every = page.get_by_role("region", name="Everybody’s recordings")
    every.get_by_label("Order").select_option("Oldest first")
    every.get_by_label("Name or owner").fill("byron")
    expect(page).to_have_url(re.compile(r"order=oldest&q=byron"))
    expect(every.get_by_role("cell", name="endgame_nagg_nell.wav").first).to_be_visible()
    every.get_by_label("Name or owner").fill("nobody like that")
    expect(every.get_by_role("heading", name="No recording fits that")).to_be_visible()
    assert axe(page) == []

    opened(page, site, "retention")
    days = page.get_by_label("Everywhere")
    days.fill("4000")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Now: deleted after 4,000 days.")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Undo").click()
    expect(days).to_have_value("")
    days.fill("5000")
    page.get_by_role("button", name="Save", exact=True).click()
    opened(page, site, "retention")  # the server is told when the page is left, at the latest
    expect(page.get_by_label("Everywhere")).to_have_value("5000")
    site.http("root").put("/admin/retention", json={"days": None}).raise_for_status()


def test_an_auditor_reads_and_changes_nothing(site: Site, as_user: AsUser, axe: Axe, tmp_path: Path) -> None:
    page = as_user("audrey", viewport=WIDE)
    opened(page, site, "people")
    expect(page.get_by_role("button", name="Add a person")).to_have_count(0)
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="Audit log").click()
    first = page.locator("main details").first
    expect(first).to_contain_text("audrey")
    assert axe(page) == []
    page.get_by_label("What was done").select_option(label="added a recording")
    expect(first).to_contain_text("added a recording")
    expect(page).to_have_url(re.compile(r"what=recording\.add"))
    first.locator("summary").click()
    expect(first.get_by_text("recording.add", exact=True)).to_be_visible()
    page.get_by_role("button", name="Check the log").click()
    expect(page.get_by_text(re.compile(r"The chain is whole: [\d,]+ lines, checked"))).to_be_visible()
    with page.expect_download() as log:
        page.get_by_role("link", name="Save the whole log").click()
    assert log.value.suggested_filename == "audit.jsonl"

    gone = site.made("ben", recording().parent / "beckett.wav", language="en")
    site.http("ben").delete(f"/recordings/{gone}").raise_for_status()
    opened(page, site, "retention")
    with page.expect_download() as report:
        page.get_by_role("button", name="Save as CSV").click()
    report.value.save_as(tmp_path / "deletions.csv")
    rows = list(csv.DictReader((tmp_path / "deletions.csv").read_text("utf-8-sig").splitlines()))
    assert [row["Whose"] for row in rows if row["Recording"] == gone] == ["Ben Okafor"]


def test_analysts_are_told_that_it_is_not_theirs(site: Site, as_user: AsUser) -> None:
    page = as_user("ada")
    page.goto(f"{site.url}/admin/people")
    expect(page.get_by_role("heading", name="This part is for administrators and auditors")).to_be_visible()
