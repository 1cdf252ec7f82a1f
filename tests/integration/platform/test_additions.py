"""More of a transcript that people have edited, and a stretch of it heard again: what they wrote stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform
from tests.running_platform import as_operator

pytestmark = pytest.mark.slow

WRITTEN = "Ever tried, said the harbour master."


@pytest.fixture(scope="module")
def recording(platform: Platform, wheel_audio: Path) -> str:
    """Transcribed, and its first segment edited."""
    remote = Remote.of(platform.settings)
    submitted = remote.upload(wheel_audio / "endgame_nagg_nell.wav")
    assert list(remote.follow(submitted["job"]))[-1]["state"] == "succeeded"
    identity: str = submitted["recording"]["id"]
    document = asked(platform, "GET", f"/recordings/{identity}/document").json()
    first = document["segments"][0]
    change = {"kind": "set_text", "segment": first["id"], "before": first["text"], "text": WRITTEN}
    batch = {"batch": str(uuid4()), "base": document["revision"], "changes": [change]}
    assert asked(platform, "POST", f"/recordings/{identity}/changes", batch).json()["made"] == 1
    return identity


def asked(platform: Platform, method: str, path: str, body: Any = None) -> httpx.Response:
    url = f"{platform.settings.url}/api/v1{path}"
    return httpx.request(method, url, json=body, headers=as_operator(platform.settings), timeout=30)


def segments(platform: Platform, recording: str) -> dict[str, Any]:
    document = asked(platform, "GET", f"/recordings/{recording}/document").json()
    return {one["id"]: one for one in document["segments"]}


def test_a_summary_is_made_of_what_people_wrote(platform: Platform, remote: Remote, recording: str) -> None:
    before = segments(platform, recording)
    made = asked(platform, "POST", f"/recordings/{recording}/additions", {"summary": "extractive"})
    assert made.status_code == 201, made.text
    ended = list(remote.follow(made.json()["job"]))[-1]
    assert (ended["state"], ended["pipeline"]) == ("succeeded", "additions"), ended["error"]
    assert {step["name"] for step in ended["steps"]} == {"reading", "summarize", "index"}
    assert segments(platform, recording) == before
    summary = asked(platform, "GET", f"/recordings/{recording}/summaries/extractive").json()
    assert summary["job"] == made.json()["job"]
    found = asked(platform, "GET", f"/search?q=harbour&recording={recording}").json()
    assert any("harbour master" in hit["text"] for hit in found)
    assert asked(platform, "POST", f"/recordings/{recording}/additions", {}).status_code == 400


def test_a_stretch_is_heard_again_and_all_else_stays(platform: Platform, remote: Remote, recording: str) -> None:
    before = segments(platform, recording)
    first, *_, last = sorted(before.values(), key=lambda one: one["start"])
    stretch = {"start": last["start"], "end": last["end"]}
    made = asked(platform, "POST", f"/recordings/{recording}/coverage/redo", stretch)
    assert made.status_code == 201, made.text
    ended = list(remote.follow(made.json()["job"]))[-1]
    assert ended["state"] == "succeeded", ended["error"]
    after = segments(platform, recording)
    outside = {name: one for name, one in before.items() if one["end"] <= stretch["start"]}
    assert len(outside) == len(before) - 1
    assert {name: one for name, one in after.items() if name in outside} == outside
    assert after[first["id"]]["text"] == WRITTEN
    kinds = [group["kind"] for group in asked(platform, "GET", f"/recordings/{recording}/revisions").json()]
    assert ("redo" in kinds) == ended["result"]["kept"]
    report = asked(platform, "GET", f"/recordings/{recording}/coverage").json()
    assert ended["result"]["kept"] in [one["kept"] for one in report["repairs"]]
    too_long = {"start": 0, "end": 400}
    assert asked(platform, "POST", f"/recordings/{recording}/coverage/redo", too_long).status_code == 400
