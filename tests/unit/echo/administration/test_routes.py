"""What administrators see and change, through the whole application."""

from __future__ import annotations

from brickyard.access.policy import Role
from tests.unit.cli.world import World
from tests.unit.echo.sounds import speech_file

API = "/api/v1"


def test_the_overview_is_there_while_no_other_process_runs(world: World) -> None:
    found = world.client.get(f"{API}/admin/overview", headers=world.session(world.user(Role.AUDITOR)))
    assert found.status_code == 200
    told = found.json()
    assert (told["card"], told["llm"], set(told["reasons"])) == (None, None, {"card", "llm"})
    assert {brick["name"]: brick["is_up"] for brick in told["bricks"]} == dict.fromkeys(
        ("asr", "diarize", "ocr", "translate", "llm"), False
    )
    assert told["people"]["sessions"] == 1
    assert [one["class"] for one in told["queue"]["classes"]] == ["interactive", "standard", "batch"]


def test_looking_back_takes_the_times_that_charts_have(world: World) -> None:
    headers = world.session(world.user(Role.ADMINISTRATOR))
    for hours, buckets in ((24, 24), (168, 7), (720, 30)):
        found = world.client.get(f"{API}/admin/history", params={"hours": hours}, headers=headers).json()
        assert len(found["buckets"]) == buckets
    assert world.client.get(f"{API}/admin/history", params={"hours": 5}, headers=headers).status_code == 400


def test_a_changed_limit_holds_for_the_next_upload_and_is_told_to_everybody(world: World) -> None:
    administrator = world.session(world.user(Role.ADMINISTRATOR))
    analyst = world.session(world.user(Role.ANALYST))
    auditor = world.session(world.user(Role.AUDITOR))
    change = {"limits": {"max_upload_bytes": 1000, "running_jobs_per_person": 2}}
    assert world.client.put(f"{API}/admin/limits", json=change, headers=auditor).status_code == 403
    changed = world.client.put(f"{API}/admin/limits", json=change, headers=administrator)
    assert changed.status_code == 200
    assert changed.json() == world.client.get(f"{API}/admin/limits", headers=auditor).json()
    by_name = {one["name"]: one for one in changed.json()}
    assert (by_name["max_upload_bytes"]["value"], by_name["max_upload_bytes"]["ceiling"]) == (1000, 50 * 10**9)
    assert by_name["storage_bytes_per_person"]["value"] is None

    info = world.client.get(f"{API}/info", headers=analyst).json()
    assert (info["max_upload_bytes"], info["limits"]["running_jobs_per_person"]) == (1000, 2)
    sent = world.client.post(
        f"{API}/recordings", files={"file": ("a.wav", speech_file().read_bytes())}, headers=analyst
    )
    assert (sent.status_code, "max_upload_bytes is 1,000" in sent.text) == (413, True)
    tus = {**analyst, "tus-resumable": "1.0.0", "upload-length": "1001"}
    begun = world.client.post(f"{API}/uploads", headers=tus)
    assert (begun.status_code, "max_upload_bytes is 1,000" in begun.text) == (413, True)
    refused = world.client.put(f"{API}/admin/limits", json={"limits": {"max_upload_bytes": 0}}, headers=administrator)
    assert refused.status_code == 400


def test_how_long_a_recording_may_be_is_changed_as_well(world: World) -> None:
    administrator = world.session(world.user(Role.ADMINISTRATOR))
    analyst = world.session(world.user(Role.ANALYST))
    for value, status in ((2.0, 413), (None, 201)):
        world.client.put(f"{API}/admin/limits", json={"limits": {"max_duration_s": value}}, headers=administrator)
        sent = world.client.post(
            f"{API}/recordings", files={"file": ("a.wav", speech_file().read_bytes())}, headers=analyst
        )
        assert sent.status_code == status, sent.text
