"""A job as the rest of the program sees it: one row, unchanging."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from brickyard.jobs.states import JobState, Priority, Wanted

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a caller says of a job it submits.

    `work_s`: seconds of audio, for fairness and estimates. `unique_key`: no second living job may have the same.
    `run_after`: not before. `deadline`: not after; what has not ended by then fails. `timeout_s`: of one attempt.
    """

    pipeline: str
    owner: str
    params: dict[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.STANDARD
    queue: str = "default"
    work_s: float = 0.0
    unique_key: str | None = None
    run_after: datetime | None = None
    deadline: datetime | None = None
    timeout_s: float | None = None
    max_attempts: int = 5
    keep_for_s: float = 90 * DAY_S


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    pipeline: str
    queue: str
    owner: str
    priority: Priority
    params: dict[str, Any]
    work_s: float
    unique_key: str | None
    state: JobState
    wanted: Wanted | None
    attempts: int
    max_attempts: int
    crashes: int
    run_after: datetime
    deadline: datetime | None
    timeout_s: float | None
    created_at: datetime
    admitted_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    keep_for_s: float
    worker: str | None
    has_workflow: bool
    error_code: str | None
    error_message: str | None
    warnings: list[str]
    result: Any


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a step is. Behind `work_done_s` seconds of audio are `busy_s` by the clock, waiting for the device
    among them, and `device_s` of the device itself."""

    name: str
    started_at: datetime
    ended_at: datetime | None
    chunks_done: int
    chunks_total: int | None
    work_done_s: float
    work_total_s: float | None
    busy_s: float
    device_s: float = 0.0

    @property
    def x_realtime(self) -> float | None:
        """Measured speed, seconds of audio per second; None before the first chunk."""
        return self.work_done_s / self.busy_s if self.busy_s > 0 and self.work_done_s > 0 else None
