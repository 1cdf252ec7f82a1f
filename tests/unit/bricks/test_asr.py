from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from brickyard.bricks.asr.brick import AsrBrick
from brickyard.bricks.asr.contract import TranscribeRequest
from brickyard.bricks.compute import Compute
from brickyard.bricks.models import Offer
from brickyard.engines.base import SpeechRecognizer
from brickyard.engines.catalog import ModelCard
from brickyard.engines.fake import FakeRecognizer
from brickyard.kit.sealed import Stored, new_key
from brickyard.media import pcm
from tests.unit.bricks.scene import ENGLISH, GERMAN, chunk, offer, write_sound


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "audio.wav")


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def asr(loaded: list[str]) -> Iterator[TestClient]:
    def offer_of(card: ModelCard) -> Offer[SpeechRecognizer]:
        def load() -> SpeechRecognizer:
            loaded.append(card.name)
            return FakeRecognizer(card.languages, room_s=30.0)

        return offer(card.name, load)

    with TestClient(AsrBrick([ENGLISH, GERMAN], offer_of, Compute("asr")).app()) as client:
        yield client


def test_the_stretch_that_was_asked_for_is_transcribed(asr: TestClient, sound: Path) -> None:
    reply = asr.post("/transcribe", json=chunk(sound, 8.0, 14.0, (8.5, 9.5), (12.0, 14.0), language="en")).json()
    assert reply["engine"] == "fake"
    assert [(s["start"], s["end"], s["text"]) for s in reply["segments"]] == [
        (8.5, 9.5, "speech of 1.0 seconds at level 0.100"),
        (12.0, 14.0, "speech of 2.0 seconds at level 0.500"),
    ]
    assert reply["segments"][0]["words"][0]["start"] == 8.5
    assert 0 < reply["computed_s"] < 10
    other = asr.post("/transcribe", json=chunk(sound, 8.0, 14.0, (12.0, 14.0), channel=1)).json()
    assert other["segments"][0]["text"].endswith("level 0.000")


def test_the_default_model_is_loaded_at_once_and_another_when_its_language_is_first_asked_for(
    asr: TestClient, sound: Path, loaded: list[str]
) -> None:
    give_up = time.monotonic() + 10
    while len(asr.get("/health").json()["loaded"]) < 1:
        assert time.monotonic() < give_up, "nothing was loaded"
    first = loaded[0]
    for language in ("en", "de", "en", "de"):
        answer = asr.post("/transcribe", json=chunk(sound, 0, 1, (0, 1), language=language)).json()
        assert answer["segments"][0]["language"] == language
    assert sorted(loaded) == ["large", "tiny"]
    assert loaded[0] == first
    assert asr.get("/health").json()["loaded"] == ["large", "tiny"]


@pytest.mark.parametrize(
    ("values", "status", "code", "said"),
    [
        ({"language": "fr"}, 422, "unsupported", "faster-whisper"),
        ({"end": 40.0, "spans": [(0.0, 31.0)]}, 503, "out_of_memory", "room for 30"),
    ],
)
def test_what_goes_wrong_is_told_by_code(
    asr: TestClient, sound: Path, *, values: dict[str, Any], status: int, code: str, said: str
) -> None:
    answer = asr.post("/transcribe", json={**chunk(sound, 0, 1, (0, 1)), **values})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert said in answer.json()["message"]


def test_sealed_sound_is_read_with_its_key_and_the_key_shows_nowhere(
    asr: TestClient, sound: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sealed = Stored(tmp_path / "sealed.wav", new_key())
    sealed.write_bytes(sound.read_bytes())
    asked = chunk(sealed.path, 5.0, 15.0, (6.0, 7.0))
    answer = asr.post("/transcribe", json=asked | {"key": sealed.key_text}).json()
    plain = asr.post("/transcribe", json=chunk(sound, 5.0, 15.0, (6.0, 7.0))).json()
    assert answer["segments"] == plain["segments"]
    other = asr.post("/transcribe", json=asked | {"key": new_key().hex()})
    assert (other.status_code, other.json()["code"]) == (422, "bad_media")
    said = "".join(capfd.readouterr()) + str(TranscribeRequest(**asked, key=sealed.key_text))
    assert "chunk transcribed" in said
    assert str(sealed.key_text) not in said


def test_a_channel_that_is_not_there_is_refused(asr: TestClient, tmp_path: Path) -> None:
    mono = tmp_path / "mono.wav"
    mono.write_bytes(pcm.header(1, 16_000) + bytes(32_000))
    answer = asr.post("/transcribe", json=chunk(mono, 0, 1, (0, 1), channel=1))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_brick_without_models_says_so_when_it_is_asked(sound: Path) -> None:
    with TestClient(AsrBrick([], lambda card: offer(card.name), Compute("asr")).app()) as client:
        assert client.get("/health").json()["engine"] == ""
        answer = client.post("/transcribe", json=chunk(sound, 0, 1, (0, 1)))
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
