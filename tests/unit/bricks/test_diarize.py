from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from brickyard.bricks.compute import Compute
from brickyard.bricks.diarize.brick import DiarizeBrick
from brickyard.engines.fake import FakeDiarizer
from brickyard.kit.errors import Unsupported
from brickyard.kit.sealed import Stored, new_key
from tests.unit.bricks.scene import offer, write_sound


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "audio.wav")


def test_speakers_are_observed_in_windows_and_linked_over_all(sound: Path) -> None:
    brick = DiarizeBrick(FakeDiarizer, offer("fake", FakeDiarizer), Compute("diarize"))
    with TestClient(brick.app()) as client:
        replies = [
            client.post("/observe", json={"audio": str(sound), "start": start, "end": start + 5.0}).json()
            for start in (0.0, 5.0, 15.0)
        ]
        seen = [observation for reply in replies for observation in reply["observations"]]
        assert all(reply["computed_s"] > 0 for reply in replies)
        linked = client.post("/link", json={"observations": seen, "speakers": 2}).json()
        assert linked["turns"] == [
            {"start": 0.0, "end": 5.0, "speaker": 0},
            {"start": 5.0, "end": 10.0, "speaker": 0},
            {"start": 15.0, "end": 20.0, "speaker": 1},
        ]
        assert linked["computed_s"] > 0
        merged = client.post("/link", json={"observations": seen, "speakers": 1}).json()["turns"]
        assert {turn["speaker"] for turn in merged} == {0}


def test_sealed_sound_is_read_with_its_key(sound: Path, tmp_path: Path) -> None:
    sealed = Stored(tmp_path / "sealed.wav", new_key())
    sealed.write_bytes(sound.read_bytes())
    brick = DiarizeBrick(FakeDiarizer, offer("fake", FakeDiarizer), Compute("diarize"))
    with TestClient(brick.app()) as client:
        plain = client.post("/observe", json={"audio": str(sound), "start": 0, "end": 5}).json()
        found = client.post(
            "/observe", json={"audio": str(sealed.path), "key": sealed.key_text, "start": 0, "end": 5}
        ).json()
    assert found["observations"] == plain["observations"] != []


def test_what_is_known_of_the_engine_needs_no_weights() -> None:
    def load() -> Any:
        raise Unsupported("there is no such device")

    brick = DiarizeBrick(FakeDiarizer, offer("fake", load), Compute("diarize"))
    with TestClient(brick.app()) as client:
        health = client.get("/health").json()
        assert health == {"brick": "diarize", "engine": "fake", "window_s": 10.0, "overlap_s": 0.0, "loaded": []}
        assert client.post("/link", json={"observations": []}).json()["turns"] == []
