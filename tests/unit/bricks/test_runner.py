from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks import runner
from brickyard.bricks.runner import (
    AHEAD,
    LONGEST_PAUSE_S,
    Computed,
    chunks_as_they_come,
    each_chunk,
    retry_in_s,
)
from brickyard.jobs.context import StepContext, Stopped
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import BrickyardError, LeaseLost, OutOfMemory, TooLarge, Unavailable
from brickyard.kit.metrics import registry


class Kept:
    """A step's checkpoints in memory. Raises Stopped after keeping the chunk `stop_at`, as a step's context does, or
    at the question number `stop_when_asked` whether to stop."""

    step = "asr"

    def __init__(
        self, done: dict[int, Any] | None = None, stop_at: int | None = None, stop_when_asked: int | None = None
    ) -> None:
        self.chunks = dict(done or {})
        self.saved: list[int] = []
        self.device_s = 0.0
        self.work_s = 0.0
        self.reads = 0
        self.questions = 0
        self.told: tuple[int | None, float | None] = (None, None)
        self._stop_at = stop_at
        self._stop_when_asked = stop_when_asked

    async def begin(self, chunks_total: int | None = None, work_total_s: float | None = None) -> None:
        before = self.told
        self.told = (chunks_total or before[0], work_total_s or before[1])

    async def done(self) -> dict[int, Any]:
        self.reads += 1
        return dict(self.chunks)

    async def stop_if_asked(self) -> None:
        self.questions += 1
        if self.questions == self._stop_when_asked:
            raise Stopped(Wanted.CANCEL)

    async def save(self, index: int, result: Any, work_s: float, busy_s: float, *, device_s: float) -> None:
        await asyncio.sleep(0)
        assert busy_s >= 0
        self.saved.append(index)
        self.chunks[index] = result
        self.work_s += work_s
        self.device_s += device_s
        if index == self._stop_at:
            raise Stopped(Wanted.PAUSE)


class Brick:
    """Computes chunks, each after some turns of the loop, half a second of the device each; sees how many are under
    way. The chunk `fail_at` meets the `errors`, one at each try."""

    def __init__(
        self,
        turns: Callable[[int], int] = lambda _: 1,
        fail_at: int | None = None,
        errors: Sequence[BrickyardError] = (Unavailable("away"),),
    ) -> None:
        self.asked: list[int] = []
        self.cancelled: list[int] = []
        self.under_way = 0
        self.most_under_way = 0
        self._turns = turns
        self._fail_at = fail_at
        self._errors = list(errors)

    async def compute(self, chunk: int) -> Computed:
        self.asked.append(chunk)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            for _ in range(self._turns(chunk)):
                await asyncio.sleep(0)
            if chunk == self._fail_at and self._errors:
                raise self._errors.pop(0)
        except asyncio.CancelledError:
            self.cancelled.append(chunk)
            raise
        finally:
            self.under_way -= 1
        return Computed(f"result {chunk}", 0.5)


def take(kept: Kept, brick: Brick, count: int) -> list[Any]:
    """All chunks through the brick; chunk k is the number 10 + k, of k + 1 seconds."""
    return asyncio.run(
        each_chunk(cast(StepContext, kept), [10 + k for k in range(count)], lambda chunk: chunk - 9.0, brick.compute)
    )


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def results(count: int) -> list[str]:
    return [f"result {10 + k}" for k in range(count)]


def test_every_chunk_is_computed_and_kept_in_order() -> None:
    kept, brick = Kept(), Brick()
    assert take(kept, brick, 5) == results(5)
    assert kept.saved == [0, 1, 2, 3, 4]
    assert kept.told == (5, 1 + 2 + 3 + 4 + 5)
    assert kept.work_s == 15.0
    assert kept.device_s == 2.5
    assert kept.reads == 1, "what is done is read once"


def test_chunks_that_are_done_are_not_computed_again() -> None:
    kept, brick = Kept({0: "old 0", 3: "old 3"}), Brick()
    assert take(kept, brick, 5) == ["old 0", "result 11", "result 12", "old 3", "result 14"]
    assert brick.asked == [11, 12, 14]
    assert kept.saved == [1, 2, 4]
    assert kept.told == (5, 15.0), "the whole is told, done or not"


