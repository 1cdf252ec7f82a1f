from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from brickyard.bricks.asr import AsrBrick
from brickyard.bricks.contract import Health
from brickyard.bricks.diarize import DiarizeBrick
from brickyard.bricks.server import CallerGone, Compute, application
from brickyard.engines.base import SpeechRecognizer
from brickyard.engines.catalog import ModelCard
from brickyard.engines.fake import FakeDiarizer, FakeRecognizer
from brickyard.kit.errors import BadInput, BrickyardError, OutOfMemory, TooLarge
from brickyard.media import pcm

ENGLISH = ModelCard("tiny", "asr", "fake", frozenset({"en"}), "MIT", "test")
GERMAN = ModelCard("large", "asr", "fake", frozenset({"de"}), "MIT", "test")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Ten seconds at level 0.1, ten at level 0.5; two channels, the second silent."""
    levels = np.repeat([0.1, 0.5], 10 * pcm.SAMPLE_RATE)
    samples = np.stack([levels, np.zeros_like(levels)], axis=1)
    path = tmp_path / "audio.wav"
    path.write_bytes(pcm.header(2, len(levels)) + (samples * 32768).astype("<i2").tobytes())
    return path


def gone() -> Request:
    """A request whose caller has hung up."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def waiting() -> Request:
    """A request whose caller still waits for the answer."""

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


def compute() -> Compute:
    return Compute("asr", None, 1, 1)


# ---- Compute


def test_a_chunk_whose_caller_has_gone_is_not_computed() -> None:
    computed: list[int] = []
    with pytest.raises(CallerGone):
        asyncio.run(compute().run_chunk(gone(), "standard", "ada", lambda: computed.append(1)))
    assert computed == []


def test_a_caller_that_goes_while_others_are_served_costs_nothing() -> None:
    free = threading.Event()
    done: list[str] = []

    def first() -> None:
        assert free.wait(10)
        done.append("first")

    async def serve() -> Sequence[object]:
        own = compute()
        one = asyncio.create_task(own.run_chunk(waiting(), "standard", "ada", first))
        two = asyncio.create_task(own.run_chunk(gone(), "standard", "ben", lambda: done.append("second")))
        three = asyncio.create_task(own.run_chunk(waiting(), "standard", "ada", lambda: done.append("third")))
        await asyncio.sleep(0.05)
        free.set()
        return await asyncio.gather(one, two, three, return_exceptions=True)

    kinds = [type(result) for result in asyncio.run(serve())]
    assert kinds == [type(None), CallerGone, type(None)]
    assert done == ["first", "third"]


def test_one_thread_computes_one_after_another_in_order_of_arrival() -> None:
    seen: list[tuple[int, int]] = []

    def note(number: int) -> None:
        seen.append((number, threading.get_ident()))

    async def serve() -> None:
        own = compute()
        await asyncio.gather(*(own.run_chunk(waiting(), "standard", "ada", partial(note, n)) for n in range(5)))

    asyncio.run(serve())
    assert [number for number, _ in seen] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in seen}) == 1
    assert seen[0][1] != threading.get_ident()


def test_an_error_in_the_thread_reaches_the_caller_and_the_next_one_is_served() -> None:
    async def serve() -> Sequence[object]:
        own = compute()

        def fail() -> None:
            raise OutOfMemory("no room")

        return await asyncio.gather(
            own.run_chunk(waiting(), "batch", "ada", fail), own.run(lambda: "fine"), return_exceptions=True
        )

    first, second = asyncio.run(serve())
    assert isinstance(first, OutOfMemory)
    assert second == "fine"


# ---- application


def tiny(error: Exception | None = None) -> FastAPI:
    app = application("toy", compute(), lambda: Health(brick="toy", engine="none"), lambda: None)

    @app.get("/work")
    def work() -> None:
        if error:
            raise error

    return app


@pytest.mark.parametrize("error", [BadInput("wrong"), TooLarge("too long"), OutOfMemory("full"), BrickyardError("?")])
def test_errors_of_ours_are_told_by_status_and_code(error: BrickyardError) -> None:
    with TestClient(tiny(error)) as client:
        answer = client.get("/work")
    assert answer.status_code == error.status
    assert answer.json() == {"code": error.code, "message": error.message}


