"""What the API says of jobs and queues."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from brickyard.jobs.reasons import Code
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


class WaitsFor(BaseModel):
    """Why a job waits. `behind`: `ahead` jobs start before it, 0 where it is next once a place is free, null where that
    is not known; `limit_of_yours`: as many jobs of its owner run as one may have (`limit`); `queue_full`: as many run
    as its queue takes (`limit`); `queue_paused`: an administrator paused its queue; `paused`: somebody paused the job;
    `rate`: its queue starts the next one `again_in_s` from now; `retry_at`: it failed, and is tried again `in_s` from
    now; `not_before`: it was asked for only then; `no_worker`: no process is there that runs jobs."""

    code: Code
    ahead: int | None = None
    limit: int | None = None
    again_in_s: float | None = None
    in_s: float | None = None


class JobView(BaseModel):
    """A job now. `position` counts from 1 among those that wait; `eta_s` is None where no speed was measured yet.

    `error` of a waiting job is why its last attempt failed. `waits_for`: null unless it is waiting or paused.
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
                "waits_for": None,
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
    waits_for: WaitsFor | None = None
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


class EverybodysJob(JobView):
    """`recording_name`: null where the recording is gone, or the job is about none."""

    owner: str
    owner_name: str
    recording_name: str | None = None


class NewPlace(BaseModel):
    """`before`: the own job, of the same class, that it should go just before; null: after all others."""

    before: UUID | None


class ClassLine(BaseModel):
    """`expected_wait_s`: how long a job waits until it starts that somebody asks for now who had nothing of late; null
    where nobody knows: no speed was measured yet, its queue is paused, or nothing runs jobs."""

    model_config = ConfigDict(populate_by_name=True)

    priority: Annotated[str, Field(alias="class")]
    waiting: int
    running: int
    expected_wait_s: float | None


class BusyWith(BaseModel):
    """Why new jobs have to wait. `no_worker`: no process is there that runs jobs; `queue_paused`: by an administrator;
    `notebook_holds_card`: a notebook has `bytes` of a device that others wait for, `until` then, null: without an end;
    `llm`: chunks wait while language models compute; `memory`: chunks wait for memory of a device; `jobs`: all places
    are taken. `waiting`: so many wait, chunks or jobs."""

    code: Literal["no_worker", "queue_paused", "notebook_holds_card", "llm", "memory", "jobs"]
    waiting: int = 0
    bytes: int | None = None
    until: datetime | None = None


class LineView(BaseModel):
    """The line as everybody may see it. `places`: how many jobs run at once, at most. `busy`: who asks for a job now
    has to wait, for `reason`."""

    at: datetime
    busy: bool
    reason: BusyWith | None
    classes: list[ClassLine]
    waiting: int
    running: int
    places: int
    workers: int
    paused_queues: list[str]


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
