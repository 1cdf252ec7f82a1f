"""A real LLM server behind gateway and brick: llama.cpp's, with a tiny model of random weights. It takes a quarter of
an hour to build, so it is no dependency: `pip install "llama-cpp-python[server]" gguf`, and this test runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from openai import OpenAI

from tests.compat import tiny_gguf
from tests.compat.gateways import Platform, platform, used

pytest.importorskip("llama_cpp", reason='no LLM server is here: pip install "llama-cpp-python[server]" gguf')
gguf = pytest.importorskip("gguf", reason="the tiny model is made with it: pip install gguf")

MODEL = "tiny-random"
MESSAGES: Any = [{"role": "user", "content": "Good evening."}]
TOKENS = 24


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder = tmp_path_factory.mktemp("llama")
    model = tiny_gguf.write(folder / "tiny.gguf", gguf)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = {"model": model, "model_alias": MODEL, "port": port, "n_ctx": 512, "chat_format": "chatml"}
    command = [sys.executable, "-m", "llama_cpp.server", "--host", "127.0.0.1"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        _await(f"http://127.0.0.1:{port}/v1/models", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        assert time.monotonic() < give_up, "the server did not start"
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)


@pytest.fixture
def at(engine: sa.Engine, llama: str) -> Iterator[Platform]:
    with platform(engine, address=f"openai+{llama}") as running:
        yield running


@pytest.fixture
def client(at: Platform) -> OpenAI:
    return OpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0, timeout=60)


def test_it_is_listed(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]


def test_it_answers(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=TOKENS)
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_it_answers_piece_by_piece(client: OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=TOKENS, stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]
    assert 1 < len([piece for piece in pieces if piece]) <= TOKENS


def test_it_completes(client: OpenAI) -> None:
    assert client.completions.create(model=MODEL, prompt="Good", max_tokens=TOKENS).choices[0].text


def test_what_it_used_is_written_down(engine: sa.Engine, llama: str) -> None:
    with platform(engine, address=f"openai+{llama}") as at:
        ai = OpenAI(base_url=f"{at.url}/v1", api_key=at.key, max_retries=0, timeout=60)
        answer = ai.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=TOKENS)
        assert answer.usage is not None
        counted = answer.usage
        list(ai.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=TOKENS, stream=True))
    found = used(engine)
    assert found["requests"] == 2
    assert found["completion_tokens"] > counted.completion_tokens
    assert found["prompt_tokens"] > counted.prompt_tokens
