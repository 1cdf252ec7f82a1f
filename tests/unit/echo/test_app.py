from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from brickyard import __version__
from brickyard.access.actor import OPERATOR, Actor
from brickyard.access.master import MasterKey
from brickyard.bricks.llm.client import Llm
from brickyard.echo.app import FORM_OVERHEAD_BYTES, LanguageView, Surroundings, create_app
from brickyard.echo.queue.schemas import JobView
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings import store as recordings_store
from brickyard.echo.recordings.schemas import Recording, TranscribeOptions
from brickyard.echo.recordings.service import Recordings
from brickyard.echo.recordings.vault import Vault
from brickyard.echo.transcripts import store as transcripts_store
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.engines import catalog
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import JobState
from brickyard.jobs.store import JobStore, submit
from brickyard.kit.metrics import CONTENT_TYPE
from brickyard.media.limits import Limits
from brickyard.text.spoken import Segment, Word
from tests.unit.echo import welcoming
from tests.unit.echo.sounds import left, speech_file

MAX_BYTES = 10**7
API = "/api/v1"
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


erased: list[UUID] = []


def application(engine: sa.Engine, folder: Path, queue: Queue | None = None) -> FastAPI:
    cards = catalog.installed(None)

    def check(options: TranscribeOptions) -> None:
        catalog.recognizer_for(options.language, cards)

    def erase(recording: UUID, actor: Actor, reason: str) -> None:
        erased.append(recording)

    vault = Vault(engine, MasterKey([bytes(32)]), encrypt=False)
    files = RecordingFiles(folder, MAX_BYTES, vault.key_of)
    recordings = Recordings(engine, files, vault, Limits(max_size_bytes=MAX_BYTES), check, erase, 60.0)
    languages = [LanguageView(code="en", models=["moonshine-tiny-en"])]
    around = Surroundings(welcoming.guard(), Llm(folder / "no.sock", patience_s=0.0))
    return create_app(recordings, queue or Queue(engine, {}, cap=4), languages, around)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def app(engine: sa.Engine, folder: Path) -> FastAPI:
    return application(engine, folder)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def detached(folder: Path) -> TestClient:
    """The app without a database that answers."""
    engine = sa.create_engine(NOWHERE, connect_args={"connect_timeout": 2})
    return TestClient(application(engine, folder), raise_server_exceptions=False)


@pytest.fixture
def recording(engine: sa.Engine, folder: Path) -> UUID:
    """A recording that is here already, with the ten digits as its source; its job waits."""
    identity = uuid4()
    row = {"owner": OPERATOR, "name": "digits für dich.mp4", "sha256": "x", "size_bytes": 10, "container": "mp4"}
    with engine.begin() as connection:
        recordings_store.insert(connection, {"id": identity, "duration_s": 9.5, "has_video": True, **row})
        submit(connection, NewJob("transcribe", OPERATOR, {"recording": str(identity)}))
    source = folder / "recordings" / str(identity) / "source"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"0123456789")
    return identity


@pytest.fixture
def job(engine: sa.Engine, recording: UUID) -> UUID:
    [found] = JobStore(engine).recent(OPERATOR)
    return found.id


