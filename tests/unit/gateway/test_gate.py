from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from starlette.requests import Request

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.turnstile import LOOKED_UP_FOR_S, Turnstile
from brickyard.gateway.gate import Gate
from brickyard.kit.errors import BadInput, Forbidden, TooManyRequests, Unauthenticated


class Clocks:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 22, tzinfo=UTC)
        self.steady_s = 1000.0

    def go_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def gate(engine: sa.Engine, clocks: Clocks) -> Gate:
    return Gate(Turnstile(engine, lambda: clocks.now, lambda: clocks.steady_s))


def request(key: str | None = None, **headers: str) -> Request:
    own = {"authorization": f"Bearer {key}"} if key else {}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in (own | headers).items()]
    return Request({"type": "http", "headers": raw})


NEW = NewKey("archive", "ada")


@pytest.mark.anyio
async def test_a_key_comes_in_a_header_or_beside_them(engine: sa.Engine, gate: Gate) -> None:
    key, made = keys.create(engine, NEW)
    by_bearer = await gate.admit(request(key), "llm")
    assert (by_bearer.key, by_bearer.owner, by_bearer.priority) == (made.id, "ada", "standard")
    assert await gate.admit(request(x_api_key=key), "llm") == by_bearer
    assert await gate.admit(request(), "llm", key) == by_bearer


@pytest.mark.anyio
async def test_without_a_known_key_nobody_passes(gate: Gate) -> None:
    for asked in (request(), request("by_unknown"), request(authorization="Basic YTpi"), request(authorization="")):
        with pytest.raises(Unauthenticated, match="key"):
            await gate.admit(asked, "llm")


@pytest.mark.anyio
async def test_scopes_are_kept(engine: sa.Engine, gate: Gate) -> None:
    key, _ = keys.create(engine, replace(NEW, scopes=[Scope.OCR]))
    await gate.admit(request(key), "ocr")
    with pytest.raises(Forbidden):
        await gate.admit(request(key), "audio")


@pytest.mark.anyio
async def test_a_revoked_key_is_refused_soon(engine: sa.Engine, gate: Gate, clocks: Clocks) -> None:
    key, made = keys.create(engine, NEW)
    await gate.admit(request(key), "llm")
    keys.revoke(engine, made.prefix)
    clocks.go_on(LOOKED_UP_FOR_S + 0.1)
    with pytest.raises(Unauthenticated, match="revoked"):
        await gate.admit(request(key), "llm")


@pytest.mark.anyio
async def test_a_rate_is_kept_and_comes_back(engine: sa.Engine, gate: Gate, clocks: Clocks) -> None:
    key, _ = keys.create(engine, replace(NEW, requests_per_minute=3))
    for _ in range(3):
        await gate.admit(request(key), "llm")
    with pytest.raises(TooManyRequests, match="3 requests a minute") as refused:
        await gate.admit(request(key), "llm")
    clocks.go_on(refused.value.retry_after_s)
    await gate.admit(request(key), "llm")


@pytest.mark.anyio
async def test_a_quota_counts_at_once_over_processes_and_ends_at_midnight(
    engine: sa.Engine, gate: Gate, clocks: Clocks
) -> None:
    key, _ = keys.create(engine, replace(NEW, tokens_per_day=100))
    caller = await gate.admit(request(key), "llm")
    gate.meter(caller, "llm", "small", prompt_tokens=60, completion_tokens=39)
    await gate.admit(request(key), "llm")
    other = Gate(Turnstile(engine, lambda: clocks.now, lambda: clocks.steady_s))
    async with other.running():
        other.meter(await other.admit(request(key), "llm"), "llm", "small", prompt_tokens=1)
    clocks.go_on(LOOKED_UP_FOR_S + 0.1)
    with pytest.raises(TooManyRequests, match="100 of its 100 tokens") as refused:
        await gate.admit(request(key), "llm")
    clocks.go_on(refused.value.retry_after_s)
    async with gate.running():
        pass
    await gate.admit(request(key), "llm")


@pytest.mark.anyio
async def test_audio_has_a_quota_of_its_own(engine: sa.Engine, gate: Gate) -> None:
    key, _ = keys.create(engine, replace(NEW, audio_s_per_day=600.0))
    caller = await gate.admit(request(key), "audio")
    gate.meter(caller, "audio", "moonshine", audio_s=600.0)
    with pytest.raises(TooManyRequests, match="10 of its 10 minutes"):
        await gate.admit(request(key), "audio")


@pytest.mark.anyio
async def test_a_request_may_step_back_but_not_ahead(engine: sa.Engine, gate: Gate) -> None:
    key, _ = keys.create(engine, NEW)
    assert (await gate.admit(request(key, x_brickyard_priority="batch"), "llm")).priority == "batch"
    assert (await gate.admit(request(key, x_brickyard_priority="interactive"), "llm")).priority == "standard"
    with pytest.raises(BadInput, match="none of interactive, standard, batch"):
        await gate.admit(request(key, x_brickyard_priority="now"), "llm")
