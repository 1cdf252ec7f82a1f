from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SegmentModel, SpeechReply, SpeechRequest, TranscribeReply, TranscribeRequest
from brickyard.bricks.client import Brick
from brickyard.bricks.contract import Health
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.diarize.contract import LinkReply, LinkRequest, ObserveReply, ObserveRequest, TurnModel
from brickyard.kit.errors import BadMedia, BrickyardError, OutOfMemory, Unavailable
from tests.unit.bricks.serving import served


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose path is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        yield Path(folder) / "brick.sock"


@pytest.fixture
def brick(place: Path) -> Iterator[FastAPI]:
    """An application of the test's own, served."""
    app = FastAPI()
    with served(app, place):
        yield app


def health(app: FastAPI, name: str = "asr") -> FastAPI:
    @app.get("/health")
    def read() -> Health:
        return Health(brick=name, engine="fake")

    return app


def ask(socket_path: Path, patience_s: float = 20.0) -> Health:
    async def asked() -> Health:
        async with Brick("asr", socket_path, patience_s) as client:
            return await client.health()

    return asyncio.run(asked())


def call(what: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(what())


def test_a_brick_answers(brick: FastAPI, place: Path) -> None:
    health(brick)
    assert ask(place) == Health(brick="asr", engine="fake")


def test_requests_and_replies_go_through_whole(brick: FastAPI, place: Path) -> None:
    @brick.post("/speech")
    def speech(body: SpeechRequest) -> SpeechReply:
        return SpeechReply(spans=[(body.start, body.end - body.channel)])

    @brick.post("/transcribe")
    def transcribe(body: TranscribeRequest) -> TranscribeReply:
        text = f"{body.language} {body.priority} {body.tenant} {body.spans}"
        return TranscribeReply(segments=[SegmentModel(start=body.start, end=body.end, text=text)], engine="fake")

    async def asked() -> tuple[SpeechReply, TranscribeReply]:
        async with Asr(place) as asr:
            speech_request = SpeechRequest(audio="a.wav", channel=1, start=0.5, end=9.0)
            request = TranscribeRequest(
                audio="a.wav", start=1.0, end=2.0, spans=[(1.0, 1.5)], language="en", priority="batch", tenant="ada"
            )
            return await asr.speech(speech_request), await asr.transcribe(request)

    found, heard = call(asked)
    assert found.spans == [(0.5, 8.0)]
    assert heard.segments[0].text == "en batch ada [(1.0, 1.5)]"


def test_a_diarizer_is_asked_to_observe_and_to_link(brick: FastAPI, place: Path) -> None:
    @brick.post("/observe")
    def observe(body: ObserveRequest) -> ObserveReply:
        return ObserveReply(observations=[{"start": body.start, "end": body.end}])

    @brick.post("/link")
    def link(body: LinkRequest) -> LinkReply:
        return LinkReply(turns=[TurnModel(start=o["start"], end=o["end"], speaker=7) for o in body.observations])

    async def asked() -> LinkReply:
        async with Diarize(place) as diarize:
            seen = await diarize.observe(ObserveRequest(audio="a.wav", start=1.0, end=2.0))
            return await diarize.link(LinkRequest(observations=seen.observations))

    assert call(asked).turns == [TurnModel(start=1.0, end=2.0, speaker=7)]


# ---- waiting


def test_a_brick_that_comes_later_is_waited_for(place: Path) -> None:
    found: list[Health] = []
    asking = threading.Thread(target=lambda: found.append(ask(place)))
    asking.start()
    time.sleep(0.5)
    assert asking.is_alive()
    with served(health(FastAPI()), place):
        asking.join(20)
    assert found == [Health(brick="asr", engine="fake")]


def test_a_request_lost_with_a_dying_brick_is_sent_to_the_next_one(place: Path) -> None:
    """The first takes the request and ends without a word."""
    with socket.socket(socket.AF_UNIX) as dying, ExitStack() as later:
        dying.bind(str(place))
        dying.listen()
        found: list[Health] = []
        asking = threading.Thread(target=lambda: found.append(ask(place)))
        asking.start()
        connection, _ = dying.accept()
        assert connection.recv(4) == b"GET "
        place.unlink()
        connection.close()
        later.enter_context(served(health(FastAPI()), place))
        asking.join(20)
    assert found == [Health(brick="asr", engine="fake")]


def test_patience_ends(place: Path) -> None:
    with pytest.raises(Unavailable, match="The asr brick has not answered") as error:
        ask(place, patience_s=0.3)
    assert error.value.transient


# ---- failures


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ('{"code": "bad_media", "message": "It is cut off."}', 422, BadMedia),
        ('{"code": "out_of_memory", "message": "It is cut off."}', 503, OutOfMemory),
        ('{"code": "never heard of", "message": "It is cut off."}', 500, BrickyardError),
    ],
)
def test_its_errors_come_out_as_ours(
    brick: FastAPI, place: Path, body: str, status: int, kind: type[BrickyardError]
) -> None:
    @brick.get("/health")
    def fail() -> Response:
        return Response(body, status_code=status, media_type="application/json")

    with pytest.raises(BrickyardError, match=r"It is cut off\.") as error:
        ask(place)
    assert type(error.value) is kind


@pytest.mark.parametrize("body", ["", "Internal Server Error", '{"detail": "Not Found"}'])
def test_an_answer_that_is_no_failure_of_ours_names_the_brick_and_the_status(
    brick: FastAPI, place: Path, body: str
) -> None:
    @brick.get("/health")
    def fail() -> Response:
        return Response(body, status_code=500)

    with pytest.raises(BrickyardError, match="The asr brick failed with status 500; its log says why"):
        ask(place)


def test_a_failure_is_not_asked_again(brick: FastAPI, place: Path) -> None:
    asked: list[int] = []

    @brick.get("/health")
    def fail() -> Response:
        asked.append(1)
        return Response('{"code": "unavailable", "message": "no"}', status_code=503)

    with pytest.raises(Unavailable):
        ask(place)
    assert len(asked) == 1
