from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from brickyard.bricks.llm.brick import LlmBrick
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.llm.contract import CompletionRequest, Message, PromptTooLong
from brickyard.bricks.llm.sittings import CARD
from brickyard.bricks.llm.terms import Terms
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BrickyardError, Busy, NotFound, Unavailable, Unsupported
from tests.llm_server import FOR_EVER, LlmServer
from tests.unit.bricks.llm.scene import brick
from tests.unit.gpu.running import broker, status_when, until

GIB = 1 << 30


def request(text: str = "Hi", **values: Any) -> CompletionRequest:
    return CompletionRequest(messages=[Message(role="user", content=text)], **values)


def asked(socket: Path, scenario: Callable[[Llm], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with Llm(socket, patience_s=5) as llm, asyncio.timeout(20):
            return await scenario(llm)

    return asyncio.run(whole())


async def pieces(llm: Llm, **values: Any) -> list[str]:
    return [text async for text in llm.stream(request(**values))]


@pytest.mark.parametrize("is_ollama", [True, False])
def test_text_comes_whole_or_in_pieces(is_ollama: bool) -> None:
    async def scenario(llm: Llm) -> None:
        whole = await llm.complete(request(max_tokens=9))
        assert (whole.text, whole.model) == ("Good morning.", "tiny:latest")
        assert (whole.prompt_tokens, whole.completion_tokens, whole.truncated) == (7, 2, False)
        assert 0 < whole.computed_s < 10
        assert "".join(await pieces(llm)) == "Good morning."

    server = LlmServer(is_ollama=is_ollama)
    with brick(server) as socket:
        asked(socket, scenario)
    path, body = server.asked[0]
    assert path == ("/api/chat" if is_ollama else "/v1/chat/completions")
    assert 9 in (body.get("max_tokens"), body.get("options", {}).get("num_predict"))


def test_what_models_there_are_and_which_is_taken() -> None:
    server = LlmServer(models={"embed:1b": GIB, "tiny:latest": GIB})

    async def scenario(llm: Llm) -> None:
        overview = await llm.overview()
        assert [model.name for model in overview.models] == ["embed:1b", "tiny:latest"]
        assert overview.default == "tiny:latest"
        assert (await llm.complete(request())).model == "tiny:latest"
        assert (await llm.health()).engine == "ollama"

    with brick(server) as socket:
        asked(socket, scenario)
    with brick(server, default_model="embed:1b") as socket:
        assert asked(socket, lambda llm: llm.overview()).default == "embed:1b"


def test_errors_are_our_own() -> None:
    async def scenario(llm: Llm) -> None:
        for call in (llm.complete(request(model="nope")), pieces(llm, model="nope")):
            with pytest.raises(NotFound, match="'nope' is not found"):
                await call
        for call in (llm.complete(request("x" * 60_000)), pieces(llm, text="x" * 60_000)):
            with pytest.raises(PromptTooLong, match="tiny:latest takes 8,192"):
                await call
        with pytest.raises(PromptTooLong, match="BRICKYARD_LLM_CONTEXT_TOKENS"):
            await llm.complete(request(context_tokens=9000))
        await llm.complete(request(context_tokens=8000))

    with brick(LlmServer(), given=Terms(context_tokens={"": 8192})) as socket:
        asked(socket, scenario)


def test_without_a_server_it_says_so() -> None:
    with brick() as socket:
        for call in (lambda llm: llm.complete(request()), pieces):
            with pytest.raises(Unsupported, match="No LLM server is set"):
                asked(socket, call)
        assert asked(socket, lambda llm: llm.models()) == []


def test_what_a_server_refuses_is_told() -> None:
    with brick(LlmServer(refuses_with=503)) as socket:
        for call in (lambda llm: llm.complete(request()), pieces):
            with pytest.raises(Unavailable, match="status 503: server busy"):
                asked(socket, call)


def test_a_server_that_breaks_off_is_told() -> None:
    with brick(LlmServer(breaks_after=1)) as socket:
        for call in (lambda llm: llm.complete(request()), pieces):
            with pytest.raises(BrickyardError):
                asked(socket, call)


def test_each_server_gets_so_many_requests_and_the_rest_waits_in_line() -> None:
    server = LlmServer(words=["a"] * 5, pause_s=0.01)

    async def scenario(llm: Llm) -> None:
        found = await asyncio.gather(*(llm.complete(request()) for _ in range(8)))
        assert {completion.text for completion in found} == {"aaaaa"}

    with brick(server, parallel=3) as socket:
        asked(socket, scenario)
    assert server.most_under_way == 3


def test_the_line_has_an_end_and_classes() -> None:
    server = LlmServer()
    server.go_on.clear()

    async def scenario(llm: Llm) -> None:
        works = asyncio.create_task(llm.complete(request()))
        await until(lambda: server.under_way == 1)
        batch = asyncio.create_task(llm.complete(request(priority=PriorityClass.BATCH)))
        await asyncio.sleep(0.2)
        urgent = asyncio.create_task(llm.complete(request(priority=PriorityClass.INTERACTIVE)))
        with pytest.raises(Busy, match="1 requests wait already"):
            await batch
        with pytest.raises(Busy):
            await llm.complete(request())
        server.go_on.set()
        assert [one.text for one in await asyncio.gather(works, urgent)] == ["Good morning."] * 2

    with brick(server, parallel=1, longest_line=1) as socket:
        asked(socket, scenario)


@pytest.mark.parametrize("streams", [False, True])
def test_when_the_caller_leaves_the_server_is_told(streams: bool) -> None:
    server = LlmServer(words=["a"] * 10_000, pause_s=0.01)

    async def scenario(llm: Llm) -> None:
        async def leave_early() -> None:
            async for _ in llm.stream(request()):
                return

        leaving = asyncio.create_task(leave_early() if streams else _only(llm.complete(request())))
        await until(lambda: server.under_way == 1)
        if not streams:
            leaving.cancel()
        await asyncio.wait({leaving})
        await until(lambda: server.cut_off == 1 and server.under_way == 0)
        server.words, server.pause_s = ["b"], 0.0
        assert (await llm.complete(request())).text == "b"

    with brick(server, parallel=1) as socket:
        asked(socket, scenario)


async def _only(call: Awaitable[Any]) -> None:
    await call


def test_a_second_server_takes_what_the_first_is_too_busy_for_or_away() -> None:
    first, second = LlmServer(words=["one"]), LlmServer(words=["two"])
    first.go_on.clear()

    async def scenario(llm: Llm) -> None:
        works = asyncio.create_task(llm.complete(request()))
        await until(lambda: first.under_way == 1)
        assert (await llm.complete(request())).text == "two"
        first.go_on.set()
        assert (await works).text == "one"

    with brick(first, second, parallel=1) as socket:
        asked(socket, scenario)


def test_it_counts_what_servers_do_not() -> None:
    def value(told: str, name: str, **labels: str) -> float:
        samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    async def scenario(llm: Llm) -> list[str]:
        before = (await llm._http.get("/metrics")).text
        await llm.complete(request())
        with pytest.raises(NotFound):
            await llm.complete(request(model="nope"))
        return [before, (await llm._http.get("/metrics")).text]

    with brick(LlmServer()) as socket:
        before, after = asked(socket, scenario)

    def grew(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    model = "tiny:latest"
    assert grew("brickyard_llm_requests_total", model=model, outcome="ok") == 1
    assert grew("brickyard_llm_tokens_total", model=model, kind="prompt") == 7
    assert grew("brickyard_llm_tokens_total", model=model, kind="completion") == 2
    assert grew("brickyard_llm_time_to_first_token_seconds_count", model=model) == 1
    assert grew("brickyard_llm_wait_seconds_count", priority="standard") == 1
    assert value(after, "brickyard_llm_under_way") == 0
    assert value(after, "brickyard_llm_backend_up") >= 1


class Card(SimulatedDevice):
    """Its memory is used by what the server has loaded."""

    def __init__(self, server: LlmServer) -> None:
        super().__init__(CARD, 10_000)
        self._server = server

    @property
    def used_mib(self) -> int:
        return sum(int(entry["size_vram"]) >> 20 for entry in list(self._server.loaded.values()))


def on_card(server: LlmServer, scenario: Callable[[Llm, BrokerClient], Awaitable[None]], **options: Any) -> None:
    """The server shares a card of 10,000 MiB with others."""

    async def whole(path: Path) -> None:
        async with broker(path, Card(server)), BrokerClient(path, "other") as other:
            with brick(server, broker=BrokerClient(path, "brick-llm"), **options) as socket:
                async with Llm(socket, patience_s=5) as llm, asyncio.timeout(20):
                    await scenario(llm, other)

    with tempfile.TemporaryDirectory(prefix="by-") as folder:
        asyncio.run(whole(Path(folder) / "broker.sock"))


def test_a_server_on_the_card_loads_only_where_there_is_room() -> None:
    server = LlmServer(models={"tiny:latest": 8 * GIB})

    async def scenario(llm: Llm, other: BrokerClient) -> None:
        async with other.lease(memory_mib=5000, device=CARD):
            waits = asyncio.create_task(llm.complete(request()))
            await status_when(other, leases=1, waiting=1)
            assert server.loaded == {}
        assert (await waits).text == "Good morning."
        assert list(server.loaded) == ["tiny:latest"]
        async with other.lease(memory_mib=5000, device=CARD):
            assert server.unloaded == ["tiny:latest"]

    on_card(server, scenario)


def test_a_cancelled_request_gives_its_lease_back() -> None:
    server = LlmServer(words=["a"] * 10_000, pause_s=0.01)

    async def scenario(llm: Llm, other: BrokerClient) -> None:
        leaving = asyncio.create_task(_only(llm.complete(request())))
        await status_when(other, leases=2)
        await until(lambda: server.under_way == 1)
        leaving.cancel()
        await status_when(other, leases=1)
        await until(lambda: server.cut_off == 1)

    on_card(server, scenario)


def test_what_is_pinned_is_loaded_at_start_and_stays() -> None:
    server = LlmServer()

    async def scenario(llm: Llm, other: BrokerClient) -> None:
        await until(lambda: "tiny:latest" in server.loaded)
        await status_when(other, leases=1)
        await llm._http.post("/through/v1/chat/completions", json={"model": "tiny:latest", "messages": []})
        await until(lambda: server.loaded["tiny:latest"]["expires_at"] == FOR_EVER)

    on_card(server, scenario, given=Terms(pinned=frozenset({"tiny:latest"})))


def test_it_answers_before_any_server_does() -> None:
    async def health() -> dict[str, Any]:
        app = LlmBrick([]).app()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://brick") as client:
            return dict((await client.get("/health")).json())

    told = asyncio.run(health())
    assert (told["brick"], told["engine"], told["loaded"]) == ("llm", "", [])
