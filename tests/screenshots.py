"""Pictures of Echo for docs/app.md: `python -m tests.screenshots`. A platform on a folder of its own, with people and
real recordings in it, in a real browser. Each run draws all of them anew, into docs/images."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from brickyard.cli.demo import recording
from brickyard.cli.up import free_port, running
from brickyard.kit.settings import Settings
from tests.conftest import REPOSITORY
from tests.integration.platform.browsing import chromium, opened, playwright
from tests.integration.platform.long_speech import joined
from tests.integration.platform.test_made_of_a_recording import FONT, video
from tests.integration.platform.ui.conftest import Site

IMAGES = REPOSITORY / "docs" / "images"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
DIALOGUE, READING, NOVEL, SLIDES = "Two voices in a cellar", "Fail better", "A tale of two cities", "Budget and tunnel"
LONG_S = 1800
# For what comes a little after the words: the waveform, places in the queue.
SETTLES_MS = 1500


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="by-"))
    settings = Settings(home=home, port=free_port()).model_copy(update={"database_url": None})
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        with running(settings, lambda _: None) as platform, chromium() as browser:
            site = Site(platform)
            found = furnished(site, home)
            Camera(browser, site).all(found, home)
            site.engine.dispose()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def furnished(site: Site, home: Path) -> dict[str, str]:
    """Recordings with names, folders, tags, corrections, comments and shares. Name → the recording's id."""
    heard = recording().parent
    files = {
        NOVEL: (heard / "two_cities.wav", {"language": "en", "summary": "extractive"}),
        READING: (heard / "beckett.wav", {"language": "en", "summary": "extractive"}),
        DIALOGUE: (recording(), {"language": "en", "summary": "extractive", "translate_into": "es"}),
    }
    if FONT.is_file():
        film = video(home / "film.mp4", heard / "beckett.wav")
        files[SLIDES] = (film, {"language": "en", "ocr": "true", "summary": "extractive"})
    ada = site.http("ada")
    ada.delete(f"/recordings/{site.recording}").raise_for_status()
    found = {name: site.made("ada", named(home, file, name), **options) for name, (file, options) in files.items()}
    shelve(site, found)
    correct(site, found[DIALOGUE])
    for name, text, at in [
        ("ada", "Is this the line that we quote? Please listen once more.", 8.2),
        ("ben", "Yes, word for word.", 14.5),
    ]:
        remark = {"text": text, "at": at}
        site.http(name).post(f"/recordings/{found[DIALOGUE]}/comments", json=remark).raise_for_status()
    return found


def named(home: Path, file: Path, name: str) -> Path:
    """The same under the name that people see."""
    home.joinpath("named").mkdir(exist_ok=True)
    return Path(shutil.copy(file, home / "named" / name))


def shelve(site: Site, found: dict[str, str]) -> None:
    ada = site.http("ada")
    folders = {name: ada.post("/folders", json={"name": name}).json()["id"] for name in ("Plays", "Novels")}
    for name, folder in ((DIALOGUE, "Plays"), (READING, "Plays"), (NOVEL, "Novels")):
        ada.put(f"/recordings/{found[name]}/folder", json={"folder": folders[folder]}).raise_for_status()
    for name, tags in ((DIALOGUE, ["dialogue", "to check"]), (NOVEL, ["reading"]), (READING, ["reading"])):
        ada.put(f"/recordings/{found[name]}/tags", json={"tags": tags}).raise_for_status()
    shares = f"/recordings/{found[DIALOGUE]}/shares"
    ada.put(shares, json={"user": str(site.ids["ben"]), "access": "edit"}).raise_for_status()
    ada.put(shares, json={"team": str(site.team), "access": "comment"}).raise_for_status()


def correct(site: Site, recording: str) -> None:
    """The speakers get names."""
    ada = site.http("ada")
    document = ada.get(f"/recordings/{recording}/document").json()
    names = zip(document["speakers"], ("Nagg", "Nell"), strict=False)
    changes = [{"kind": "rename_speaker", "old": old, "new": new} for old, new in names]
    batch = {"batch": str(uuid.uuid4()), "base": document["revision"], "changes": changes}
    ada.post(f"/recordings/{recording}/changes", json=batch).raise_for_status()


def lined_up(site: Site, home: Path) -> None:
    """Work in the queue: one at a time for each person, and the first of them takes long."""
    limits = {"limits": {"running_jobs_per_person": 1}}
    site.http("root").put("/admin/limits", json=limits).raise_for_status()
    heard = recording().parent
    long = joined(heard, home / "Reading, the whole evening", LONG_S)
    for file in (long, named(home, heard / "two_cities.wav", "Second evening"), named(home, recording(), "Rehearsal")):
        with file.open("rb") as stream:
            sent = {"file": (file.name, stream)}
            site.http("ada").post("/recordings", files=sent, data={"language": "en"}).raise_for_status()


class Camera:
    def __init__(self, browser: playwright.Browser, site: Site) -> None:
        self.browser, self.site = browser, site

    @contextmanager
    def at(self, path: str, shows: str, who: str | None = "ada", **options: object) -> Iterator[playwright.Page]:
        """A page once it shows these words, as this person sees it; None: as somebody who is not signed in."""
        defaults = {"viewport": DESK, "locale": "en-GB", "reduced_motion": "reduce", "color_scheme": "light"}
        with opened(self.browser, self.site.url, **{**defaults, **options}) as page:
            if who:
                page.context.add_cookies([self.site.cookie(who, page.evaluate("navigator.userAgent"))])
            page.goto(self.site.url + path)
            page.get_by_text(shows).first.wait_for()
            yield page

    def shoot(self, name: str, path: str, shows: str, who: str | None = "ada", **options: object) -> None:
        with self.at(path, shows, who, **options) as page:
            keep(page, name)

    def all(self, found: dict[str, str], home: Path) -> None:
        dialogue = f"/recordings/{found[DIALOGUE]}?at=8.5"
        self.shoot("sign-in", "/", "Password", None)
        self.shoot("library", "/", NOVEL)
        self.shoot("library-dark", "/", NOVEL, color_scheme="dark")
        self.shoot("recording", dialogue, "Key sentences")
        self.shoot("recording-dark", f"{dialogue}&tab=comments", "word for word", color_scheme="dark")
        self.shoot("phone", dialogue, "not heartily", viewport=PHONE, has_touch=True)
        self.shoot("search", "/search?q=good", "results")
        self.shoot("admin", "/admin", "All parts answer", "root")
        with self.at("/add", "Choose files") as page:
            page.locator("input[type=file]").first.set_input_files([recording(), recording().parent / "two_cities.wav"])
            keep(page, "upload")
        with self.at(dialogue, "not heartily") as page:
            page.get_by_role("button", name="Share", exact=True).click()
            page.get_by_role("dialog").get_by_text("Ben Okafor").wait_for()
            keep(page, "share")
        lined_up(self.site, home)
        with self.at("/queue", "Second evening") as page:
            page.locator("progress").first.wait_for()
            keep(page, "queue")


def keep(page: playwright.Page, name: str) -> None:
    """As a picture of 256 colours: a third of the size, and nobody sees it."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLES_MS)
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
    sys.stdout.write(f"docs/images/{name}.png\n")


if __name__ == "__main__":
    main()
