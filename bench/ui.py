"""The web app in a real browser, on a real web process and database: a recording of 3 hours with 2,700 lines and 30,000
words, each with its times, its outline and a sound file as long. No bricks are needed.

`first_load_kb`: JavaScript that the library's page brings over the wire, compressed, with nothing in the browser's
cache. `editor_ready_s`: from the navigation to the recording's page until a line takes the caret, with nothing in the
cache; the median. `editor_again_s`: the same with the app in the cache, as when one comes from the library.
`scroll_fps`: frames a second while the whole transcript is scrolled through, from animation frames; headless browsers
draw 60 at most. `scroll_slow_share`: frames that took longer than 25 ms.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import form
import numpy as np
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from users import Said, postgres, web

from brickyard.access.people import People
from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.echo.identity import COOKIE
from brickyard.files.recordings import RecordingFiles
from brickyard.media.peaks import FINEST_PER_S

LASTS_S = 3 * 3600
LINES = 2_700
A_LINE_S = LASTS_S / LINES
SOUND_RATE = 4_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Chrome"
TIMES, QUICK_TIMES = 7, 3
SCROLL_S, QUICK_SCROLL_S = 30, 10

READY = """
    const look = () => {
      const line = document.querySelector('[data-line] [role="textbox"]');
      if (line && line.getAttribute('contenteditable') !== 'plaintext-only') {
        line.focus();
        line.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true}));
      }
      const isReady = line && document.activeElement === line && line.isContentEditable;
      if (isReady) document.documentElement.dataset.ready = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
"""
SCROLL = """
    (lasts) => new Promise((done) => {
      const box = [...document.querySelectorAll('.scroller')].find((each) => each.scrollHeight > each.clientHeight);
      const frames = [];
      let begun = 0;
      const step = (now) => {
        begun ||= now;
        frames.push(now);
        const share = (now - begun) / (1000 * lasts);
        box.scrollTop = share * (box.scrollHeight - box.clientHeight);
        if (share < 1) requestAnimationFrame(step);
        else done(frames);
      };
      requestAnimationFrame(step);
    })
"""


def fill(engine: sa.Engine, home: Path) -> tuple[str, str]:
    """A recording and its owner's session."""
    user = People(engine).add("ada", "Ada", None, [Role.ANALYST]).id
    recording, job = uuid4(), uuid4()
    insert = sa.text("""
        INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
        VALUES (:id, :owner, 'Hearing of the third day.wav', :id, 43200044, 'wav', :lasts, false)""")
    document = {
        "recording": str(recording),
        "job": str(job),
        "duration": LASTS_S,
        "language": "en",
        "engines": {},
        "speakers": [f"Speaker {n}" for n in range(1, 5)],
        "segments": list(lines()),
        "turns": [],
        "warnings": [],
    }
    with engine.begin() as connection:
        connection.execute(insert, {"id": recording, "owner": user, "lasts": LASTS_S})
        connection.execute(
            sa.text("INSERT INTO transcripts (recording, job, document) VALUES (:recording, :job, :document)"),
            {"recording": recording, "job": job, "document": json.dumps(document)},
        )
    files = RecordingFiles(home / "files", 1 << 40)
    folder = files.folder(recording)
    folder.mkdir(parents=True)
    write_sound(folder)
    return str(recording), Sessions(engine).open(user, "local", "127.0.0.1", AGENT).token


def lines() -> Iterator[dict[str, object]]:
    said = Said()
    for place in range(LINES):
        words = said.some(12 if place % 9 == 0 else 11)
        start, step = place * A_LINE_S, (A_LINE_S - 0.4) / len(words)
        yield {
            "start": round(start, 3),
            "end": round(start + A_LINE_S - 0.4, 3),
            "speaker": f"Speaker {1 + place // 3 % 4}",
            "text": " ".join(words),
            "confidence": 0.9,
            "words": [
                {
                    "start": round(start + n * step, 3),
                    "end": round(start + (n + 1) * step, 3),
                    "text": word,
                    "confidence": round(0.5 + (place * 7 + n * 3) % 50 / 100, 2),
                }
                for n, word in enumerate(words)
            ],
        }


