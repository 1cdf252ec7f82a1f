"""Uploads mutants to a whole platform, and follows their jobs to the end: no process of it may fall over."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from brickyard.cli.up import Platform, free_port, running
from brickyard.kit.settings import Settings
from tests.fuzz.direct import Tally
from tests.fuzz.mutations import Mutant

REFUSALS = (400, 413, 422)
ENDED = ("succeeded", "failed", "cancelled")
JOB_ENDS_WITHIN_S = 300.0
LOOK_EVERY_S = 0.5


@contextmanager
def platform(say: Callable[[str], None]) -> Iterator[Platform]:
    home = Path(tempfile.mkdtemp(prefix="by-fuzz-"))
    settings = Settings(home=home, port=free_port()).model_copy(update={"database_url": None})
    try:
        with running(settings, say) as started:
            yield started
    finally:
        shutil.rmtree(home, ignore_errors=True)


def upload_all(mutants: Iterable[Mutant], started: Platform, at_once: int = 2) -> Tally:
    tally = Tally()
    before = started.pids()
    headers = _headers(started.settings)
    with (
        httpx.Client(
            base_url=f"{started.settings.url}/api/v1", headers=headers, timeout=120.0, trust_env=False
        ) as http,
        ThreadPoolExecutor(at_once) as threads,
    ):
        list(threads.map(lambda mutant: _upload(mutant, http, tally), mutants))
    after = started.pids()
    tally.wrong |= {name: "this process was started again" for name in before if before[name] != after.get(name)}
    return tally


def _headers(settings: Settings) -> dict[str, str]:
    file = settings.operator_key_file
    return {"authorization": f"Bearer {file.read_text().strip()}"} if file.is_file() else {}


def _upload(mutant: Mutant, http: httpx.Client, tally: Tally) -> None:
    try:
        answer = http.post("/recordings", files={"file": (mutant.name, mutant.data)}, data={"ocr": "true"})
        if answer.status_code in REFUSALS:
            tally.refused[f"upload: {_without_figures(answer.json())}"] += 1
        elif answer.status_code == httpx.codes.CREATED:
            _follow(mutant, answer.json(), http, tally)
        else:
            tally.wrong[mutant.name] = f"{answer.status_code}: {answer.text[:300]}"
    except httpx.TransportError as error:
        tally.wrong[mutant.name] = f"{type(error).__name__}: {error}"


def _follow(mutant: Mutant, submitted: dict[str, Any], http: httpx.Client, tally: Tally) -> None:
    """A job ends well, or says what was wrong with the file; then the recording goes."""
    deadline = time.monotonic() + JOB_ENDS_WITHIN_S
    job: dict[str, Any] = {"state": "unknown"}
    while job["state"] not in ENDED and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
        job = http.get(f"/jobs/{submitted['job']}").json()
    if job["state"] == "succeeded":
        tally.processed["upload"] += 1
    elif job["state"] == "failed":
        tally.refused[f"job: {_without_figures(job)}"] += 1
    else:
        tally.wrong[mutant.name] = f"its job is {job['state']} after {JOB_ENDS_WITHIN_S:g} s"
    deleted = http.delete(f"/recordings/{submitted['recording']['id']}")
    if not deleted.is_success:
        tally.wrong[mutant.name] = f"cannot be deleted: {deleted.status_code}: {deleted.text[:300]}"


def _without_figures(answer: dict[str, Any]) -> str:
    told = answer.get("error") or answer.get("detail") or answer
    message = told.get("message", told) if isinstance(told, dict) else told
    return re.sub(r"\d+(?:[.,:]\d+)*", "N", str(message))
