"""A job and its checkpoints, for tests that need no database."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from brickyard.jobs.checkpoints import JobLost
from brickyard.jobs.job import Job
from brickyard.jobs.states import JobState, Priority, Wanted

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def job(**values: Any) -> Job:
    told: dict[str, Any] = {
        "id": UUID(int=1),
        "pipeline": "toy",
        "queue": "default",
        "owner": "ada",
        "priority": Priority.STANDARD,
        "params": {},
        "work_s": 100.0,
        "state": JobState.RUNNING,
        "attempts": 1,
        "max_attempts": 5,
        "crashes": 0,
        "run_after": THEN,
        "created_at": THEN,
        "keep_for_s": 1.0,
        "has_workflow": True,
        "warnings": [],
        **values,
    }
    unset = dict.fromkeys(field.name for field in fields(Job))
    return Job(**{**unset, **told})


class Memory:
    """Checkpoints of one job in memory. `asked`: what has been asked of the job."""

    def __init__(self) -> None:
        self.begun: dict[str, tuple[int | None, float | None]] = {}
        self.kept: dict[str, dict[int, Any]] = {}
        self.device_s: dict[str, float] = {}
        self.work_s: dict[str, float] = {}
        self.reads: list[str] = []
        self.ended: set[str] = set()
        self.asked: Wanted | None = None
        self.lost = False

    def begin(self, step: str, chunks_total: int | None, work_total_s: float | None) -> None:
        before = self.begun.get(step, (None, None))
        self.begun[step] = (chunks_total or before[0], work_total_s or before[1])

    def chunks(self, step: str, first: int = 0) -> dict[int, Any]:
        self.reads.append(step)
        return {index: result for index, result in self.kept.get(step, {}).items() if index >= first}

    def has_ended(self, step: str) -> bool:
        return step in self.ended

    def save(
        self, step: str, index: int, result: Any, work_s: float, busy_s: float, *, device_s: float = 0.0
    ) -> Wanted | None:
        if self.lost:
            raise JobLost("another worker has it")
        self.kept.setdefault(step, {})[index] = result
        self.work_s[step] = self.work_s.get(step, 0.0) + work_s
        self.device_s[step] = self.device_s.get(step, 0.0) + device_s
        return self.asked

    def wanted(self) -> Wanted | None:
        return self.asked