def problem(answer: Any, status: int, code: str) -> str:
    """The message of an error in our shape."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.json()["error"]["code"] == code
    message: str = answer.json()["error"]["message"]
    return message


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The server-sent events of a whole stream."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


# ---- uploads

pytestmark = pytest.mark.slow


def test_a_recording_is_uploaded(client: TestClient, engine: sa.Engine, folder: Path) -> None:
    with speech_file().open("rb") as stream:
        answer = client.post(
            f"{API}/recordings", files={"file": ("beckett.wav", stream)}, data={"language": "en", "speakers": "2"}
        )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["recording"]["name"], body["recording"]["container"]) == ("beckett.wav", "wav")
    assert body["recording"]["latest_job"] == body["job"]
    assert left(folder) == [f"recordings/{body['recording']['id']}/source"]
    job = JobStore(engine).get(UUID(body["job"]))
    assert job.params["recording"] == body["recording"]["id"]
    assert (job.params["speakers"], job.owner) == (2, OPERATOR)
    assert client.get(f"{API}/recordings/{body['recording']['id']}").json() == body["recording"]
    assert [found["id"] for found in client.get(f"{API}/recordings").json()] == [body["recording"]["id"]]


def test_a_text_is_refused_and_nothing_of_it_is_left(client: TestClient, engine: sa.Engine, folder: Path) -> None:
    answer = client.post(f"{API}/recordings", files={"file": ("talk.wav", b"Dear diary,\n" * 500)})
    problem(answer, 422, "bad_media")
    assert left(folder) == []
    assert client.get(f"{API}/recordings").json() == []
    assert JobStore(engine).recent(OPERATOR) == []


def test_a_language_that_no_engine_has_is_refused_with_the_one_that_would_do(
    detached: TestClient, folder: Path
) -> None:
    answer = detached.post(f"{API}/recordings", files={"file": ("a.wav", b"x")}, data={"language": "fr"})
    message = problem(answer, 422, "unsupported")
    assert "'fr'" in message
    assert "faster-whisper" in message
    assert left(folder) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"speakers": "0"}, "speakers"),
        ({"speakers": "two"}, "speakers"),
        ({"speakers": "51"}, "speakers"),
        ({"priority": "now"}, "priority"),
        ({"diarize": "perhaps"}, "diarize"),
    ],
)
def test_options_that_make_no_sense_are_named(detached: TestClient, fields: dict[str, str], named: str) -> None:
    answer = detached.post(f"{API}/recordings", files={"file": ("a.wav", b"x")}, data=fields)
    assert problem(answer, 400, "bad_input").startswith(f"{named}: ")


def test_an_upload_without_a_file_is_refused(detached: TestClient) -> None:
    assert "in the field 'file'" in problem(detached.post(f"{API}/recordings"), 400, "bad_input")
    empty = detached.post(f"{API}/recordings", files={"other": ("a.wav", b"x")})
    assert "in the field 'file'" in problem(empty, 400, "bad_input")


def test_an_upload_that_says_it_is_too_large_is_refused_before_a_byte_is_read(detached: TestClient) -> None:
    app: Any = detached.app
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("it was read")

    async def send(message: Any) -> None:
        sent.append(message)

    length = MAX_BYTES + FORM_OVERHEAD_BYTES + 1
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"{API}/recordings",
        "raw_path": b"",
        "query_string": b"",
        "headers": [
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"content-length", str(length).encode()),
        ],
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    error = json.loads(sent[1]["body"])["error"]
    assert error["code"] == "too_large"
    assert "10,000,000" in error["message"]


def test_an_upload_that_turns_out_too_large_is_refused_as_well(detached: TestClient, folder: Path) -> None:
    """It fits into the limit for a form, but the file in it is over the limit for a file."""
    answer = detached.post(f"{API}/recordings", files={"file": ("a.wav", bytes(MAX_BYTES + 1))})
    assert "10,000,000" in problem(answer, 413, "too_large")
    assert left(folder) == []


# ---- recordings


def test_a_recording_is_played_with_its_own_type_whole_or_by_range(client: TestClient, recording: UUID) -> None:
    url = f"{API}/recordings/{recording}/media"
    whole = client.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "video/mp4")
    assert whole.headers["content-disposition"].startswith("inline; filename*=utf-8''digits")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert client.get(url, headers={"Range": "bytes=7-"}).content == b"789"
    assert client.get(url, headers={"Range": "bytes=-2"}).content == b"89"
    assert client.get(url, headers={"Range": "bytes=50-60"}).status_code == 416


def test_a_recording_is_deleted(client: TestClient, recording: UUID) -> None:
    assert client.delete(f"{API}/recordings/{recording}").status_code == 204
    assert erased == [recording]


def test_a_recording_is_transcribed_again(client: TestClient, recording: UUID, job: UUID) -> None:
    client.post(f"{API}/jobs/{job}/cancel")
    answer = client.post(f"{API}/recordings/{recording}/jobs", json={"speakers": 3, "priority": "batch"})
    assert answer.status_code == 201
    assert client.get(f"{API}/jobs/{answer.json()['job']}").json()["priority"] == "batch"
    problem(client.post(f"{API}/recordings/{recording}/jobs", json={"speakers": 99}), 400, "bad_input")
    problem(client.post(f"{API}/recordings/{recording}/jobs", content=b"{"), 400, "bad_input")


# ---- what is not there


NOT_THERE = (
    ("GET", f"recordings/{UUID(int=9)}"),
    ("GET", f"recordings/{UUID(int=9)}/media"),
    ("GET", f"recordings/{UUID(int=9)}/transcript"),
    ("GET", f"recordings/{UUID(int=9)}/transcript.srt"),
    ("GET", f"jobs/{UUID(int=9)}"),
    ("GET", f"jobs/{UUID(int=9)}/events"),
    ("POST", f"jobs/{UUID(int=9)}/pause"),
    ("POST", "queues/night/pause"),
    ("GET", "nothing"),
    ("GET", "../../nothing"),
)


def test_what_is_not_there_is_told_in_our_shape(client: TestClient) -> None:
    for method, path in NOT_THERE:
        problem(client.request(method, f"{API}/{path}"), 404, "not_found")


@pytest.mark.parametrize("path", ["recordings/seven", "jobs/seven", "jobs?limit=0", "jobs?state=lost"])
def test_what_cannot_be_is_told_in_our_shape(detached: TestClient, path: str) -> None:
    problem(detached.get(f"{API}/{path}"), 400, "bad_input")


def test_a_method_that_is_not_allowed_is_told_in_our_shape(detached: TestClient) -> None:
    answer = detached.put(f"{API}/info")
    problem(answer, 405, "bad_input")
    assert answer.headers["allow"] == "GET"


def test_without_a_database_the_app_says_so(detached: TestClient) -> None:
    for path in ("/health", f"{API}/recordings", f"{API}/jobs/{UUID(int=9)}", "/metrics"):
        assert "Try again" in problem(detached.get(path), 503, "unavailable")


def test_what_nobody_foresaw_is_told_without_its_insides(folder: Path) -> None:
    app = application(sa.create_engine(NOWHERE), folder)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret of the inside")

    client = TestClient(app, raise_server_exceptions=False)
    assert "secret" not in problem(client.get("/broken"), 500, "internal")


# ---- transcripts


def test_a_transcript_comes_with_or_without_words_and_as_text(
    client: TestClient, engine: sa.Engine, recording: UUID, job: UUID
) -> None:
    words = [Word(start=1.0, end=1.5, text="Hello"), Word(start=1.5, end=2.0, text="there.")]
    said = Segment(start=1.0, end=2.0, speaker="Speaker 1", text="Hello there.", words=words)
    found = Transcript(
        recording=recording, job=job, duration=9.5, language="en", engines={"asr": "fake"},
        speakers=["Speaker 1"], segments=[said], turns=[],
    )  # fmt: skip
    url = f"{API}/recordings/{recording}/transcript"
    assert "when the recording's job has succeeded" in problem(client.get(url), 404, "not_found")
    transcripts_store.put(engine, found)
    answer = client.get(url).json()
    assert Transcript.model_validate(answer).segments == [said]
    assert answer["created_at"]
    assert client.get(f"{url}?words=false").json()["segments"][0]["words"] == []
    for form, kind, text in (
        ("srt", "application/x-subrip", "1\n00:00:01,000 --> 00:00:02,000\nSpeaker 1: Hello there.\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<v Speaker 1>Hello there.</v>\n"),
        ("txt", "text/plain", "[00:01] Speaker 1: Hello there.\n"),
    ):
        rendered = client.get(f"{url}.{form}")
        assert (rendered.text, rendered.headers["content-type"]) == (text, f"{kind}; charset=utf-8")
    problem(client.get(f"{url}.docx"), 400, "bad_input")


# ---- jobs and queues


def test_a_job_is_paused_resumed_and_cancelled(client: TestClient, job: UUID) -> None:
    url = f"{API}/jobs/{job}"
    assert client.get(url).json()["state"] == "waiting"
    assert client.post(f"{url}/pause").json()["state"] == "paused"
    assert "can't be paused" in problem(client.post(f"{url}/pause"), 409, "conflict")
    assert client.post(f"{url}/resume").json()["state"] == "waiting"
    assert client.post(f"{url}/cancel").json()["state"] == "cancelled"
    problem(client.post(f"{url}/resume"), 409, "conflict")
    problem(client.post(f"{url}/replay"), 409, "conflict")


def test_a_running_job_is_asked(client: TestClient, engine: sa.Engine, job: UUID) -> None:
    with engine.begin() as connection:
        assert JobStore(engine).admit(connection, job)
    view = client.post(f"{API}/jobs/{job}/pause").json()
    assert (view["state"], view["wanted"]) == ("running", "pause")
    assert client.post(f"{API}/jobs/{job}/resume").json()["wanted"] is None
    assert client.post(f"{API}/jobs/{job}/cancel").json()["wanted"] == "cancel"


def test_jobs_are_listed_by_state(client: TestClient, job: UUID) -> None:
    assert [view["id"] for view in client.get(f"{API}/jobs?state=waiting&state=running").json()] == [str(job)]
    assert client.get(f"{API}/jobs?state=failed").json() == []


def test_a_queue_is_paused_and_resumed(client: TestClient, job: UUID) -> None:
    for verb, paused in (("pause", True), ("resume", False)):
        assert client.post(f"{API}/queues/default/{verb}").status_code == 204
        [queue] = client.get(f"{API}/queues").json()
        assert (queue["paused"], queue["jobs"]) == (paused, {"waiting": 1})
    assert client.get(f"{API}/workers").json() == []


def test_the_events_of_a_job_that_has_ended_end(client: TestClient, job: UUID) -> None:
    client.post(f"{API}/jobs/{job}/cancel")
    answer = client.get(f"{API}/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    found = events(answer.text)
    assert [name for name, _ in found] == ["progress", "end"]
    assert [view["state"] for _, view in found] == ["cancelled", "cancelled"]


class Moving(Queue):
    """Pauses a job that somebody looks at, then cancels it."""

    def view(self, job: UUID) -> JobView:
        found = super().view(job)
        if found.state is JobState.WAITING:
            self.jobs.pause(job)
        elif found.state is JobState.PAUSED:
            self.jobs.cancel(job)
        return found


def test_each_change_of_a_job_is_told_until_it_ends(engine: sa.Engine, folder: Path, job: UUID) -> None:
    client = TestClient(application(engine, folder, Moving(engine, {}, cap=4)))
    found = events(client.get(f"{API}/jobs/{job}/events").text)
    assert [(name, told["state"]) for name, told in found] == [
        ("progress", "waiting"),
        ("progress", "paused"),
        ("progress", "cancelled"),
        ("end", "cancelled"),
    ]


# ---- the platform


def test_what_this_installation_can_do(client: TestClient) -> None:
    info = client.get(f"{API}/info").json()
    assert info["version"] == __version__
    assert info["languages"] == [{"code": "en", "models": ["moonshine-tiny-en"]}]
    assert (info["max_duration_s"], info["max_upload_bytes"]) == (3 * 3600, MAX_BYTES)
    assert client.get("/health").json() == {"status": "ok"}


def test_metrics_can_be_read_by_prometheus(client: TestClient, engine: sa.Engine, job: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO rates VALUES ('asr', 'host', 41.5, 1)"))
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    jobs = {(s.labels["queue"], s.labels["state"]): s.value for s in families["brickyard_jobs"].samples}
    assert jobs["default", "waiting"] == 1.0
    assert jobs["default", "failed"] == 0.0, "states without jobs are told as well"
    assert families["brickyard_step_x_realtime"].samples[0].value == 41.5
    assert families["brickyard_workers"].samples[0].value == 0.0
    assert all(family.documentation for family in families.values())


def test_the_page_is_served_and_may_load_nothing_from_elsewhere(detached: TestClient) -> None:
    page = detached.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org/", "")
    assert "https://" not in page.text


# ---- the API's description


def described(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{API}/openapi.json").json()
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_description_is_whole(detached: TestClient) -> None:
    description = described(detached)
    assert description["openapi"].startswith("3.1.")
    assert description["info"]["title"] == "Brickyard"
    assert description["info"]["version"] == __version__
    for reference in references(description):
        found: Any = description
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(description):
        assert path.startswith((f"{API}/", "/health"))
        assert method in {"get", "post", "put", "patch", "delete"}
        assert operation["tags"]
        assert all(response["description"] for response in operation["responses"].values())
        in_path = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert in_path == {part.split("}")[0] for part in path.split("{")[1:]}


def test_errors_are_described_as_they_are_told(detached: TestClient) -> None:
    description = described(detached)
    for _, _, operation in operations(description):
        assert "422" not in operation["responses"]
        told = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert told == {"$ref": "#/components/schemas/Failure"}
    assert "HTTPValidationError" not in description["components"]["schemas"]


@pytest.mark.parametrize("model", [Recording, JobView, Transcript])
def test_examples_are_what_the_api_would_say(detached: TestClient, model: type[BaseModel]) -> None:
    shown = described(detached)["components"]["schemas"][model.__name__]["example"]
    extra: Any = model.model_config["json_schema_extra"]
    example = extra["example"]
    assert shown == {name: value for name, value in example.items() if value is not None}
    assert set(example) == set(model.model_fields)
    model.model_validate(example)