def test_nothing_is_left_to_do() -> None:
    brick = Brick()
    assert take(Kept({0: "a", 1: "b"}), brick, 2) == ["a", "b"]
    assert take(Kept(), brick, 0) == []
    assert brick.asked == []


@given(
    st.integers(0, 12),
    st.sets(st.integers(0, 11)),
    st.lists(st.integers(0, 5), min_size=12, max_size=12),
)
def test_however_long_each_takes_the_next_is_asked_for_early_but_never_more(
    count: int, done: set[int], turns: list[int]
) -> None:
    kept = Kept({index: f"result {10 + index}" for index in done})
    brick = Brick(lambda chunk: turns[chunk - 10])
    assert take(kept, brick, count) == results(count)
    missing = [index for index in range(count) if index not in done]
    assert kept.saved == missing
    assert brick.asked == [10 + index for index in missing]
    assert brick.most_under_way <= AHEAD


def test_the_next_chunk_waits_at_the_brick_while_one_is_computed() -> None:
    brick = Brick(lambda _: 3)
    take(Kept(), brick, AHEAD + 2)
    assert brick.most_under_way == AHEAD


def test_a_job_that_is_to_stop_keeps_the_chunk_and_takes_back_what_is_ahead() -> None:
    kept, brick = Kept(stop_at=1), Brick(lambda chunk: 1 if chunk < 12 else 1000)
    with pytest.raises(Stopped):
        take(kept, brick, 8)
    assert sorted(kept.chunks) == [0, 1]
    assert brick.cancelled == brick.asked[2:]
    assert len(brick.cancelled) >= 1
    assert brick.under_way == 0
    assert take(kept, Brick(), 8) == results(8)


def test_a_failure_keeps_what_was_done_and_takes_back_what_is_ahead() -> None:
    kept, brick = Kept(), Brick(lambda chunk: 1 if chunk < 13 else 1000, fail_at=12)
    with pytest.raises(Unavailable):
        take(kept, brick, 8)
    assert sorted(kept.chunks) == [0, 1]
    assert brick.cancelled == brick.asked[3:]
    assert brick.under_way == 0


def test_a_failure_ahead_does_not_lose_the_chunk_before_it() -> None:
    """The second fails at once, while the first is still being computed."""
    kept, brick = Kept(), Brick(lambda chunk: 5 if chunk == 10 else 0, fail_at=11)
    with pytest.raises(Unavailable):
        take(kept, brick, 3)
    assert kept.saved == [0]


def test_cancelling_the_step_cancels_all_that_is_under_way() -> None:
    kept, brick = Kept(), Brick(lambda _: 1_000_000)

    async def cancelled() -> None:
        step = asyncio.create_task(
            each_chunk(cast(StepContext, kept), list(range(10, 20)), lambda _: 1.0, brick.compute)
        )
        await until(lambda: brick.under_way >= AHEAD)
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        assert step.cancelled()

    asyncio.run(cancelled())
    assert sorted(brick.cancelled) == list(range(10, 10 + AHEAD))


def test_any_awaitable_will_do() -> None:
    def compute(chunk: int) -> Awaitable[Computed]:
        promise: asyncio.Future[Computed] = asyncio.get_running_loop().create_future()
        promise.set_result(Computed(chunk))
        return promise

    found = asyncio.run(each_chunk(cast(StepContext, Kept()), [1, 2], lambda _: 1.0, compute))
    assert found == [1, 2]


# ---- chunks that find no memory


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PAUSE_S", 0.001)


def retried(reason: str) -> float:
    return registry.get_sample_value("brickyard_chunks_retried_total", {"step": "asr", "reason": reason}) or 0.0


@pytest.mark.usefixtures("short_pauses")
def test_a_chunk_that_finds_no_memory_is_asked_for_again_and_no_other() -> None:
    before = retried("out_of_memory")
    kept, brick = Kept(), Brick(fail_at=12, errors=[OutOfMemory("full")] * 3)
    assert take(kept, brick, 5) == results(5)
    assert sorted(brick.asked) == [10, 11, 12, 12, 12, 12, 13, 14]
    assert kept.saved == [0, 1, 2, 3, 4]
    assert retried("out_of_memory") - before == 3


@pytest.mark.usefixtures("short_pauses")
def test_a_chunk_whose_lease_was_lost_is_asked_for_again() -> None:
    before = retried("lease_lost")
    kept, brick = Kept(), Brick(fail_at=10, errors=[LeaseLost("taken back"), LeaseLost("taken back")])
    assert take(kept, brick, 2) == results(2)
    assert retried("lease_lost") - before == 2


