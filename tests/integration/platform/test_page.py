"""The page in a real browser, on the real platform: what a person does, and what they see.

Translations, summaries, on-screen text and chat need models or a video that are not at hand here: where a test says
`documents`, the browser is given them in the shapes that the API documents, over a recording that is really there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform
from tests.integration.platform.browsing import NEEDS_CHROMIUM, chromium, opened, playwright

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: playwright.Browser, platform: Platform) -> Iterator[playwright.Page]:
    """The page, freshly opened by the operator. It may talk to the platform alone, and no script may fail."""
    with opened(browser, platform.settings.url) as page:
        page.goto(platform.operator_link())
        page.get_by_role("button", name="Continue").click()
        playwright.expect(page.locator("#limits")).to_contain_text("a file")
        yield page


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
    page.wait_for_function("() => document.querySelector('audio').currentTime > 2")
    page.evaluate("document.querySelector('button.time').click(); document.querySelector('audio').pause()")
    page.locator("body").press("Space")
    page.wait_for_function("() => !document.querySelector('audio').paused")
    page.go_back()
    playwright.expect(page.locator("#list")).to_be_visible()


def test_a_summary_is_asked_for_read_and_found(page: playwright.Page, wheel_audio: Path, tmp_path: Path) -> None:
    """All of it real: best sentences need no model, and coverage and search are always there."""
    page.get_by_text("More options").click()
    page.locator("#summary-template").select_option("extractive")
    upload(page, shutil.copy(wheel_audio / "endgame_nagg_nell.wav", tmp_path / "rehearsal.wav"))
    row = page.locator("li.row", has_text="rehearsal.wav")
    playwright.expect(row).to_contain_text("real time", timeout=60_000)
    row.get_by_role("button", name="rehearsal.wav", exact=True).click()
    playwright.expect(page.get_by_role("tab")).to_have_text(["Transcript", "Summary", "Coverage"])
    tab(page, "Coverage").click()
    playwright.expect(page.locator("#coverage")).to_contain_text(re.compile(r"\d+ % of the speech has words"))
    tab(page, "Summary").click()
    playwright.expect(page.locator("#summary")).to_contain_text("no language model wrote this")
    page.locator("#summary .cite").first.click()
    page.wait_for_function("() => !document.querySelector('audio').paused")
    words = page.get_by_role("searchbox", name="Search all recordings")
    words.fill('"good story"')
    words.press("Enter")
    found = page.locator("#hits li", has_text="rehearsal.wav").filter(has_text="Said").first
    playwright.expect(found.locator("mark").first).to_have_text("good")
    found.get_by_role("link").click()
    playwright.expect(page.locator("#transcript .said.now")).to_contain_text("good story")


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
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached == ["home", "words", "Recordings", "Queue", "People", "Operator", "Sign out", "choose"]


HOSTILE = """<img src=x onerror="document.title='broken in'"><b>bold</b>"""
NO_MODEL = "No LLM server is set. Name one in BRICKYARD_OLLAMA_URL or BRICKYARD_LLM_BACKENDS."
TRANSLATED = [
    {"start": 0.5, "end": 2.5, "speaker": "Speaker 1", "text": "Tu m'entends ?"},
    {"start": 2.5, "end": 5.0, "speaker": "Speaker 2", "text": "Oui."},
]
SUMMARY: dict[str, Any] = {
    "template": "minutes",
    "language": "en",
    "kind": "llm",
    "model": "llama3:8b",
    "instruction": "",
    "sections": [
        {
            "title": "Decisions",
            "sentences": [
                {
                    "text": "They wait.",
                    "speaker": "Speaker 2",
                    "citations": [
                        {"segment": 1, "start": 3.25, "end": 4.0},
                        {"segment": 4, "start": 6.5, "end": 8.0},
                    ],
                }
            ],
        }
    ],
    "dropped": 1,
    "repaired": 0,
    "warnings": [],
}
SCREEN: dict[str, Any] = {
    "engine": "rapidocr",
    "has_video": True,
    "looks": 20,
    "frames": 4,
    "spans": [
        {"start": 1.0, "end": 4.0, "text": "Nell", "confidence": 0.99, "box": None},
        {"start": 5.0, "end": 7.0, "text": "Act two", "confidence": 0.97, "box": None},
    ],
    "names": {"Speaker 2": [{"name": "Nell", "time": 1.0, "seen_s": 2.1, "share": 0.9}]},
}
COVERAGE: dict[str, Any] = {
    "speech_s": 10.0,
    "covered_s": 9.88,
    "faults": [{"kind": "gap", "start": 6.0, "end": 7.2, "channel": 0, "note": "1.2 s of speech without words"}],
    "repairs": [
        {"start": 2.0, "end": 5.0, "channel": 0, "kinds": ["loop"], "before": 0.31, "after": 0.84, "kept": True}
    ],
}
DOCUMENTS: dict[str, Any] = {
    "translations": [{"language": "fr", "draft": True, "source_language": "en"}],
    "translations/fr": {"language": "fr", "draft": True, "segments": TRANSLATED, "doubts": [1]},
    "summaries": ["minutes"],
    "summaries/minutes": SUMMARY,
    "screen-text": SCREEN,
    "coverage": COVERAGE,
}


@pytest.fixture(scope="module")
def heard(platform: Platform, wheel_audio: Path) -> str:
    """The id of a recording whose transcript is made."""
    remote = Remote.of(platform.settings)
    submitted = remote.upload(wheel_audio / "endgame_nagg_nell.wav")
    last = list(remote.follow(submitted["job"]))[-1]
    assert last["state"] == "succeeded", last["error"]
    return str(submitted["recording"]["id"])


def give(page: playwright.Page, recording: str, documents: dict[str, Any]) -> None:
    """The browser is given these parts of a recording; those named here that are missing are not there."""
    parts = {f"/api/v1/recordings/{recording}/{part}": document for part, document in documents.items()}

    def answer(route: playwright.Route) -> None:
        path = urlsplit(route.request.url).path
        if path in parts:
            return route.fulfill(json=parts[path])
        if path.removesuffix("/").endswith(("/coverage", "/screen-text", "/translations", "/summaries")):
            return route.fulfill(status=404, json={"error": {"code": "not_found", "message": "There is none."}})
        return route.fallback()

    page.route(f"**/api/v1/recordings/{recording}/**", answer)


def show(page: playwright.Page, recording: str, documents: dict[str, Any]) -> None:
    give(page, recording, documents)
    page.evaluate("id => { location.hash = id }", recording)
    playwright.expect(page.locator("#transcript .said").first).to_be_visible()


def inform(page: playwright.Page, **changes: Any) -> None:
    """The page is opened anew and told other things of the platform; None is not told."""

    def answer(route: playwright.Route) -> None:
        told = {**route.fetch().json(), **changes}
        route.fulfill(json={name: value for name, value in told.items() if value is not None})

    page.route("**/api/v1/info", answer)
    page.reload()
    playwright.expect(page.locator("#limits")).to_contain_text("a file")


def tab(page: playwright.Page, name: str) -> playwright.Locator:
    return page.get_by_role("tab", name=name, exact=True)


def played_at(page: playwright.Page, moment_s: float) -> None:
    """Waits until the player is at this moment, or less than a second later."""
    page.wait_for_function(
        "at => { const t = document.querySelector('audio')?.currentTime; return t >= at - .01 && t < at + 1 }",
        arg=moment_s,
    )


def test_what_is_asked_for_is_sent(page: playwright.Page) -> None:
    """What is sent is noted in the browser, and goes no further: nothing here could translate."""
    inform(page, translations=None)
    page.evaluate("""() => {
        window.sent = [];
        XMLHttpRequest.prototype.send = function (form) {
            const fields = [...form].filter(([name]) => !["file", "language"].includes(name));
            window.sent.push({ name: form.get("file").name, ...Object.fromEntries(fields) });
            this.dispatchEvent(new ProgressEvent("error"));
        };
    }""")
    page.get_by_text("More options").click()
    page.locator("#into-typed").get_by_label("Translate into").fill("fr, ES")
    page.get_by_label("read the text on screen, in videos").check()
    page.locator("#summary-template").select_option("free")
    sound = {"name": "talk.wav", "mimeType": "audio/wav", "buffer": b"RIFF"}
    page.set_input_files("#file", [sound])
    playwright.expect(page.get_by_role("alert")).to_contain_text("Say what the summary is to be")
    assert page.evaluate("document.activeElement.id") == "instruction"
    assert page.evaluate("sent") == []
    page.get_by_label("What to write").fill("A letter")
    page.set_input_files("#file", [sound, {"name": "talk.MKV", "mimeType": "", "buffer": b"x"}])
    page.wait_for_function("() => sent.length === 2")
    asked = {"diarize": "true", "translate_into": "fr,es", "summary": "free", "summary_instruction": "A letter"}
    assert page.evaluate("sent") == [{"name": "talk.wav", **asked}, {"name": "talk.MKV", **asked, "ocr": "true"}]
    page.locator("#into-typed").get_by_label("Translate into").fill("French")
    page.set_input_files("#file", [sound])
    playwright.expect(page.get_by_role("alert")).to_contain_text("“french” is no code of a language")
    assert page.evaluate("sent.length") == 2


OPTIONS = "import('/assets/upload.js').then(module => module.moreOptions())"


def test_languages_that_the_platform_translates_into_are_picked_by_name(page: playwright.Page) -> None:
    languages = [{"code": "en", "models": []}, {"code": "fr", "models": []}]
    inform(page, languages=languages, translations={"en": ["es", "ca"], "fr": ["ca"]})
    page.get_by_text("More options").click()
    pick = page.locator("#into-listed").get_by_label("Translate into")
    playwright.expect(pick.locator("option")).to_have_text(["none", "Catalan", "Spanish"])
    pick.select_option("es")
    pick.select_option("ca")
    playwright.expect(page.locator("#into-chosen button")).to_have_text(["Spanish ✕", "Catalan ✕"])
    assert page.evaluate(OPTIONS) == {"translate_into": "es,ca"}
    page.get_by_label("Language").select_option("fr")
    playwright.expect(page.locator("#into-chosen button")).to_have_text(["Catalan ✕"])
    page.get_by_role("button", name="Leave out Catalan").click()
    assert page.evaluate(OPTIONS) == {}


def test_tabs_show_what_there_is_and_work_by_keyboard(page: playwright.Page, heard: str) -> None:
    documents = {part: DOCUMENTS[part] for part in ("translations", "translations/fr", "coverage")}
    show(page, heard, documents)
    tabs = page.get_by_role("tab")
    playwright.expect(tabs).to_have_text(["Transcript", "Translation", "Coverage"])
    tab(page, "Transcript").focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(tab(page, "Translation")).to_be_focused()
    panel = page.get_by_role("tabpanel", name="Translation")
    playwright.expect(panel).to_contain_text("Tu m'entends ?")
    playwright.expect(panel.get_by_text("French, draft quality")).to_be_visible()
    playwright.expect(panel.locator(".said").nth(1)).to_contain_text("The numbers differ from what was said.")
    assert panel.get_by_role("link", name="SRT").get_attribute("download") == "endgame_nagg_nell.fr.srt"
    page.keyboard.press("ArrowRight")
    playwright.expect(page.get_by_role("tabpanel", name="Coverage")).to_contain_text("98 % of the speech has words")
    page.keyboard.press("ArrowRight")
    playwright.expect(tab(page, "Transcript")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    playwright.expect(tab(page, "Coverage")).to_be_focused()
    assert page.locator("[role=tab][tabindex='0']").count() == 1
    page.reload()
    playwright.expect(tab(page, "Coverage")).to_have_attribute("aria-selected", "true")


def test_every_moment_leads_to_the_recording(page: playwright.Page, heard: str) -> None:
    show(page, heard, DOCUMENTS)
    tab(page, "Summary").click()
    panel = page.get_by_role("tabpanel", name="Summary")
    playwright.expect(panel).to_contain_text("Written by a language model, llama3:8b")
    playwright.expect(panel).to_contain_text("1 sentence of the model was left out")
    panel.get_by_role("button", name="Play from 0:06").click()
    played_at(page, 6.5)
    tab(page, "On screen").click()
    panel = page.get_by_role("tabpanel", name="On screen")
    playwright.expect(panel.locator("li")).to_contain_text("Speaker 2 may be Nell")
    panel.locator(".said", has_text="Act two").get_by_role("button").click()
    played_at(page, 5.0)
    tab(page, "Coverage").click()
    panel = page.get_by_role("tabpanel", name="Coverage")
    playwright.expect(panel).to_contain_text("quality 31 % at first, 84 % the second time: the new words were kept")
    panel.locator(".said", has_text="without words").get_by_role("button").click()
    played_at(page, 6.0)


def test_a_summary_without_a_model_says_so_and_questions_say_what_they_need(page: playwright.Page, heard: str) -> None:
    extractive = {**SUMMARY, "template": "extractive", "kind": "extractive", "model": None, "dropped": 0}
    show(page, heard, {"summaries": ["extractive", "minutes"], "summaries/extractive": extractive})
    refusal = {"error": {"code": "unsupported", "message": NO_MODEL}}
    page.route("**/chat", lambda route: route.fulfill(status=422, json=refusal))
    tab(page, "Summary").click()
    panel = page.get_by_role("tabpanel", name="Summary")
    playwright.expect(panel).to_contain_text("no language model wrote this")
    panel.get_by_label("Your question").fill("What is decided?")
    panel.get_by_role("button", name="Ask").click()
    playwright.expect(panel.get_by_role("status")).to_have_text(f"Answers need a language model. {NO_MODEL}")
    playwright.expect(panel.get_by_label("Your question")).to_be_hidden()
    playwright.expect(page.get_by_role("alert")).to_be_hidden()


def test_an_answer_comes_with_its_moments(page: playwright.Page, heard: str) -> None:
    show(page, heard, DOCUMENTS)
    asked: list[Any] = []
    end = {
        "text": f"They wait {HOSTILE} [3, 4]. And [9].",
        "citations": [{"number": 3, "segment": 2, "start": 4.5, "end": 6.0, "speaker": None}],
        "removed": [],
        "unsupported": ["And."],
    }
    lines = [("delta", {"text": "They"}), ("delta", {"text": " wait [3"}), ("end", end)]
    stream = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in lines)

    def answer(route: playwright.Route) -> None:
        asked.append(route.request.post_data_json["messages"])
        route.fulfill(body=stream, headers={"Content-Type": "text/event-stream"})

    page.route("**/chat", answer)
    tab(page, "Summary").click()
    panel = page.get_by_role("tabpanel", name="Summary")
    panel.get_by_label("Your question").fill("What do they do?")
    page.keyboard.press("Enter")
    playwright.expect(panel.locator(".answer")).to_have_text(f"They wait {HOSTILE} [0:04]. And [9].")
    playwright.expect(panel.locator("#talk")).to_contain_text("Nothing in the recording was found for: And.")
    panel.locator(".answer").get_by_role("button", name="Play from 0:04").click()
    played_at(page, 4.5)
    panel.get_by_label("Your question").fill("And then?")
    page.keyboard.press("Enter")
    playwright.expect(panel.locator(".answer")).to_have_count(2)
    assert [message["role"] for message in asked[1]] == ["user", "assistant", "user"]
    assert asked[1][1]["content"] == end["text"]


def test_what_is_found_opens_at_its_moment(page: playwright.Page, heard: str) -> None:
    give(page, heard, DOCUMENTS)
    hit = {"recording": heard, "name": "endgame.wav", "speaker": "Speaker 2", "end": 5.0, "text": "x"}
    marks = [{"text": f"{HOSTILE} it is ", "hit": False}, {"text": "waiting", "hit": True}]
    hits = [
        {**hit, "kind": "transcript", "variant": "", "start": 3.5, "snippet": marks},
        {**hit, "kind": "translation", "variant": "fr", "start": 2.5, "snippet": [{"text": "Oui", "hit": True}]},
    ]
    page.route("**/api/v1/search?q=*", lambda route: route.fulfill(json=[] if "nothing" in route.request.url else hits))
    words = page.get_by_role("searchbox", name="Search all recordings")
    words.fill("nothing")
    words.press("Enter")
    playwright.expect(page.locator("#found")).to_contain_text("Nothing was said, shown, translated or summarized")
    words.fill("waiting")
    words.press("Enter")
    playwright.expect(page.locator("#found")).to_have_text("2 moments, the best first")
    first = page.locator("#hits li").first
    playwright.expect(first).to_contain_text("endgame.wav")
    playwright.expect(first).to_contain_text("Said · Speaker 2 · 0:03")
    playwright.expect(first.locator("mark")).to_have_text("waiting")
    playwright.expect(first.locator("p")).to_have_text(f"{HOSTILE} it is waiting")
    first.get_by_role("link").click()
    played_at(page, 3.5)
    playwright.expect(page.locator("#transcript .said.now")).to_be_in_viewport()
    page.go_back()
    page.get_by_role("link", name="Translation, French").click()
    playwright.expect(page.get_by_role("tabpanel", name="Translation").locator(".now")).to_contain_text("Oui")
    played_at(page, 2.5)


def test_nothing_that_was_said_or_shown_is_taken_for_markup(page: playwright.Page, heard: str, remote: Remote) -> None:
    transcript = remote.transcript(heard)
    segment = {"start": 0.0, "end": 2.0, "speaker": HOSTILE, "text": HOSTILE, "words": []}
    summary = json.loads(json.dumps(SUMMARY).replace("They wait.", json.dumps(HOSTILE)[1:-1]))
    hostile = {
        **DOCUMENTS,
        "transcript": {**transcript, "speakers": [HOSTILE], "segments": [segment], "warnings": [HOSTILE]},
        "translations/fr": {"draft": False, "segments": [segment]},
        "summaries/minutes": {**summary, "model": HOSTILE, "warnings": [HOSTILE]},
        "screen-text": {**SCREEN, "spans": [{**SCREEN["spans"][0], "text": HOSTILE}]},
        "coverage": {**COVERAGE, "faults": [{**COVERAGE["faults"][0], "kind": HOSTILE, "note": HOSTILE}]},
    }
    show(page, heard, hostile)
    for name in ("Transcript", "Translation", "Summary", "On screen", "Coverage"):
        tab(page, name).click()
        playwright.expect(page.get_by_role("tabpanel", name=name)).to_contain_text(HOSTILE)
    playwright.expect(page.locator("#warnings")).to_have_text(HOSTILE)
    assert page.locator("main img, main b").count() == 0
    assert page.title() == "endgame_nagg_nell.wav · Echo"


def test_the_page_fits_a_narrow_screen(page: playwright.Page, heard: str) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    show(page, heard, DOCUMENTS)
    for name in ("Transcript", "Translation", "Summary", "On screen", "Coverage"):
        tab(page, name).click()
        playwright.expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
        assert page.evaluate(fits), name
    page.evaluate("location.hash = 'queue'")
    playwright.expect(page.locator("#workers")).to_contain_text("1 worker")
    assert page.evaluate(fits)
