from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

from brickyard.bricks.contract import Health
from brickyard.bricks.llm.contract import LlmModel, LlmModels
from brickyard.echo.administration.overview import Platform, card_view, model_views
from brickyard.engines.catalog import ModelCard
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import JobStore
from brickyard.jobs.workers import Workers
from brickyard.kit.errors import Unavailable

NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)
CARD = ModelCard("tiny", "asr", "fake", frozenset({"en"}), "MIT", "here")
DEVICE = {
    "name": "cuda:0",
    "budget_mib": 100,
    "resident_mib": 20,
    "working_mib": 10,
    "notebook_mib": 30,
    "elsewhere_mib": 5,
    "free_mib": 35,
    "slots": 2,
    "computing": 1,
}
REQUEST = {
    "holder": "notebook",
    "tenant": "local",
    "user": "anna",
    "model": None,
    "device": "cuda:0",
    "memory_mib": 30,
    "priority": "interactive",
    "kind": "notebook",
}
WEIGHTS = {
    "model": "tiny",
    "device": "cuda:0",
    "memory_mib": 20,
    "pinned": True,
    "loading": False,
    "leaving": False,
    "loaded_s": 60.0,
    "idle_s": 5.0,
}
STATUS: dict[str, Any] = {
    "devices": [DEVICE],
    "leases": [{**REQUEST, "held_s": 60.0, "ends_in_s": 120.0}],
    "waiting": [{**REQUEST, "place": 1, "waited_s": 3.0}],
    "weights": [WEIGHTS],
}


@dataclass
class Answering:
    """In place of a brick's client."""

    name: str = "asr"
    asked: list[str] = field(default_factory=list)
    patience_s: float = 0.0

    async def health(self) -> Health:
        self.asked.append("health")
        await asyncio.sleep(self.patience_s)
        return Health(brick=self.name, engine="fake")

    async def overview(self) -> LlmModels:
        await asyncio.sleep(self.patience_s)
        return LlmModels(models=[LlmModel(name="g", backend="ollama", loaded=True)], default="g")


def away() -> Any:
    raise Unavailable("The broker does not answer.")


def platform(
    engine: sa.Engine, folder: Path, broker: Callable[[], Any] = lambda: STATUS, llm: Answering | None = None
) -> Platform:
    return Platform(engine, broker, cast(Any, [Answering()]), cast(Any, llm or Answering("llm")), [CARD], folder)


def test_devices_leases_and_those_that_wait_are_told_in_bytes_and_moments() -> None:
    seen = card_view(STATUS, NOW)
    assert (seen.devices[0].budget_bytes, seen.devices[0].free_bytes) == (100 << 20, 35 << 20)
    lease = seen.leases[0]
    assert (lease.user, lease.priority, lease.bytes) == ("anna", "interactive", 30 << 20)
    assert (lease.since, lease.ends_at) == (NOW - timedelta(seconds=60), NOW + timedelta(seconds=120))
    assert (seen.waiting[0].place, seen.waiting[0].waits_s) == (1, 3.0)
    endless = card_view({**STATUS, "leases": [{**REQUEST, "held_s": 1.0, "ends_in_s": None}]}, NOW)
    assert endless.leases[0].ends_at is None


def test_models_are_installed_or_somewhere() -> None:
    other = replace(CARD, name="big", brick="diarize")
    views = model_views([CARD, other], [WEIGHTS, {**WEIGHTS, "model": "gemma", "loading": True}], NOW)
    assert [(view.name, view.brick, view.state) for view in views] == [
        ("tiny", "asr", "loaded"),
        ("big", "diarize", "installed"),
        ("gemma", "llm", "loading"),
    ]
    assert views[0].last_used_at == NOW - timedelta(seconds=5)
    assert views[0].resident_bytes == 20 << 20


def test_all_parts_are_there_where_all_answer(engine: sa.Engine, tmp_path: Path) -> None:
    jobs = JobStore(engine)
    jobs.submit(NewJob("toy", "ada", priority=Priority.BATCH))
    jobs.pause(jobs.submit(NewJob("toy", "ada")))
    Workers(engine).register(3)
    seen = asyncio.run(platform(engine, tmp_path).overview())
    assert seen.reasons == {}
    assert seen.card is not None
    assert seen.llm is not None
    assert [brick.is_up for brick in seen.bricks] == [True, True]
    assert [seen.queue.states[state] for state in (JobState.WAITING, JobState.PAUSED, JobState.FAILED)] == [1, 1, 0]
    assert [(one.priority, one.waiting, one.paused) for one in seen.queue.classes] == [
        ("interactive", 0, 0),
        ("standard", 0, 1),
        ("batch", 1, 0),
    ]
    assert seen.queue.classes[0].oldest_wait_s is None
    assert (seen.queue.classes[2].oldest_wait_s or -1) >= 0
    assert [(worker.slots, worker.running) for worker in seen.workers] == [(3, 0)]
    assert seen.storage.database_bytes > 0
    assert seen.storage.disk_total_bytes >= seen.storage.disk_free_bytes > 0
    assert (seen.people.accounts, seen.people.sessions) == (1, 0)
    assert '"class":"batch"' in seen.model_dump_json(by_alias=True)


def test_what_does_not_answer_is_null_with_a_reason_and_the_rest_is_there(engine: sa.Engine, tmp_path: Path) -> None:
    slow = Answering("llm", patience_s=60.0)
    seen = asyncio.run(platform(engine, tmp_path, broker=away, llm=slow).overview())
    assert (seen.card, seen.llm) == (None, None)
    assert seen.reasons["card"] == "The broker does not answer."
    assert "No answer within" in seen.reasons["llm"]
    assert [(view.name, view.state) for view in seen.models] == [("tiny", "installed")]
    assert [(brick.name, brick.is_up) for brick in seen.bricks] == [("asr", True), ("llm", False)]
    assert seen.bricks[1].reason == seen.reasons["llm"]


def test_many_who_look_at_once_ask_once(engine: sa.Engine, tmp_path: Path) -> None:
    told = platform(engine, tmp_path)

    async def together() -> None:
        await asyncio.gather(*(told.overview() for _ in range(5)))

    asyncio.run(together())
    assert cast(Answering, told.bricks[0]).asked == ["health"]
