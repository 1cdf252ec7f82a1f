"""The official `openai` client, unmodified, against gateway and brick. The LLM server behind them is a stand-in that
answers as the API is documented, since none runs here; test_real_llm.py has a real one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import sqlalchemy as sa
from openai import AsyncOpenAI, OpenAI

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.bricks.llm.terms import Terms
from tests.compat.gateways import Platform, platform, used
from tests.llm_server import LlmServer
from tests.unit.gateway.llm import until

MESSAGES: Any = [{"role": "user", "content": "Good evening."}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def client(at: Platform, key: str | None = None) -> OpenAI:
    return OpenAI(base_url=f"{at.url}/v1", api_key=key or at.key, max_retries=0, timeout=20)


@pytest.fixture(params=[True, False], ids=["ollama", "openai"])
def server(request: pytest.FixtureRequest) -> LlmServer:
    return LlmServer(is_ollama=request.param)


@pytest.fixture
def at(engine: sa.Engine, server: LlmServer) -> Iterator[Platform]:
    with platform(engine, server) as running:
        yield running


def test_chat(at: Platform) -> None:
    answer = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES)
    assert answer.choices[0].message.content == "Good morning."
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 2)


def test_chat_as_a_stream(at: Platform) -> None:
    stream = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES, stream=True)
    chunks = list(stream)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["Good ", "morning."]
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_with_its_usage(at: Platform) -> None:
    stream = client(at).chat.completions.create(
        model="tiny:latest", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert len(chunks) == 2
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 2


def test_completions(at: Platform) -> None:
    assert client(at).completions.create(model="tiny:latest", prompt="Good").choices[0].text == "Good morning."
    stream = client(at).completions.create(model="tiny:latest", prompt="Good", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "Good morning."


def test_tool_calls_and_json_go_through(at: Platform, server: LlmServer) -> None:
    answer = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Riga"})
    told = client(at).chat.completions.create(
        model="tiny:latest", messages=MESSAGES, response_format={"type": "json_object"}
    )
    assert json.loads(told.choices[0].message.content or "") == {"asked": "json_object"}
    assert server.asked[0][1]["tools"] == [WEATHER]


def test_embeddings(at: Platform) -> None:
    answer = client(at).embeddings.create(model="tiny:latest", input=["one", "two"], encoding_format="float")
    assert answer.data[0].embedding == [0.5, 0.25]


def test_models(at: Platform) -> None:
    assert [model.id for model in client(at).models.list()] == ["tiny:latest"]
    assert client(at).models.retrieve("tiny:latest").object == "model"
    with pytest.raises(openai.NotFoundError):
        client(at).models.retrieve("nope")


def test_who_may_not(at: Platform) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        client(at, "by_wrong").chat.completions.create(model="tiny:latest", messages=MESSAGES)
    assert unknown.value.code == "invalid_api_key"
    other, _ = keys.create(at.engine, NewKey("subtitles", "bob", scopes=[Scope.AUDIO]))
    with pytest.raises(openai.PermissionDeniedError):
        client(at, other).chat.completions.create(model="tiny:latest", messages=MESSAGES)
    once, _ = keys.create(at.engine, NewKey("rare", "bob", requests_per_minute=1))
    client(at, once).chat.completions.create(model="tiny:latest", messages=MESSAGES)
    with pytest.raises(openai.RateLimitError) as spent:
        client(at, once).chat.completions.create(model="tiny:latest", messages=MESSAGES)
    assert int(spent.value.response.headers["retry-after"]) >= 1


def test_what_is_wrong_with_a_request(engine: sa.Engine) -> None:
    with platform(engine, LlmServer(), given=Terms(context_tokens={"": 1024})) as at:
        with pytest.raises(openai.NotFoundError) as nobody:
            client(at).chat.completions.create(model="nope", messages=MESSAGES)
        assert (nobody.value.code, nobody.value.type) == ("model_not_found", "invalid_request_error")
        long: Any = [{"role": "user", "content": "word " * 2000}]
        with pytest.raises(openai.BadRequestError) as too_long:
            client(at).chat.completions.create(model="tiny:latest", messages=long)
        assert too_long.value.code == "context_length_exceeded"


def test_a_refusal_of_the_server(engine: sa.Engine) -> None:
    with platform(engine, LlmServer(refuses_with=400)) as at, pytest.raises(openai.BadRequestError) as refused:
        client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES)
    assert (refused.value.code, refused.value.param) == ("strange", "messages")


def test_an_error_in_the_middle_of_a_stream(engine: sa.Engine) -> None:
    said: list[str | None] = []
    with platform(engine, LlmServer(breaks_after=1)) as at:
        stream = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="broke off"):
            said.extend(chunk.choices[0].delta.content for chunk in stream)
    assert said == ["Good "]


def test_when_the_line_is_full(engine: sa.Engine) -> None:
    server = LlmServer()
    server.go_on.clear()
    with platform(engine, server, parallel=1, longest_line=0) as at:
        said: list[str | None] = []

        def ask() -> None:
            answer = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES)
            said.append(answer.choices[0].message.content)

        first = threading.Thread(target=ask)
        first.start()
        until(lambda: server.under_way == 1)
        with pytest.raises(openai.InternalServerError) as full:
            client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES)
        assert (full.value.status_code, full.value.code) == (503, "busy")
        assert int(full.value.response.headers["retry-after"]) >= 1
        server.go_on.set()
        first.join()
    assert said == ["Good morning."]


def test_a_stream_that_is_closed_ends_at_the_server(engine: sa.Engine) -> None:
    server = LlmServer(words=["a"] * 10_000, holds_after=5)
    server.go_on.clear()
    with platform(engine, server) as at:
        with client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES, stream=True) as stream:
            for _ in zip(range(5), stream, strict=False):
                pass
        until(lambda: server.cut_off == 1 and server.under_way == 0)
    assert used(engine)["completion_tokens"] == 5


def test_a_task_that_is_cancelled_ends_at_the_server(engine: sa.Engine) -> None:
    server = LlmServer()
    server.go_on.clear()

    async def scenario(at: Platform) -> None:
        async with AsyncOpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0) as ai:
            task = asyncio.create_task(ai.chat.completions.create(model="tiny:latest", messages=MESSAGES))
            await asyncio.to_thread(until, lambda: server.under_way == 1)
            task.cancel()
            await asyncio.wait({task})
            await asyncio.to_thread(until, lambda: server.cut_off == 1)

    with platform(engine, server) as at:
        asyncio.run(scenario(at))


def test_what_was_used_is_written_down(engine: sa.Engine) -> None:
    with platform(engine, LlmServer()) as at:
        for stream in (False, True):
            answer: Any = client(at).chat.completions.create(model="tiny:latest", messages=MESSAGES, stream=stream)
            if stream:
                assert len(list(answer)) == 2
        client(at).embeddings.create(model="tiny:latest", input="one")
    assert used(engine) == {"requests": 3, "prompt_tokens": 7 + 7 + 3, "completion_tokens": 4}