def test_a_caller_that_has_gone_is_answered_all_the_same() -> None:
    with TestClient(tiny(CallerGone())) as client:
        answer = client.get("/work")
    assert (answer.status_code, answer.json()["code"]) == (499, "gone")


def test_the_model_is_loaded_before_the_first_request() -> None:
    loaded: list[str] = []
    app = application("toy", compute(), lambda: Health(brick="toy", engine=str(loaded)), lambda: loaded.append("x"))
    with TestClient(app) as client:
        assert client.get("/health").json()["engine"] == "['x']"


# ---- the brick asr


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def asr(loaded: list[str]) -> Iterator[TestClient]:
    def load(card: ModelCard) -> SpeechRecognizer:
        loaded.append(card.name)
        return FakeRecognizer(card.languages, room_s=30.0)

    with TestClient(AsrBrick([ENGLISH, GERMAN], load, None).app()) as client:
        yield client


def chunk(sound: Path, start: float, end: float, *spans: tuple[float, float], **values: Any) -> dict[str, Any]:
    return {"audio": str(sound), "start": start, "end": end, "spans": spans, **values}


def test_the_stretch_that_was_asked_for_is_transcribed(asr: TestClient, sound: Path) -> None:
    reply = asr.post("/transcribe", json=chunk(sound, 8.0, 14.0, (8.5, 9.5), (12.0, 14.0), language="en")).json()
    assert reply["engine"] == "fake"
    assert [(s["start"], s["end"], s["text"]) for s in reply["segments"]] == [
        (8.5, 9.5, "speech of 1.0 seconds at level 0.100"),
        (12.0, 14.0, "speech of 2.0 seconds at level 0.500"),
    ]
    assert reply["segments"][0]["words"][0]["start"] == 8.5
    other = asr.post("/transcribe", json=chunk(sound, 8.0, 14.0, (12.0, 14.0), channel=1)).json()
    assert other["segments"][0]["text"].endswith("level 0.000")


def test_a_model_is_loaded_when_its_language_is_first_asked_for(
    asr: TestClient, sound: Path, loaded: list[str]
) -> None:
    first = loaded[0]
    assert len(loaded) == 1
    for language in ("en", "de", "en", "de"):
        answer = asr.post("/transcribe", json=chunk(sound, 0, 1, (0, 1), language=language)).json()
        assert answer["segments"][0]["language"] == language
    assert sorted(loaded) == ["large", "tiny"]
    assert loaded[0] == first
    assert asr.get("/health").json()["brick"] == "asr"


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


def test_a_channel_that_is_not_there_is_refused(asr: TestClient, tmp_path: Path) -> None:
    mono = tmp_path / "mono.wav"
    mono.write_bytes(pcm.header(1, 16_000) + bytes(32_000))
    answer = asr.post("/transcribe", json=chunk(mono, 0, 1, (0, 1), channel=1))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


# ---- the brick diarize


def test_speakers_are_observed_in_windows_and_linked_over_all(sound: Path) -> None:
    with TestClient(DiarizeBrick(FakeDiarizer, None).app()) as client:
        assert client.get("/health").json() == {
            "brick": "diarize",
            "engine": "fake",
            "window_s": 10.0,
            "overlap_s": 0.0,
        }
        seen = [
            observation
            for start in (0.0, 5.0, 15.0)
            for observation in client.post(
                "/observe", json={"audio": str(sound), "start": start, "end": start + 5.0}
            ).json()["observations"]
        ]
        turns = client.post("/link", json={"observations": seen, "speakers": 2}).json()["turns"]
        assert turns == [
            {"start": 0.0, "end": 5.0, "speaker": 0},
            {"start": 5.0, "end": 10.0, "speaker": 0},
            {"start": 15.0, "end": 20.0, "speaker": 1},
        ]
        merged = client.post("/link", json={"observations": seen, "speakers": 1}).json()["turns"]
        assert {turn["speaker"] for turn in merged} == {0}
