"""kill -9 of each part in the middle of a real job: it ends, and no finished chunk is computed twice or lost."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform
from brickyard.kit import db
from brickyard.kit.postgres import Embedded
from tests.integration.platform.long_speech import joined

pytestmark = pytest.mark.slow

DURATION_S = 300.0

Chunk = tuple[str, int]


@pytest.fixture(scope="module")
def long_speech(tmp_path_factory: pytest.TempPathFactory, wheel_audio: Path) -> Path:
    return joined(wheel_audio, tmp_path_factory.mktemp("speech") / "long.wav", DURATION_S)


@pytest.fixture(scope="module")
def engine(platform: Platform) -> sa.Engine:
    settings = platform.settings
    return db.connect(Embedded(settings.postgres_dir, settings.run_dir / "pg").url)


def finished(engine: sa.Engine, job: str) -> dict[Chunk, str]:
    """What is kept of each finished chunk of the two long steps."""
    query = sa.text("""
        SELECT step, index, md5(result::text) || worker || created_at AS kept FROM chunks
        WHERE job = CAST(:job AS uuid) AND step IN ('asr', 'diarize')""")
    with engine.connect() as connection:
        return {(row.step, row.index): row.kept for row in connection.execute(query, {"job": job})}


def computed(platform: Platform, recording: str) -> Counter[Chunk]:
    """How often each chunk was computed, by the bricks' own logs; chunks of a step in order of time."""
    times: Counter[tuple[str, float]] = Counter()
    for step, brick, event in (("asr", "asr", "chunk transcribed"), ("diarize", "diarize", "chunk observed")):
        for line in (platform.settings.logs_dir / f"brick-{brick}.log").read_text().splitlines():
            entry: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            if entry.get("event") == event and recording in entry["audio"]:
                times[step, entry["start"]] += 1
    counts: Counter[Chunk] = Counter()
    for step in ("asr", "diarize"):
        starts = sorted(start for name, start in times if name == step)
        counts.update({(step, index): times[step, start] for index, start in enumerate(starts)})
    return counts


def until_some_chunks_are_done(engine: sa.Engine, job: str) -> None:
    give_up = time.monotonic() + 60
    while len({step for step, _ in finished(engine, job)}) < 2:
        assert time.monotonic() < give_up, "no chunk was done within 60 s"
        time.sleep(0.02)


@pytest.mark.parametrize("victim", ["work", "brick-asr", "brick-diarize", "postgres", "broker"])
def test_kill_9_loses_nothing(
    platform: Platform, remote: Remote, engine: sa.Engine, long_speech: Path, victim: str
) -> None:
    submitted = remote.upload(long_speech)
    job, recording = submitted["job"], submitted["recording"]["id"]
    until_some_chunks_are_done(engine, job)
    before = finished(engine, job)
    os.kill(platform.pids()[victim], signal.SIGKILL)
    views = _followed_to_the_end(remote, job)
    assert views["state"] == "succeeded", views["error"]
    after = finished(engine, job)
    assert {chunk: after[chunk] for chunk in before} == before, "finished chunks are the same bit for bit"
    for step in ("asr", "diarize"):
        indices = sorted(index for name, index in after if name == step)
        assert indices == list(range(len(indices)))
    counts = computed(platform, recording)
    assert set(counts) == set(after)
    assert [chunk for chunk in before if counts[chunk] != 1] == [], "no finished chunk is computed twice"
    transcript = remote.transcript(recording)
    assert transcript["segments"][-1]["end"] > DURATION_S - 15
    wait_for_recovery(platform, victim)


def _followed_to_the_end(remote: Remote, job: str) -> dict[str, Any]:
    """Ask again and again rather than listen: the database may be away for a moment."""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        answer = remote._http.get(f"/jobs/{job}")
        if answer.is_success and answer.json()["state"] in {"succeeded", "failed", "cancelled"}:
            view: dict[str, Any] = answer.json()
            return view
        time.sleep(0.2)
    raise AssertionError(f"the job had not ended after 120 s: {remote._http.get(f'/jobs/{job}').text}")


def wait_for_recovery(platform: Platform, victim: str) -> None:
    give_up = time.monotonic() + 30
    while victim not in platform.pids():
        assert time.monotonic() < give_up, f"{victim} was not started again"
        time.sleep(0.1)
    assert psutil.pid_exists(platform.pids()[victim])
