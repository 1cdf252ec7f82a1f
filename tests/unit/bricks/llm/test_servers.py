from __future__ import annotations

import pytest

from brickyard.bricks.llm.servers import Kind, Server, servers
from brickyard.kit.errors import BadInput


def test_servers_are_named_by_their_addresses() -> None:
    assert servers("http://gpu1:11434, openai+http://llama:8000/v1/ ,openai+https://:s3%21@vllm") == [
        Server("gpu1:11434", Kind.OLLAMA, "http://gpu1:11434"),
        Server("llama:8000", Kind.OPENAI, "http://llama:8000"),
        Server("vllm", Kind.OPENAI, "https://vllm", token="s3!"),
    ]
    assert servers("") == servers(" , ") == []


def test_the_one_on_this_card_comes_first_and_each_once() -> None:
    found = servers("http://gpu1:11434,http://[::1]:11434/", "http://[::1]:11434")
    assert [(server.url, server.shares_card) for server in found] == [
        ("http://[::1]:11434", True),
        ("http://gpu1:11434", False),
    ]


@pytest.mark.parametrize(
    "text", ["gpu1:11434", "ftp://gpu1", "http://", "http://gpu1:no", "openai+gpu1", "http://[::1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadInput, match="no address of an LLM server"):
        servers(text)


def test_a_key_is_not_shown_in_an_error() -> None:
    with pytest.raises(BadInput) as raised:
        servers("ftp://:secret@gpu1")
    assert "secret" not in raised.value.message


def test_a_server_without_ollamas_api_cannot_share_the_card() -> None:
    with pytest.raises(BadInput, match="BRICKYARD_LLM_BACKENDS"):
        servers("", "openai+http://localhost:8000")
