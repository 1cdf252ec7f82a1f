from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

from brickyard.cli.remote import PREFIX, Remote
from brickyard.cli.up import free_port
from brickyard.kit.errors import BrickyardError, Conflict, NotFound, Unavailable, Unsupported

PROGRESS = 'event: progress\ndata: {"state": "running"}\n\n'
END = 'event: end\ndata: {"state": "succeeded"}\n\n'


@pytest.fixture
def api() -> FastAPI:
    """A platform of the test's own."""
    return FastAPI(openapi_url=None, docs_url=None)


@pytest.fixture
def remote(api: FastAPI) -> Iterator[Remote]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < give_up, "the server did not start"
        time.sleep(0.01)
    yield Remote(f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def nowhere() -> Remote:
    return Remote(f"http://127.0.0.1:{free_port()}")


def told(status: int, body: str) -> Response:
    return Response(body, status_code=status, media_type="application/json")


# ---- asking


def test_a_platform_is_there_or_not(api: FastAPI, remote: Remote, nowhere: Remote) -> None:
    assert not nowhere.is_there()
    assert not remote.is_there(), "something else answers on that port"

    @api.get(f"{PREFIX}/session")
    def session() -> dict[str, str]:
        return {}

    assert remote.is_there()


def test_a_file_is_uploaded_with_what_was_said_of_it(api: FastAPI, remote: Remote, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    @api.post(f"{PREFIX}/recordings", status_code=201)
    async def upload(request: Request, file: UploadFile) -> dict[str, str]:
        form = await request.form()
        seen.update({name: value for name, value in form.items() if isinstance(value, str)})
        seen["file"] = (file.filename, await file.read())
        return {"job": "7"}

    path = tmp_path / "interview.wav"
    path.write_bytes(b"sound" * 100_000)
    assert remote.upload(path, language="en", speakers=2, diarize=False, priority=None) == {"job": "7"}
    assert seen == {
        "language": "en",
        "speakers": "2",
        "diarize": "False",
        "file": ("interview.wav", b"sound" * 100_000),
    }


def test_jobs_queues_and_transcripts_are_asked_for_where_they_are(api: FastAPI, remote: Remote) -> None:
    asked: list[str] = []

    @api.api_route(f"{PREFIX}/{{rest:path}}", methods=["GET", "POST"])
    def anything(request: Request) -> Any:
        asked.append(f"{request.method} {request.url.path.removeprefix(PREFIX)}?{request.url.query}".rstrip("?"))
        return [] if request.url.path.endswith(("jobs", "queues")) else {}

    assert remote.jobs(["waiting", "failed"], 5) == []
    assert remote.queues() == []
    assert remote.act("7", "pause") == {}
    assert remote.transcript("9") == {}
    assert remote.transcript_as("9", "srt") == "{}"
    remote.set_queue_paused("default", True)
    remote.set_queue_paused("default", False)
    assert asked == [
        "GET /jobs?state=waiting&state=failed&limit=5",
        "GET /queues",
        "POST /jobs/7/pause",
        "GET /recordings/9/transcript",
        "GET /recordings/9/transcript.srt",
        "POST /queues/default/pause",
        "POST /queues/default/resume",
    ]


# ---- errors


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (404, '{"error": {"code": "not_found", "message": "There is no job 7."}}', NotFound, "There is no job 7."),
        (409, '{"error": {"code": "conflict", "message": "The job is paused."}}', Conflict, "The job is paused."),
        (422, '{"error": {"code": "unsupported", "message": "No French."}}', Unsupported, "No French."),
        (500, '{"error": {"code": "from a newer version", "message": "Hm."}}', BrickyardError, "Hm."),
        (500, "Internal Server Error", BrickyardError, "status 500: Internal Server Error"),
        (404, '{"detail": "Not Found"}', BrickyardError, 'status 404: {"detail": "Not Found"}'),
        (502, '{"error": "bad gateway"}', BrickyardError, 'status 502: {"error": "bad gateway"}'),
        (502, '{"error": {"code": "x"}}', BrickyardError, "status 502"),
        (502, "[]", BrickyardError, "status 502"),
    ],
)
def test_what_the_platform_says_is_wrong_is_said_here(
    api: FastAPI, remote: Remote, *, status: int, body: str, kind: type[BrickyardError], said: str
) -> None:
    @api.post(f"{PREFIX}/jobs/7/pause")
    def pause() -> Response:
        return told(status, body)

    @api.get(f"{PREFIX}/jobs/7/events")
    def events() -> Response:
        return told(status, body)

    for ask in (lambda: remote.act("7", "pause"), lambda: list(remote.follow("7"))):
        with pytest.raises(BrickyardError) as error:
            ask()
        assert type(error.value) is kind
        assert said in error.value.message


def test_where_no_platform_is_it_is_said_how_to_start_one(nowhere: Remote, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    for ask in (
        lambda: nowhere.upload(path),
        lambda: list(nowhere.follow("7")),
        nowhere.queues,
        lambda: nowhere.transcript("9"),
    ):
        with pytest.raises(Unavailable, match=r"No platform answers at http://127.*brickyard up"):
            ask()


# ---- following


def test_a_job_is_followed_to_its_end(api: FastAPI, remote: Remote) -> None:
    @api.get(f"{PREFIX}/jobs/7/events")
    def events() -> StreamingResponse:
        return StreamingResponse(iter([PROGRESS, ": still here\n\n", PROGRESS, END]), media_type="text/event-stream")

    assert [view["state"] for view in remote.follow("7")] == ["running", "running", "succeeded"]


def test_views_come_as_they_are_told(api: FastAPI, remote: Remote) -> None:
    seen = threading.Event()

    @api.get(f"{PREFIX}/jobs/7/events")
    def events() -> StreamingResponse:
        def stream() -> Iterator[str]:
            yield PROGRESS
            assert seen.wait(20)
            yield END

        return StreamingResponse(stream(), media_type="text/event-stream")

    views = remote.follow("7")
    assert next(views) == {"state": "running"}
    seen.set()
    assert [view["state"] for view in views] == ["succeeded"]


def test_a_stream_that_is_to_be_asked_for_anew_goes_on(api: FastAPI, remote: Remote) -> None:
    streams = iter([[PROGRESS, "event: again\ndata: {}\n\n"], [PROGRESS, END]])

    @api.get(f"{PREFIX}/jobs/7/events")
    def events() -> StreamingResponse:
        return StreamingResponse(iter(next(streams)), media_type="text/event-stream")

    assert [view["state"] for view in remote.follow("7")] == ["running", "running", "succeeded"]


def test_a_stream_that_ends_too_early_is_no_end_of_the_job(api: FastAPI, remote: Remote) -> None:
    @api.get(f"{PREFIX}/jobs/7/events")
    def events() -> StreamingResponse:
        return StreamingResponse(iter([PROGRESS]), media_type="text/event-stream")

    views = remote.follow("7")
    assert next(views) == {"state": "running"}
    with pytest.raises(Unavailable):
        next(views)


def test_a_platform_that_goes_away_meanwhile_is_told() -> None:
    """It sends one event and dies without ending its answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = f"{len(PROGRESS):x}\r\n{PROGRESS}\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as dying:

        def answer() -> None:
            connection, _ = dying.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(head + chunk)

        thread = threading.Thread(target=answer)
        thread.start()
        views = Remote(f"http://127.0.0.1:{dying.getsockname()[1]}").follow("7")
        assert next(views) == {"state": "running"}
        with pytest.raises(Unavailable):
            next(views)
        thread.join(20)
