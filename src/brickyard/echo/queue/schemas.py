"""What the API says of jobs and queues."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from brickyard.jobs.states import JobState, Wanted


class StepView(BaseModel):
    """`x_realtime`: measured seconds of audio done per second; None before the first chunk."""

    name: str
    ended: bool
    chunks_done: int
    chunks_total: int | None
    work_done_s: float
    work_total_s: float | None
    x_realtime: float | None


class Problem(BaseModel):
    code: str
    message: str


class JobView(BaseModel):
    """A job now. `position` counts from 1 among those that wait; `eta_s` is None where no speed was measured yet.

    `error` of a waiting job is why its last attempt failed.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "5d0a1f1e-57a4-4d0b-8e55-2f1f4f0b6f11",
                "pipeline": "transcribe",
                "queue": "default",
                "priority": "standard",
                "state": "running",
                "wanted": None,
                "attempts": 1,
                "position": None,
                "starts_in_s": None,
                "eta_s": 41.2,
                "progress": 0.43,
                "x_realtime": 38.1,
                "steps": [
                    {
                        "name": "asr",
                        "ended": False,
                        "chunks_done": 26,
                        "chunks_total": 60,
                        "work_done_s": 1534.2,
                        "work_total_s": 3580.9,
                        "x_realtime": 46.5,
                    }
                ],
                "recording": "0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f55",
                "created_at": "2026-11-23T09:12:44Z",
                "started_at": "2026-11-23T09:12:45Z",
                "ended_at": None,
                "error": None,
                "warnings": [],
                "result": None,
            }
        }
    )

    id: UUID
    pipeline: str
    queue: str
    priority: str
    state: JobState
    wanted: Wanted | None
    attempts: int
    position: int | None
    starts_in_s: float | None
    eta_s: float | None
    progress: float
    x_realtime: float | None
    steps: list[StepView]
    recording: UUID | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: Problem | None
    warnings: list[str]
    result: Any = None


class QueueView(BaseModel):
    """`starts` in `per_s` seconds is the rate limit. `jobs`: how many are in each state."""

    name: str
    paused: bool
    weight: float
    running_jobs: int | None
    starts: int | None
    per_s: float
    jobs: dict[JobState, int]


class WorkerView(BaseModel):
    id: str
    host: str
    slots: int
    started_at: datetime
    beat_at: datetime
