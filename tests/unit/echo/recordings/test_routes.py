"""What is done to recordings, through the whole application."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from brickyard.access.policy import Role
from tests.unit.cli.world import World
from tests.unit.echo.sounds import speech_file

API = "/api/v1"


def rename(world: World, recording: object, name: Any, headers: dict[str, str]) -> Any:
    return world.client.patch(f"{API}/recordings/{recording}", json={"name": name}, headers=headers)


def test_owners_and_those_who_edit_rename_a_recording(world: World) -> None:
    analyst, other = world.user(Role.ANALYST), world.user(Role.ANALYST)
    headers = world.session(analyst)
    for relation, expected in (("own", 200), ("edit", 200), ("team", 200), ("comment", 403), ("none", 404)):
        recording = world.recording(analyst, relation, other)
        answer = rename(world, recording, "  Talk with Anne\t ", headers)
        assert answer.status_code == expected, relation
        if expected == 200:
            assert answer.json()["name"] == "Talk with Anne"
            seen = world.client.get(f"{API}/library", params={"text": "talk"}, headers=headers).json()["items"]
            assert str(recording) in {one["id"] for one in seen}
    told = [line for line in world.app.state.guard.audit.lines() if line.action == "recording.rename"]
    assert sorted(line.outcome for line in told) == ["allowed"] * 3 + ["refused"] * 2
    assert "Talk" not in str([line.details for line in told]), "names are not kept in the audit log"


@pytest.mark.parametrize("name", ["", " ", "\t\n", "..", None, "x" * 201])
def test_a_name_has_something_to_read(world: World, name: Any) -> None:
    analyst = world.user(Role.ANALYST)
    answer = rename(world, world.recording(analyst, "own", analyst), name, world.session(analyst))
    assert answer.status_code == 400
    assert "name" in answer.json()["error"]["message"]


def test_what_is_downloaded_has_the_new_name_and_still_opens(world: World) -> None:
    headers = world.session(world.user(Role.ANALYST))
    with speech_file().open("rb") as file:
        sent = world.client.post(f"{API}/recordings", files={"file": ("talk.WAV", file)}, headers=headers)
    recording = sent.json()["recording"]["id"]

    def called() -> str:
        answer = world.client.head(f"{API}/recordings/{recording}/media", headers=headers)
        return unquote(answer.headers["content-disposition"].partition("''")[2])

    assert called() == "talk.WAV"
    assert rename(world, recording, "Plans 2026/27 vol. 1", headers).json()["name"] == "Plans 2026-27 vol. 1"
    assert called() == "Plans 2026-27 vol. 1.wav"
