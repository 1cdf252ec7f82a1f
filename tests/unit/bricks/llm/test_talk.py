from __future__ import annotations

import json

import pytest

from brickyard.bricks.llm.contract import CompletionRequest, Message
from brickyard.bricks.llm.servers import Kind
from brickyard.bricks.llm.talk import body, completion, piece, reason
from brickyard.kit.errors import Unavailable

ASKED = CompletionRequest(
    messages=[
        Message(role="system", content="Be brief."),
        Message(role="user", content="What?", images=["iVBO", "/9j/4"]),
    ],
    max_tokens=9,
    temperature=0.0,
    form="json",
)
PLAIN = CompletionRequest(messages=[Message(role="user", content="Hi")])


def test_a_request_in_the_words_of_ollama() -> None:
    assert body(ASKED, "m", Kind.OLLAMA, stream=False) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What?", "images": ["iVBO", "/9j/4"]},
        ],
        "stream": False,
        "options": {"num_predict": 9, "temperature": 0.0},
        "format": "json",
    }


def test_a_request_in_the_words_of_openai() -> None:
    told = body(ASKED, "m", Kind.OPENAI, stream=True)
    assert told["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [part.get("image_url", {}).get("url") for part in told["messages"][1]["content"]] == [
        None,
        "data:image/png;base64,iVBO",
        "data:image/jpeg;base64,/9j/4",
    ]
    rest = {name: value for name, value in told.items() if name != "messages"}
    assert rest == {
        "model": "m",
        "stream": True,
        "max_tokens": 9,
        "temperature": 0.0,
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize("kind", Kind)
def test_what_is_not_asked_for_is_left_to_the_server(kind: Kind) -> None:
    told = body(PLAIN, "m", kind, stream=False)
    assert set(told) - {"options"} == {"model", "messages", "stream"}
    assert told.get("options", {}) == {}


def test_answers_come_out_alike() -> None:
    native = {
        "message": {"content": "Hi"},
        "done": True,
        "prompt_eval_count": 5,
        "eval_count": 1,
        "done_reason": "length",
    }
    found = completion(json.dumps(native).encode(), "m", Kind.OLLAMA, 0.5)
    choice = {"message": {"content": "Hi"}, "finish_reason": "length"}
    other = {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    assert completion(json.dumps(other).encode(), "m", Kind.OPENAI, 0.5) == found
    assert (found.text, found.prompt_tokens, found.completion_tokens, found.truncated) == ("Hi", 5, 1, True)


@pytest.mark.parametrize(("kind", "answer"), [(Kind.OLLAMA, b"<html>"), (Kind.OPENAI, b'{"choices":[]}')])
def test_an_answer_that_makes_no_sense(kind: Kind, answer: bytes) -> None:
    with pytest.raises(Unavailable, match="makes no sense"):
        completion(answer, "m", kind, 0.0)


def test_pieces_of_a_stream() -> None:
    assert piece(b'{"message":{"content":"Good "},"done":false}\n', Kind.OLLAMA) == "Good "
    assert piece(b'data: {"choices":[{"delta":{"content":"Good "}}]}\r', Kind.OPENAI) == "Good "
    silent = [b"", b"data: [DONE]", b": ping", b'data: {"choices":[],"usage":{}}', b'data: {"choices":[{"delta":{}}]}']
    assert [piece(line, Kind.OPENAI) for line in silent] == [""] * 5


@pytest.mark.parametrize(
    ("kind", "line"), [(Kind.OLLAMA, b'{"error":"out of memory"}'), (Kind.OPENAI, b'data: {"error":{"message":"no"}}')]
)
def test_an_error_in_a_stream(kind: Kind, line: bytes) -> None:
    with pytest.raises(Unavailable, match="broke off"):
        piece(line, kind)


def test_errors_of_both_apis_are_read() -> None:
    assert reason(b'{"error":"no such model"}') == "no such model"
    assert reason(b'{"error":{"message":"too long","code":"x"}}') == "too long"
    assert reason(b"bad gateway") == "bad gateway"
    assert reason(b"[1]") == "[1]"
