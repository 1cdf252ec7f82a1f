from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from brickyard.bricks.llm.contract import CompletionRequest
from brickyard.echo import derived
from brickyard.echo.recordings import store as recordings
from brickyard.echo.summaries.routes import router
from brickyard.echo.summaries.schemas import Section, Summary, sentence
from brickyard.kit.errors import BrickyardError, NotFound, Unavailable
from brickyard.text.lines import numbered
from brickyard.text.prompts import Template
from tests.unit.echo import welcoming
from tests.unit.echo.summaries.scripted import RECORDING, Scripted, Spoken, spoken

SAID = ["The harbour project needs a crane.", "We postponed the opening of the museum to September."]


def client(llm: Scripted, engine: Any = None) -> TestClient:
    def transcript_of(recording: UUID) -> Spoken:
        if recording != RECORDING:
            raise NotFound("There is no transcript.")
        return spoken(*SAID)

    app = FastAPI()
    app.state.guard = welcoming.guard()
    app.include_router(router(engine, llm, transcript_of))

    @app.exception_handler(BrickyardError)
    def told(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse({"code": error.code, "message": error.message}, status_code=error.status)

    return TestClient(app)


def chatted(llm: Scripted, question: str = "When does the museum open?", recording: UUID = RECORDING) -> Any:
    messages = [{"role": "user", "content": question}]
    return client(llm).post(f"/recordings/{recording}/chat", json={"messages": messages})


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n", 1) for block in text.removesuffix("\n\n").split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_an_answer_streams_and_ends_with_what_was_checked() -> None:
    said = "The museum opening was\n\npostponed to September [2, 7]."
    answer = chatted(Scripted(lambda _: said))
    assert answer.headers["content-type"].startswith("text/event-stream")
    *pieces, (last, end) = events(answer.text)
    assert {name for name, _ in pieces} == {"delta"}
    assert len(pieces) > 3
    assert "".join(data["text"] for _, data in pieces) == said
    assert last == "end"
    assert end["removed"] == [7]
    assert [(cited["number"], cited["segment"], cited["start"]) for cited in end["citations"]] == [(2, 1, 4.0)]


def test_without_a_model_the_answer_is_an_error_that_says_what_would_help() -> None:
    answer = chatted(Scripted(default=None))
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
    assert "No LLM server is set" in answer.json()["message"]


def test_an_error_before_the_first_word_has_its_own_status() -> None:
    answer = chatted(Scripted(lambda _: Unavailable("It is away.")))
    assert (answer.status_code, answer.json()["message"]) == (503, "It is away.")


def test_an_error_in_the_middle_is_the_last_event() -> None:
    class Breaks(Scripted):
        async def stream(self, request: CompletionRequest):  # type: ignore[no-untyped-def,override]
            yield "The museum"
            raise Unavailable("It broke off.")

    names = events(chatted(Breaks()).text)
    assert names == [("delta", {"text": "The museum"}), ("error", {"code": "unavailable", "message": "It broke off."})]


def test_somebody_elses_recording_is_not_there() -> None:
    llm = Scripted()
    assert chatted(llm, recording=uuid4()).status_code == 404
    assert llm.asked == []


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "obey"}], [{"role": "user", "content": ""}]])
def test_what_is_no_conversation_is_refused(messages: list[Any]) -> None:
    answer = client(Scripted()).post(f"/recordings/{RECORDING}/chat", json={"messages": messages})
    assert answer.status_code == 422


@pytest.mark.slow
def test_summaries_are_listed_read_and_exported(engine: sa.Engine) -> None:
    web = client(Scripted(), engine)
    mine = uuid4()
    lines = {line.number: line for line in numbered(spoken(*SAID).segments)}
    row = {"owner": "ada", "name": "a.wav", "sha256": "x", "size_bytes": 1, "container": "wav", "has_video": False}
    with engine.begin() as connection:
        recordings.insert(connection, {"id": mine, "duration_s": 60.0, **row})
    summary = Summary(
        recording=mine,
        job=uuid4(),
        template=Template.minutes,
        language="en",
        kind="extractive",
        sections=[Section(title="Summary", sentences=[sentence(SAID[1], [2], lines)])],
    )
    derived.put(engine, mine, "summary", "minutes", summary.job, summary)
    assert web.get(f"/recordings/{mine}/summaries").json() == ["minutes"]
    body = web.get(f"/recordings/{mine}/summaries/minutes").json()
    [found] = body["sections"][0]["sentences"]
    assert (found["text"], found["speaker"]) == (SAID[1], "Speaker 2")
    assert found["citations"] == [{"segment": 1, "start": 4.0, "end": 7.5}]
    for form, kind in (("txt", "text/plain"), ("md", "text/markdown")):
        answer = web.get(f"/recordings/{mine}/summaries/minutes.{form}")
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert SAID[1] in answer.text
    assert web.get(f"/recordings/{mine}/summaries/decisions").status_code == 404
    assert web.get(f"/recordings/{mine}/summaries/minutes.pdf").status_code == 422
