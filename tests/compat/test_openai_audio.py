"""The official `openai` client, unmodified, against the running platform: real recordings, real engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import openai
import pytest
import sqlalchemy as sa
from openai import OpenAI

from brickyard.access import keys, usage
from brickyard.access.keys import ApiKey, NewKey, Scope
from brickyard.cli import wiring
from brickyard.cli.up import Platform
from brickyard.kit.clock import utc_now

pytestmark = pytest.mark.slow

MODEL = "whisper-1"


@pytest.fixture(scope="module")
def database(platform: Platform) -> Iterator[sa.Engine]:
    engine = wiring.running_database(platform.settings)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def made(database: sa.Engine) -> tuple[str, ApiKey]:
    return keys.create(database, NewKey("notebook", "local", [Scope.AUDIO]))


@pytest.fixture
def client(platform: Platform, made: tuple[str, ApiKey]) -> OpenAI:
    return OpenAI(base_url=f"{platform.settings.url}/v1", api_key=made[0], max_retries=0)


@pytest.fixture(scope="session")
def dialogue(wheel_audio: Path) -> Path:
    return wheel_audio / "endgame_nagg_nell.wav"


def used(database: sa.Engine, key: UUID) -> dict[str, float]:
    return usage.used_on(database, key, utc_now().date())


def test_json_and_text(client: OpenAI, dialogue: Path) -> None:
    found = client.audio.transcriptions.create(file=dialogue, model=MODEL)
    assert "laugh less heartily" in found.text.lower()
    assert found.usage is not None
    assert found.usage.type == "duration"
    text = client.audio.transcriptions.create(file=dialogue, model=MODEL, response_format="text")
    assert text.strip() == found.text


def test_verbose_json_has_segments_and_words_with_times(client: OpenAI, dialogue: Path) -> None:
    found = client.audio.transcriptions.create(
        file=dialogue,
        model="moonshine-tiny-en",
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert found.language == "english"
    assert found.segments
    assert found.words
    assert all(0 <= one.start <= one.end <= found.duration for one in found.segments)
    assert " ".join(word.word for word in found.words) == found.text


def test_subtitles(client: OpenAI, dialogue: Path) -> None:
    srt = client.audio.transcriptions.create(file=dialogue, model=MODEL, response_format="srt")
    vtt = client.audio.transcriptions.create(file=dialogue, model=MODEL, response_format="vtt")
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n")


def test_speakers(client: OpenAI, dialogue: Path) -> None:
    found = client.audio.transcriptions.create(
        file=dialogue, model="gpt-4o-transcribe-diarize", response_format="diarized_json", chunking_strategy="auto"
    )
    assert {segment.speaker for segment in found.segments} == {"A", "B"}
    assert all(segment.type == "transcript.text.segment" for segment in found.segments)


def test_a_stream_brings_the_text_piece_by_piece(client: OpenAI, dialogue: Path) -> None:
    events = list(client.audio.transcriptions.create(file=dialogue, model=MODEL, stream=True))
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) > 1
    assert events[-1].type == "transcript.text.done"
    assert "".join(deltas) == events[-1].text


def test_a_stream_with_speakers_tells_each_segment(client: OpenAI, dialogue: Path) -> None:
    stream = client.audio.transcriptions.create(
        file=dialogue, model=MODEL, response_format="diarized_json", chunking_strategy="auto", stream=True
    )
    segments = [event for event in stream if event.type == "transcript.text.segment"]
    assert {segment.speaker for segment in segments} == {"A", "B"}


def test_english_is_translated_into_english_as_it_is(client: OpenAI, dialogue: Path) -> None:
    translated = client.audio.translations.create(file=dialogue, model=MODEL)
    assert translated.text == client.audio.transcriptions.create(file=dialogue, model=MODEL).text


def test_who_speaks_when(client: OpenAI, dialogue: Path) -> None:
    answer = client.post(
        "/audio/diarization", cast_to=object, files=[("file", dialogue.read_bytes())], body={"speakers": "2"},
        options={"headers": {"content-type": "multipart/form-data"}},
    )  # fmt: skip
    assert answer["speakers"] == ["A", "B"]
    assert all(turn["start"] < turn["end"] <= answer["duration"] for turn in answer["segments"])


def test_errors_are_those_that_the_client_knows(platform: Platform, client: OpenAI, dialogue: Path) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="no speech model 'large-v9'"):
        client.audio.transcriptions.create(file=dialogue, model="large-v9")
    with pytest.raises(openai.UnprocessableEntityError, match="'fr'"):
        client.audio.transcriptions.create(file=dialogue, model=MODEL, language="fr")
    with pytest.raises(openai.UnprocessableEntityError, match="not a recording of a kind"):
        client.audio.transcriptions.create(file=("talk.wav", b"this is no sound at all"), model=MODEL)
    with pytest.raises(openai.BadRequestError, match="timestamp_granularities"):
        client.audio.transcriptions.create(file=dialogue, model=MODEL, timestamp_granularities=["word"])
    stranger = OpenAI(base_url=f"{platform.settings.url}/v1", api_key="by_nobody", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.audio.transcriptions.create(file=dialogue, model=MODEL)


def test_a_key_without_the_scope_is_refused(platform: Platform, database: sa.Engine, dialogue: Path) -> None:
    key, _ = keys.create(database, NewKey("chat only", "local", [Scope.LLM]))
    with pytest.raises(openai.PermissionDeniedError, match="but not audio"):
        OpenAI(base_url=f"{platform.settings.url}/v1", api_key=key, max_retries=0).audio.transcriptions.create(
            file=dialogue, model=MODEL
        )


def test_models_that_transcribe_are_listed(client: OpenAI) -> None:
    assert "moonshine-tiny-en" in {model.id for model in client.models.list()}


def test_nothing_stays_of_what_was_sent(platform: Platform, client: OpenAI, dialogue: Path) -> None:
    client.audio.transcriptions.create(file=dialogue, model=MODEL)
    with pytest.raises(openai.APIStatusError):
        client.audio.transcriptions.create(file=("talk.wav", b"no sound"), model=MODEL)
    assert list((platform.settings.files_dir / "incoming").iterdir()) == []


def test_seconds_of_audio_are_counted(
    client: OpenAI, database: sa.Engine, made: tuple[str, ApiKey], dialogue: Path
) -> None:
    client.audio.transcriptions.create(file=dialogue, model=MODEL)
    found: dict[str, float] = {}
    for _ in range(50):
        found = used(database, made[1].id)
        if found.get("audio_s", 0.0) > 20:
            break
        time.sleep(0.2)
    assert found["audio_s"] > 20
    assert found["requests"] >= 1
