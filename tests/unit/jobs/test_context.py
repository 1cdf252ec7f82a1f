from __future__ import annotations

import asyncio
from typing import cast

import pytest

from brickyard.jobs.checkpoints import Checkpoints, JobLost
from brickyard.jobs.context import StepContext, StepFailed, Stopped
from brickyard.jobs.states import Wanted
from tests.unit.jobs.jobs import Memory, job


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def context(memory: Memory) -> StepContext:
    return StepContext(job(), "asr", {}, cast(Checkpoints, memory))


def test_a_step_begins_with_what_it_has_done_before(context: StepContext, memory: Memory) -> None:
    memory.kept["asr"] = {2: "two"}
    asyncio.run(context.begin(4, 60.0))
    assert memory.begun == {"asr": (4, 60.0)}
    assert memory.reads == [], "to tell is not to read"
    assert asyncio.run(context.done()) == {2: "two"}


def test_chunks_of_an_earlier_step_come_in_their_order(context: StepContext, memory: Memory) -> None:
    memory.kept["speech"] = {1: "b", 0: "a"}
    assert asyncio.run(context.chunks_of("speech")) == ["a", "b"]
    assert asyncio.run(context.chunks_of("never")) == []


def test_another_step_is_followed_until_it_has_ended(context: StepContext, memory: Memory) -> None:
    memory.kept["speech"] = {0: "a", 1: "b"}

    async def followed() -> list[str]:
        seen: list[str] = []
        async for result in context.follow("speech"):
            seen.append(result)
            if len(seen) == 2:
                memory.kept["speech"] |= {2: "c", 3: "d"}
                memory.ended.add("speech")
        return seen

    assert asyncio.run(followed()) == ["a", "b", "c", "d"]


def test_a_step_that_follows_stops_when_the_job_is_asked_to(context: StepContext, memory: Memory) -> None:
    memory.kept["speech"] = {0: "a"}
    seen: list[str] = []

    async def followed() -> None:
        async for result in context.follow("speech"):
            seen.append(result)
            memory.asked = Wanted.YIELD

    with pytest.raises(Stopped):
        asyncio.run(followed())
    assert seen == ["a"]


@pytest.mark.parametrize("wanted", Wanted)
def test_a_job_that_is_asked_to_stop_does_so_after_the_chunk_is_kept(
    context: StepContext, memory: Memory, wanted: Wanted
) -> None:
    asyncio.run(context.save(0, "zero", 1.0, 1.0, device_s=0.5))
    assert memory.device_s == {"asr": 0.5}
    memory.asked = wanted
    with pytest.raises(Stopped) as stop:
        asyncio.run(context.save(1, "one", 1.0, 1.0))
    assert stop.value.wanted is wanted
    assert memory.kept["asr"] == {0: "zero", 1: "one"}


def test_a_step_without_chunks_can_ask_whether_to_stop(context: StepContext, memory: Memory) -> None:
    asyncio.run(context.stop_if_asked())
    memory.asked = Wanted.CANCEL
    with pytest.raises(Stopped):
        asyncio.run(context.stop_if_asked())


def test_a_worker_that_has_lost_the_job_learns_so(context: StepContext, memory: Memory) -> None:
    memory.lost = True
    with pytest.raises(JobLost):
        asyncio.run(context.save(0, "zero", 1.0, 1.0))


def test_stopping_is_no_error_that_a_handler_of_errors_would_take() -> None:
    assert not issubclass(Stopped, Exception)
    assert not issubclass(StepFailed, Exception)
