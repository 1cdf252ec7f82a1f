"""Jobs as people see them: where they stand, how fast they go, when they will be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.queue.schemas import JobView, Problem, QueueView, StepView, WorkerView
from brickyard.jobs import checkpoints, situation
from brickyard.jobs.estimates import remaining_s
from brickyard.jobs.job import Job, StepProgress
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.policy import Forecast, foretell
from brickyard.jobs.queues import Queues
from brickyard.jobs.states import JobState
from brickyard.jobs.store import JobStore
from brickyard.jobs.workers import Workers
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import NotFound

FORECAST_KEPT_S = 1.0


@dataclass
class KeptForecast:
    lock: threading.Lock = field(default_factory=threading.Lock)
    good_until: float = 0.0
    about: object = None
    found: dict[UUID, Forecast] = field(default_factory=dict)


@dataclass(frozen=True)
class Queue:
    """`pipelines` are known by shape alone here: the web process runs none of their steps."""

    engine: sa.Engine
    pipelines: Mapping[str, Pipeline]
    cap: int
    clock: Clock = utc_now
    _kept: KeptForecast = field(default_factory=KeptForecast)

    @property
    def jobs(self) -> JobStore:
        return JobStore(self.engine)

    @property
    def queues(self) -> Queues:
        return Queues(self.engine)

    def own(self, job: UUID, owner: str) -> Job:
        """Raises NotFound for other people's jobs too."""
        found = self.jobs.get(job)
        if found.owner != owner:
            raise NotFound(f"There is no job {job}, or it is not yours.")
        return found

    def view(self, job: UUID, owner: str) -> JobView:
        return self._views([self.own(job, owner)])[0]

    def newest(self, owner: str, states: Sequence[JobState], limit: int) -> list[JobView]:
        return self._views(self.jobs.recent(owner, states, limit))

    def pause(self, job: UUID, owner: str) -> JobView:
        self.jobs.pause(self.own(job, owner).id)
        return self.view(job, owner)

    def resume(self, job: UUID, owner: str) -> JobView:
        self.jobs.resume(self.own(job, owner).id)
        return self.view(job, owner)

    def cancel(self, job: UUID, owner: str) -> JobView:
        self.jobs.cancel(self.own(job, owner).id)
        return self.view(job, owner)

    def replay(self, job: UUID, owner: str) -> JobView:
        self.jobs.replay(self.own(job, owner).id)
        return self.view(job, owner)

    def all_queues(self) -> list[QueueView]:
        counts = self.jobs.count_by_state()
        return [
            QueueView(**asdict(queue), jobs={state: n for (name, state), n in counts.items() if name == queue.name})
            for queue in self.queues.all()
        ]

    def workers(self) -> list[WorkerView]:
        return [
            WorkerView(**{name: getattr(w, name) for name in WorkerView.model_fields})
            for w in Workers(self.engine).all()
        ]

    def _views(self, jobs: Sequence[Job]) -> list[JobView]:
        rates = checkpoints.rates(self.engine)
        forecasts = self._forecasts(rates) if any(job.state is JobState.WAITING for job in jobs) else {}
        return [
            view_of(
                job,
                self.pipelines.get(job.pipeline),
                checkpoints.progress(self.engine, job.id),
                rates,
                forecasts.get(job.id),
            )
            for job in jobs
        ]

    def _forecasts(self, rates: Mapping[str, float]) -> dict[UUID, Forecast]:
        """Where each waiting job stands, by the policy that admits them and the speeds measured so far.

        Everybody who watches asks for the same, so while no job comes or goes it is kept for a moment.
        """
        per_second = self._seconds_per_work(rates)
        with self.engine.connect() as connection:
            seen = situation.read(connection, self.cap, self.clock(), per_second)
        slots = sum(worker.slots for worker in Workers(self.engine).all())
        seen = replace(seen, cap=min(self.cap, slots or self.cap))
        about = (per_second, seen.cap, seen.queues, {job.id for job in seen.waiting}, {job.id for job in seen.running})
        kept = self._kept
        with kept.lock:
            if about != kept.about or time.monotonic() >= kept.good_until:
                kept.found = foretell(seen, {job.id: job.work_s * per_second for job in seen.waiting})
                kept.about, kept.good_until = about, time.monotonic() + FORECAST_KEPT_S
            return kept.found

    def _seconds_per_work(self, rates: Mapping[str, float]) -> float:
        """Seconds that a second of audio takes through the longest known pipeline."""
        times = [remaining_s(pipeline, 1.0, [], rates) for pipeline in self.pipelines.values()]
        return max((time for time in times if time is not None), default=0.0)


def view_of(
    job: Job,
    pipeline: Pipeline | None,
    steps: Sequence[StepProgress],
    rates: Mapping[str, float],
    forecast: Forecast | None,
) -> JobView:
    error = Problem(code=job.error_code, message=job.error_message or "") if job.error_code else None
    left_s = remaining_s(pipeline, job.work_s, steps, rates) if pipeline else None
    waits_s = None
    if job.state is JobState.WAITING:
        # Without a measured speed the forecast still knows the order, but its times mean nothing.
        timed = forecast if left_s is not None else None
        waits_s, left_s = (timed.starts_in_s, timed.ends_in_s) if timed else (None, None)
    return JobView(
        id=job.id,
        pipeline=job.pipeline,
        queue=job.queue,
        priority=job.priority.name.lower(),
        state=job.state,
        wanted=job.wanted,
        attempts=job.attempts,
        position=forecast.position if forecast else None,
        starts_in_s=_rounded(waits_s),
        eta_s=_rounded(left_s) if not job.state.has_ended and job.state is not JobState.PAUSED else None,
        progress=1.0 if job.state is JobState.SUCCEEDED else progress_of(job, pipeline, steps),
        x_realtime=overall_speed(job),
        steps=[_step(step) for step in steps],
        recording=job.params.get("recording"),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        error=error,
        warnings=job.warnings,
        result=job.result,
    )


def progress_of(job: Job, pipeline: Pipeline | None, steps: Sequence[StepProgress]) -> float:
    """The share of the work that is done, 0…1: the mean over the steps whose work is counted in audio."""
    names = [step.name for step in pipeline.steps] if pipeline else [step.name for step in steps]
    begun = {step.name: step for step in steps}
    shares = []
    for name in names:
        step = begun.get(name)
        if step is None:
            shares.append(0.0)
        elif step.ended_at is not None:
            shares.append(1.0)
        else:
            shares.append(min(1.0, step.work_done_s / step.work_total_s) if step.work_total_s else 0.0)
    return round(sum(shares) / len(shares), 3) if shares else 0.0


def overall_speed(job: Job) -> float | None:
    """Seconds of audio per second from start to end; only for a job that has succeeded."""
    if job.state is not JobState.SUCCEEDED or not job.started_at or not job.ended_at or not job.work_s:
        return None
    took_s = (job.ended_at - job.started_at).total_seconds()
    return round(job.work_s / took_s, 2) if took_s > 0 else None


def _step(step: StepProgress) -> StepView:
    return StepView(
        name=step.name,
        ended=step.ended_at is not None,
        chunks_done=step.chunks_done,
        chunks_total=step.chunks_total,
        work_done_s=round(step.work_done_s, 2),
        work_total_s=None if step.work_total_s is None else round(step.work_total_s, 2),
        x_realtime=None if step.x_realtime is None else round(step.x_realtime, 1),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