def write_sound(folder: Path) -> None:
    """What was uploaded, and the outline that its job would have left beside the decoded sound."""
    draw = np.random.default_rng(1)
    with wave.open(str(folder / "source"), "wb") as sound:
        sound.setparams((1, 1, SOUND_RATE, 0, "NONE", ""))
        for _ in range(LASTS_S // 60):
            sound.writeframes(
                (128 + 40 * draw.standard_normal(SOUND_RATE * 60)).clip(0, 255).astype(np.uint8).tobytes()
            )
    (folder / "audio.wav").write_bytes(b"")
    loud = np.abs(draw.standard_normal((LASTS_S * FINEST_PER_S, 1)) * 40).clip(0, 127)
    (folder / "peaks.bin").write_bytes(np.hstack([-loud, loud]).astype(np.int8).tobytes())


@contextmanager
def signed_in(browser: Browser, url: str, token: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, user_agent=AGENT, locale="en-GB")
    context.add_cookies([{"name": COOKIE, "value": token, "url": url, "httpOnly": True}])
    yield context
    context.close()


def first_load_kb(browser: Browser, url: str, token: str) -> float:
    with signed_in(browser, url, token) as context:
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        scripts: set[str] = set()
        bytes_: dict[str, float] = {}
        devtools.on(
            "Network.responseReceived", lambda event: event["type"] == "Script" and scripts.add(event["requestId"])
        )
        devtools.on(
            "Network.loadingFinished", lambda event: bytes_.update({event["requestId"]: event["encodedDataLength"]})
        )
        page.goto(url)
        page.get_by_role("link", name="Hearing of the third day").wait_for()
        page.wait_for_timeout(1500)
        return sum(size for request, size in bytes_.items() if request in scripts) / 1000


def ready_s(context: BrowserContext, address: str) -> tuple[Page, float]:
    page = context.new_page()
    page.add_init_script(READY)
    page.goto(address, wait_until="commit")
    page.locator("html[data-ready]").wait_for(timeout=30_000)
    return page, float(page.locator("html").get_attribute("data-ready") or 0) / 1000


def scrolled(page: Page, lasts_s: float) -> list[float]:
    """What each frame took, in milliseconds."""
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)
    frames = page.evaluate(SCROLL, lasts_s)
    last = page.locator("[data-line]").last.get_attribute("aria-posinset")
    assert last == str(LINES), f"the scrolling ended at line {last}"
    return [after - before for before, after in pairwise(frames)]


def measure(url: str, recording: str, token: str, *, quick: bool) -> dict[str, float | None]:
    address = f"{url}/recordings/{recording}"
    times = QUICK_TIMES if quick else TIMES
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-sync"]
        )
        load_kb = first_load_kb(browser, url, token)
        form.note(f"first load: {load_kb:.0f} kB")
        cold: list[float] = []
        for _ in range(times):
            with signed_in(browser, url, token) as context:
                cold.append(ready_s(context, address)[1])
        warm: list[float] = []
        with signed_in(browser, url, token) as context:
            ready_s(context, address)[0].close()
            for _ in range(times):
                page, took_s = ready_s(context, address)
                warm.append(took_s)
                page.close()
            form.note(f"ready after {', '.join(f'{each:.2f}' for each in cold)} s; again {min(warm):.2f} s")
            page = ready_s(context, address)[0]
            took_ms = scrolled(page, QUICK_SCROLL_S if quick else SCROLL_S)
        browser.close()
    return {
        "first_load_kb": load_kb,
        "editor_ready_s": statistics.median(cold),
        "editor_again_s": statistics.median(warm),
        "scroll_fps": 1000 * len(took_ms) / sum(took_ms),
        "scroll_slow_share": sum(each > 25 for each in took_ms) / len(took_ms),
    }


def main() -> None:
    asked = form.arguments(__doc__ or "")
    if shutil.which("chromium") is None:
        form.note("no chromium was found; on Debian: apt install chromium")
        sys.exit(1)
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder)) as engine:
        try:
            recording, token = fill(engine, Path(folder))
            with web(engine.url.render_as_string(hide_password=False), Path(folder)) as api:
                url = api.removesuffix("/api/v1")
                figures = measure(url, recording, token, quick=asked.quick)
        finally:
            engine.dispose()  # a server with open connections would not end
    form.table(("figure", "value"), list(figures.items()))
    form.close("ui", figures)


if __name__ == "__main__":
    main()
