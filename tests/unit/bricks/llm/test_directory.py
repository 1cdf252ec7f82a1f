from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fastapi.responses import PlainTextResponse

from brickyard.bricks.llm.directory import Directory
from brickyard.bricks.llm.servers import Kind, Server
from brickyard.bricks.llm.terms import Terms
from brickyard.bricks.llm.work import session
from brickyard.kit.errors import NotFound, Unavailable, Unsupported
from tests.llm_server import LlmServer, serving

AWAY = PlainTextResponse("bad gateway", status_code=502)


def looked(stand_ins: Sequence[LlmServer], *steps: Callable[[Directory], Any], terms: Terms | None = None) -> Any:
    """Looks, does a step, looks again and so on; what the last step gives."""
    kinds = [Kind.OLLAMA if one.is_ollama else Kind.OPENAI for one in stand_ins]
    servers = [Server(f"s{n}", kind, one.url) for n, (one, kind) in enumerate(zip(stand_ins, kinds, strict=True))]

    async def whole() -> Any:
        directory = Directory(servers, terms or Terms())
        found = None
        async with session() as http:
            for step in steps:
                await directory.look(http)
                found = step(directory)
        return found

    return asyncio.run(whole())


def test_models_are_found_by_their_names() -> None:
    with serving(LlmServer(models={"tiny:latest": 1, "big:27b": 1})) as one, serving(LlmServer(is_ollama=False)) as two:
        two.models = {"org/model": 1}

        def check(directory: Directory) -> None:
            assert [directory.find(name) for name in ("tiny", "tiny:latest", "org/model")] == [
                "tiny:latest",
                "tiny:latest",
                "org/model",
            ]
            with pytest.raises(NotFound, match=r"'big' is not found; there are: big:27b, org/model, tiny:latest"):
                directory.find("big")
            with pytest.raises(NotFound, match="ask for it under /v1"):
                directory.find("org/model", native=True)

        looked([one, two], check)


def test_a_server_that_is_away_is_left_out_and_asked_again() -> None:
    with serving(LlmServer()) as one, serving(LlmServer(models={"other:1b": 1})) as two:

        def goes(directory: Directory) -> None:
            assert {model.name for model in directory.models()} == {"tiny:latest", "other:1b"}
            assert directory.troubles() == []
            two.instead = AWAY

        def comes(directory: Directory) -> None:
            assert {model.name for model in directory.models()} == {"tiny:latest"}
            assert [desk.name for desk in directory.desks({}, 4)] == ["s0"]
            [trouble] = directory.troubles()
            assert "status 502" in trouble
            two.instead = None

        looked([one, two], goes, comes, lambda directory: directory.find("other:1b"))


def test_why_there_is_nothing() -> None:
    with pytest.raises(Unsupported, match="No LLM server is set"):
        looked([], lambda directory: directory.find("tiny"))
    with serving(LlmServer(instead=AWAY)) as one, pytest.raises(Unavailable, match="status 502"):
        looked([one], lambda directory: directory.find("tiny"))


def test_how_much_fits_is_what_the_model_runs_with() -> None:
    with serving(LlmServer()) as one:
        assert looked([one], lambda directory: directory.context_of("s0", "tiny:latest")) is None
        assert (
            looked([one], lambda it: it.context_of("s0", "tiny:latest"), terms=Terms(context_tokens={"": 8192})) == 8192
        )
        assert (
            looked([one], lambda it: it.context_of("s0", "tiny:latest"), terms=Terms(context_tokens={"": 10**6}))
            == 131072
        )
        one._load("tiny:latest", None, {})
        assert looked([one], lambda directory: directory.context_of("s0", "tiny:latest")) == 4096
    with serving(LlmServer(is_ollama=False)) as other:
        assert looked([other], lambda directory: directory.context_of("s0", "tiny:latest")) == 2048


def test_the_most_that_fits_is_not_known_where_a_server_does_not_tell() -> None:
    with serving(LlmServer()) as one, serving(LlmServer(is_ollama=False)) as two:
        assert looked([one, two], lambda directory: directory.most_context_of("tiny:latest")) is None
        one._load("tiny:latest", None, {})
        assert looked([one, two], lambda directory: directory.most_context_of("tiny:latest")) == 4096


def test_each_model_is_listed_once_and_a_loaded_one_is_the_default() -> None:
    with (
        serving(LlmServer(models={"embed:1b": 1, "a:1b": 1})) as one,
        serving(LlmServer(models={"a:1b": 1, "b:1b": 1})) as two,
    ):
        two._load("b:1b", None, {})

        def check(directory: Directory) -> None:
            models = {model.name: model for model in directory.models()}
            assert sorted(models) == ["a:1b", "b:1b", "embed:1b"]
            assert (models["a:1b"].backend, models["a:1b"].vision, models["embed:1b"].completes) == ("s0", True, False)
            assert directory.default() == "b:1b"
            two.loaded.clear()

        assert looked([one, two], check, lambda directory: directory.default()) == "a:1b"


def test_all_ollamas_look_like_one() -> None:
    with (
        serving(LlmServer()) as one,
        serving(LlmServer(models={"b:1b": 1})) as two,
        serving(LlmServer(is_ollama=False)) as v1,
    ):
        v1.models = {"org/model": 1}
        two._load("b:1b", None, {})

        def check(directory: Directory) -> None:
            assert {entry["name"] for entry in directory.entries(loaded=False)} == {"tiny:latest", "b:1b"}
            assert [entry["name"] for entry in directory.entries(loaded=True)] == ["b:1b"]
            assert (directory.ollama_with("b:1b").name, directory.ollama_with("new").name) == ("s1", "s0")
            assert directory.ollama_version() == "0.12.6"

        looked([one, two, v1], check)
        with pytest.raises(Unsupported, match="No Ollama is set"):
            looked([v1], lambda directory: directory.ollama_with(None))
