"""The official `ollama` client, unmodified, against gateway and brick. The Ollama behind them is a stand-in that
answers as its API is documented, since none runs here."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import ollama
import pytest
import sqlalchemy as sa
from ollama import Client

from tests.compat.gateways import Platform, platform, used
from tests.llm_server import LlmServer
from tests.unit.gateway.llm import until

MESSAGES = [{"role": "user", "content": "Good evening."}]


def client(at: Platform, key: str | None = None) -> Client:
    return Client(host=at.url, headers={"Authorization": f"Bearer {key or at.key}"}, timeout=20)


@pytest.fixture
def server() -> LlmServer:
    return LlmServer()


@pytest.fixture
def at(engine: sa.Engine, server: LlmServer) -> Iterator[Platform]:
    with platform(engine, server) as running:
        yield running


def test_chat_and_generate(at: Platform) -> None:
    answer = client(at).chat("tiny", MESSAGES)
    assert (answer.message.content, answer.eval_count) == ("Good morning.", 2)
    assert client(at).generate("tiny", "Good").response == "Good morning."


def test_streams(at: Platform) -> None:
    said = [part.message.content for part in client(at).chat("tiny", MESSAGES, stream=True)]
    assert said == ["Good ", "morning.", ""]
    *_, last = client(at).generate("tiny", "Good", stream=True)
    assert last.done
    assert last.eval_count == 2


def test_embeddings(at: Platform) -> None:
    assert client(at).embed("tiny", "one").embeddings == [[0.5, 0.25]]


def test_what_there_is(at: Platform) -> None:
    assert [model.model for model in client(at).list().models] == ["tiny:latest"]
    client(at).chat("tiny", MESSAGES)
    until(lambda: client(at).ps().models)
    assert client(at).ps().models[0].context_length == 4096
    assert "completion" in (client(at).show("tiny:latest").capabilities or [])


def test_only_administrators_change_it(at: Platform, server: LlmServer) -> None:
    for change in (lambda c: c.pull("new:1b"), lambda c: c.delete("tiny:latest"), lambda c: c.copy("tiny:latest", "b")):
        with pytest.raises(ollama.ResponseError, match="takes a key of an administrator") as refused:
            change(client(at))
        assert refused.value.status_code == 403
    admin = client(at, at.admin_key)
    assert admin.pull("new:1b").status == "success"
    assert {model.model for model in client(at).list().models} == {"tiny:latest", "new:1b"}
    assert [part.status for part in admin.pull("newer:1b", stream=True)] == ["success"]
    assert admin.delete("new:1b").status == "success"
    assert set(server.models) == {"tiny:latest", "newer:1b"}


def test_how_long_a_model_stays(at: Platform, server: LlmServer) -> None:
    client(at).chat("tiny", MESSAGES, keep_alive=0, options={"num_ctx": 64, "temperature": 0.5})
    client(at, at.admin_key).chat("tiny", MESSAGES, keep_alive="24h")
    assert [body["keep_alive"] for _, body in server.asked] == ["5m", "24h"]
    assert server.asked[0][1]["options"] == {"temperature": 0.5}


def test_errors(at: Platform) -> None:
    with pytest.raises(ollama.ResponseError, match="'nope' is not found") as nobody:
        client(at).chat("nope", MESSAGES)
    assert nobody.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="API key is not known") as stranger:
        client(at, "by_wrong").list()
    assert stranger.value.status_code == 401


def test_an_error_in_the_middle_of_a_stream(engine: sa.Engine) -> None:
    said: list[str | None] = []
    with (
        platform(engine, LlmServer(breaks_after=1)) as at,
        pytest.raises(ollama.ResponseError, match="broke off"),
    ):
        said.extend(part.message.content for part in client(at).chat("tiny", MESSAGES, stream=True))
    assert said == ["Good "]


def test_when_the_line_is_full(engine: sa.Engine) -> None:
    server = LlmServer()
    server.go_on.clear()
    with platform(engine, server, parallel=1, longest_line=0) as at:
        first = threading.Thread(target=lambda: client(at).chat("tiny", MESSAGES))
        first.start()
        until(lambda: server.under_way == 1)
        with pytest.raises(ollama.ResponseError, match="requests wait already") as full:
            client(at).chat("tiny", MESSAGES)
        assert full.value.status_code == 503
        server.go_on.set()
        first.join()


def test_a_stream_that_is_left_ends_at_the_server(engine: sa.Engine) -> None:
    server = LlmServer(words=["a"] * 10_000, holds_after=5)
    server.go_on.clear()
    with platform(engine, server) as at:
        stream = client(at).chat("tiny", MESSAGES, stream=True)
        assert [next(stream).message.content for _ in range(5)] == ["a"] * 5
        stream.close()
        until(lambda: server.cut_off == 1 and server.under_way == 0)
    assert used(engine)["completion_tokens"] == 5


def test_one_who_gives_up_waiting_leaves_the_line(engine: sa.Engine) -> None:
    server = LlmServer()
    server.go_on.clear()
    with platform(engine, server, parallel=1, longest_line=1) as at:
        impatient = Client(host=at.url, headers={"Authorization": f"Bearer {at.key}"}, timeout=0.3)
        first = threading.Thread(target=lambda: client(at).chat("tiny", MESSAGES))
        first.start()
        until(lambda: server.under_way == 1)

        def gives_up() -> bool:
            try:
                impatient.chat("tiny", MESSAGES)
            except httpx.ReadTimeout:
                return True
            except ollama.ResponseError as error:
                if error.status_code != 503:  # that the one before has left is not known at once
                    raise
            return False

        until(gives_up)
        until(gives_up)
        server.go_on.set()
        first.join()
    assert len(server.asked) == 1