@pytest.mark.usefixtures("short_pauses")
def test_a_job_that_waits_for_memory_notices_that_it_is_to_stop() -> None:
    kept, brick = Kept(stop_when_asked=3), Brick(fail_at=11, errors=[OutOfMemory("full")] * 1000)
    with pytest.raises(Stopped):
        take(kept, brick, 3)
    assert brick.asked.count(11) <= 3
    assert kept.saved == [0]


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(runner, "LAST_MOMENT_S", 0.2)


@pytest.mark.usefixtures("looks_often")
def test_a_job_whose_chunk_waits_in_line_notices_that_it_is_to_stop() -> None:
    kept, brick = Kept(stop_when_asked=2), Brick(turns=lambda chunk: 1 if chunk == 10 else 10**9)
    with pytest.raises(Stopped):
        take(kept, brick, 5)
    assert kept.saved == [0]
    assert sorted(brick.cancelled) == [11, 12, 13]


@pytest.mark.usefixtures("looks_often")
def test_a_chunk_that_computes_may_end_when_the_job_is_to_stop() -> None:
    kept = Kept(stop_at=0, stop_when_asked=1)

    async def compute(_: int) -> Computed:
        await asyncio.sleep(0.1)
        return Computed("done")

    with pytest.raises(Stopped) as stopped:
        asyncio.run(each_chunk(cast(StepContext, kept), [10, 11], lambda _: 1.0, compute))
    assert stopped.value.wanted is Wanted.PAUSE, "it was raised after keeping the chunk"
    assert kept.saved == [0]


def test_what_no_waiting_will_mend_fails_at_once() -> None:
    kept, brick = Kept(), Brick(fail_at=11, errors=[TooLarge("more than the device has")])
    with pytest.raises(TooLarge):
        take(kept, brick, 3)
    assert brick.asked.count(11) == 1


def test_pauses_double_up_to_half_a_minute_and_a_lost_lease_is_asked_for_at_once() -> None:
    full, lost = OutOfMemory("full"), LeaseLost("taken back")
    assert [retry_in_s(full, tries) for tries in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert [retry_in_s(lost, tries) for tries in range(1, 5)] == [0, 1, 2, 4]
    assert retry_in_s(full, 100_000) == LONGEST_PAUSE_S


# ---- chunks that are still being found


async def found_slowly(count: int) -> AsyncIterator[int]:
    for k in range(count):
        for _ in range(k % 3):
            await asyncio.sleep(0)
        yield 10 + k


def take_found(kept: Kept, brick: Brick, chunks: AsyncIterator[int]) -> list[Any]:
    return asyncio.run(chunks_as_they_come(cast(StepContext, kept), chunks, lambda chunk: chunk - 9.0, brick.compute))


@given(st.integers(0, 12), st.sets(st.integers(0, 11)), st.lists(st.integers(0, 5), min_size=12, max_size=12))
def test_chunks_that_come_one_by_one_are_taken_as_if_all_were_known(
    count: int, done: set[int], turns: list[int]
) -> None:
    kept = Kept({index: f"result {10 + index}" for index in done})
    brick = Brick(lambda chunk: turns[chunk - 10])
    assert take_found(kept, brick, found_slowly(count)) == results(count)
    assert kept.saved == [index for index in range(count) if index not in done]
    assert brick.most_under_way <= AHEAD


def test_computing_begins_before_the_last_chunk_is_found() -> None:
    brick = Brick()

    async def chunks() -> AsyncIterator[int]:
        yield 10
        await until(lambda: bool(brick.asked))
        yield 11

    assert take_found(Kept(), brick, chunks()) == results(2)


def test_where_chunks_cannot_be_found_any_more_what_is_under_way_is_taken_back() -> None:
    kept, brick = Kept(), Brick(lambda _: 1_000_000)

    async def chunks() -> AsyncIterator[int]:
        yield 10
        yield 11
        await asyncio.sleep(0)
        raise Stopped(Wanted.CANCEL)

    with pytest.raises(Stopped):
        take_found(kept, brick, chunks())
    assert sorted(brick.cancelled) == [10, 11]
    assert kept.saved == []
