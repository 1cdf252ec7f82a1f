from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from brickyard.bricks.llm.contract import PromptTooLong
from brickyard.bricks.llm.terms import Terms
from brickyard.gateway.openai_llm import render
from brickyard.kit.errors import BadInput, BrickyardError, Busy, Forbidden, NotFound, TooManyRequests, Unauthenticated
from tests.llm_server import LlmServer
from tests.unit.gateway.llm import ASKED, CHAT, gateway


def shown(response: Response) -> dict[str, Any]:
    return dict(json.loads(bytes(response.body))["error"])


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (BadInput("?"), 400, "invalid_request_error", "bad_input"),
        (PromptTooLong("?"), 400, "invalid_request_error", "context_length_exceeded"),
        (Unauthenticated("?"), 401, "authentication_error", "invalid_api_key"),
        (Forbidden("?"), 403, "permission_error", "forbidden"),
        (NotFound("?"), 404, "invalid_request_error", "model_not_found"),
        (TooManyRequests("?"), 429, "rate_limit_error", "rate_limit_exceeded"),
        (Busy("?"), 503, "server_error", "busy"),
        (BrickyardError("?"), 500, "server_error", "internal"),
    ],
)
def test_errors_have_openais_shape(error: BrickyardError, status: int, kind: str, code: str) -> None:
    assert render(error).status_code == status
    assert shown(render(error)) == {"message": "?", "type": kind, "param": None, "code": code}


def test_without_a_key_or_with_a_spent_one_nobody_passes() -> None:
    with gateway(LlmServer()) as client:
        for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/v1/models/tiny")):
            answer = client.request(method, path, headers={"authorization": "Bearer unknown"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        answer = client.post(CHAT, json=ASKED, headers={"authorization": "Bearer spent"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "13")


def test_models_are_listed_and_found() -> None:
    with gateway(LlmServer(models={"tiny:latest": 1, "org/model": 1})) as client:
        listed = client.get("/v1/models").json()
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["tiny:latest", "org/model"]
        assert client.get("/v1/models/org/model").json()["object"] == "model"
        assert client.get("/v1/models/nope").status_code == 404


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_usage_is_told_only_to_those_who_ask_for_it(ends: str) -> None:
    server = LlmServer(ends=ends)
    with gateway(server) as client:
        plain = client.post(CHAT, json={**ASKED, "stream": True}).text
        asks = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
        with_usage = client.post(CHAT, json=asks).text
    assert all(body["stream_options"] == {"include_usage": True} for _, body in server.asked)
    assert "usage" not in plain
    assert '"completion_tokens": 2' in with_usage
    assert plain.count("data: ") == with_usage.count("data: ") - 1 == 3
    assert plain.strip().endswith("data: [DONE]")


def test_embeddings_go_through() -> None:
    server = LlmServer()
    with gateway(server) as client:
        answer = client.post("/v1/embeddings", json={"model": "tiny", "input": ["a", "b"]})
    assert answer.json()["data"][0]["embedding"] == [0.5, 0.25]
    assert server.asked == [("/v1/embeddings", {"model": "tiny", "input": ["a", "b"]})]


def test_a_prompt_that_cannot_fit_is_refused_with_the_figure() -> None:
    server = LlmServer()
    long = {**ASKED, "messages": [{"role": "user", "content": "word " * 2000}]}
    with gateway(server, given=Terms(context_tokens={"": 1024})) as client:
        answer = client.post(CHAT, json=long)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert "1,024" in answer.json()["error"]["message"]
    assert server.asked == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"model": 3}', b'{"model": "tiny", "stream": true, "stream_options": 1}']
)
def test_what_makes_no_sense_is_refused(body: bytes) -> None:
    with gateway(LlmServer()) as client:
        answer = client.post(CHAT, content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_servers_own_refusal_comes_out_as_it_is() -> None:
    with gateway(LlmServer(refuses_with=422)) as client:
        answer = client.post(CHAT, json=ASKED)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "messages")
