from __future__ import annotations

import asyncio

import pytest

from brickyard.bricks.llm.contract import Completion
from brickyard.echo.summaries import model
from brickyard.echo.summaries.model import Writer
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import BrickyardError, Busy, Unsupported
from brickyard.text.prompts import Prompt
from tests.unit.echo.summaries.scripted import MODEL, NO_SERVER, Scripted


def writer(llm: Scripted) -> Writer:
    return asyncio.run(model.writer(llm, PriorityClass.STANDARD, "ada"))


@pytest.mark.parametrize(("known", "used"), [(None, 4096), (2048, 2048), (8192, 8192), (131_072, 16_384)])
def test_no_more_context_is_used_than_the_model_has_and_than_is_good(known: int | None, used: int) -> None:
    assert writer(Scripted(context_tokens=known)) == Writer(MODEL, used)


def test_a_model_that_takes_too_little_is_refused() -> None:
    with pytest.raises(Unsupported, match="512 tokens"):
        writer(Scripted(context_tokens=512))


def test_without_a_server_the_brick_says_so_itself() -> None:
    with pytest.raises(Unsupported, match="Name one"):
        writer(Scripted(default=None))
    assert NO_SERVER


def complete(llm: Scripted, stops: list[str]) -> Completion:
    async def between() -> None:
        stops.append("looked")

    prompt = Prompt("system", "user")
    return asyncio.run(
        model.complete(llm, Writer(MODEL, 4096), prompt, 7, priority=PriorityClass.BATCH, tenant="ada", between=between)
    )


def test_a_full_queue_is_waited_for_and_the_job_may_stop_meanwhile() -> None:
    answers: list[str | BrickyardError] = [Busy("full", 0.0), Busy("full", 0.0), "{}"]
    llm, stops = Scripted(lambda _: answers.pop(0)), list[str]()
    assert complete(llm, stops).text == "{}"
    assert len(stops) == 2
    request = llm.asked[0]
    assert (request.form, request.max_tokens, request.context_tokens) == ("json", 7, 4096)
    assert (request.priority, request.tenant, request.temperature) == (PriorityClass.BATCH, "ada", 0.0)


def test_a_queue_that_stays_full_is_told_in_the_end() -> None:
    llm = Scripted(lambda _: Busy("full", 0.0))
    with pytest.raises(Busy):
        complete(llm, [])
    assert len(llm.asked) == model.BUSY_TRIES
