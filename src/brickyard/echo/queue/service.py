"""Jobs as people see them: where they stand, how fast they go, when they will be done."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.policy import Role
from brickyard.echo.queue.banner import busy_with
from brickyard.echo.queue.schemas import (
    ClassLine,
    EverybodysJob,
    JobView,
    LineView,
    Problem,
    QueueView,
    StepView,
    WaitsFor,
    WorkerView,
)
from brickyard.gpu.wire import Message
from brickyard.jobs import checkpoints, delays, order, situation
from brickyard.jobs.estimates import Speed, demand
from brickyard.jobs.forecast import Forecast, foretell
from brickyard.jobs.job import Job, StepProgress
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.policy import NOTHING, Demand, Situation, Waiting
from brickyard.jobs.queues import Queues
from brickyard.jobs.reasons import Code, Reason, reasons
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import JobStore
from brickyard.jobs.workers import Workers
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import Forbidden, Unavailable

FORECAST_KEPT_S = 1.0
LINE_KEPT_S = 2.0

WhyWaits = Callable[[Waiting, int | None, bool], Reason]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is foretold of the jobs. Times hold for positions before `timed_before`: who stands there or behind waits
    for a job of which nobody knows how long it takes. `needs`: what the jobs of `seen` need; `unknown`: of which nobody
    knows. `why`: what a job waits for."""

    forecasts: Mapping[UUID, Forecast] = field(default_factory=dict)
    timed_before: float = math.inf
    seen: Situation | None = None
    needs: Mapping[UUID, Demand] = field(default_factory=dict)
    unknown: frozenset[UUID] = frozenset()
    why: WhyWaits | None = None


@dataclass
class KeptOutlook:
    lock: threading.Lock = field(default_factory=threading.Lock)
    good_until: float = 0.0
    about: object = None
    found: Outlook = field(default_factory=Outlook)


@dataclass
class KeptLine:
    lock: threading.Lock = field(default_factory=threading.Lock)
    good_until: float = 0.0
    found: LineView | None = None


@dataclass(frozen=True)
class Queue:
    """`pipelines` are known by shape alone here: the web process runs none of their steps.

    `device_slots`: how many chunks the devices compute at full speed at a time. `card`: asks the broker how it stands.
    """

    engine: sa.Engine
    pipelines: Mapping[str, Pipeline]
    cap: int
    clock: Clock = utc_now
    device_slots: float = 1.0
    card: Callable[[], Message] | None = None
    _kept: KeptOutlook = field(default_factory=KeptOutlook)
    _kept_line: KeptLine = field(default_factory=KeptLine)

    @property
    def jobs(self) -> JobStore:
        return JobStore(self.engine)

    @property
    def queues(self) -> Queues:
        return Queues(self.engine)

    def view(self, job: UUID) -> JobView:
        return self._views([self.jobs.get(job)])[0]

    def newest(self, owner: str, states: Sequence[JobState], limit: int) -> list[JobView]:
        return self._views(self.jobs.recent(owner, states, limit))

    def everybodys(self, states: Sequence[JobState], limit: int) -> list[EverybodysJob]:
        jobs = self.jobs.recent(None, states, limit)
        views = self._views(jobs)
        with self.engine.connect() as connection:
            people = _names_of(connection, PEOPLE, {job.owner for job in jobs})
            recordings = _names_of(connection, RECORDINGS, {view.recording for view in views if view.recording})
        return [
            EverybodysJob(
                **dict(view),
                owner=job.owner,
                owner_name=people.get(job.owner, job.owner),
                recording_name=recordings.get(view.recording),
            )
            for job, view in zip(jobs, views, strict=True)
        ]

    def pause(self, job: UUID) -> JobView:
        self.jobs.pause(job)
        return self.view(job)

    def resume(self, job: UUID) -> JobView:
        self.jobs.resume(job)
        return self.view(job)

    def cancel(self, job: UUID) -> JobView:
        self.jobs.cancel(job)
        return self.view(job)

    def replay(self, job: UUID) -> JobView:
        self.jobs.replay(job)
        return self.view(job)

    def place(self, job: UUID, before: UUID | None, actor: Actor) -> JobView:
        """Raises Forbidden for somebody else's, Conflict where it does not stand in one line with the other."""
        if self.jobs.get(job).owner != actor.id and Role.ADMINISTRATOR not in actor.roles:
            raise Forbidden("This job was asked for by somebody else; only they order their own jobs.")
        order.move(self.engine, job, before, self.clock())
        return self.view(job)

    def line(self) -> LineView:
        """The same for everybody, two seconds old; older for those who ask while it is being looked at anew, since that
        takes a while where the broker does not answer."""
        kept = self._kept_line
        if not kept.lock.acquire(blocking=kept.found is None):
            assert kept.found is not None
            return kept.found
        try:
            if kept.found is None or time.monotonic() >= kept.good_until:
                kept.found = self._line()
                kept.good_until = time.monotonic() + LINE_KEPT_S
            return kept.found
        finally:
            kept.lock.release()

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
        speeds = checkpoints.speeds(self.engine)
        steps = checkpoints.progress(self.engine, [job.id for job in jobs])
        alive = any(job.state in (JobState.WAITING, JobState.RUNNING) for job in jobs)
        outlook = self._outlook(speeds) if alive else Outlook()
        return [
            view_of(
                job, self.pipelines.get(job.pipeline), steps[job.id], self._left(job, steps[job.id], speeds), outlook
            )
            for job in jobs
        ]

    def _outlook(self, speeds: Mapping[str, Speed]) -> Outlook:
        """Where each job stands, by the policy that admits them and the speeds measured so far.

        Everybody who watches asks for the same, so while no job comes or goes it is kept for a moment.
        """
        with self.engine.connect() as connection:
            seen = situation.read(connection, self.cap, self.clock())
        slots = sum(worker.slots for worker in Workers(self.engine).all())
        seen = replace(seen, cap=min(self.cap, slots or self.cap))
        places = {(job.id, job.placed_at) for job in seen.waiting}
        about = (speeds, seen.cap, slots, seen.per_owner, seen.queues, places, {job.id for job in seen.running})
        kept = self._kept
        with kept.lock:
            if about != kept.about or time.monotonic() >= kept.good_until:
                begun = time.monotonic()
                kept.found = replace(self._foretell(seen, speeds), why=reasons(seen, slots))
                now = time.monotonic()
                kept.about, kept.good_until = about, now + max(FORECAST_KEPT_S, 4 * (now - begun))
            return kept.found

    def _foretell(self, seen: Situation, speeds: Mapping[str, Speed]) -> Outlook:
        """The order is known even where a job's length is not; such a job is played as if it took no time."""
        ids = [*(job.id for job in seen.running), *(job.id for job in seen.waiting)]
        steps = checkpoints.progress(self.engine, ids)
        jobs = self.jobs.find("id = ANY(:ids)", {"ids": ids}, limit=len(ids))
        left = {job.id: self._left(job, steps[job.id], speeds) for job in jobs}
        needs = {id_: left.get(id_) or NOTHING for id_ in ids}
        seen = replace(seen, running=[replace(job, left=needs[job.id]) for job in seen.running])
        forecasts = self._as_learned(seen, foretell(seen, needs, self.device_slots))
        unknown = frozenset(id_ for id_ in ids if left.get(id_) is None)
        return Outlook(forecasts, _timed_before(forecasts, unknown), seen, needs, unknown)

    def _line(self) -> LineView:
        outlook = self._outlook(checkpoints.speeds(self.engine))
        assert outlook.seen is not None
        seen, workers = outlook.seen, Workers(self.engine).all()
        paused = sorted(name for name, rule in seen.queues.items() if rule.paused)
        with self.engine.connect() as connection:
            counts = {(row.priority, row.state): row.jobs for row in connection.execute(COUNTS)}
        waits = self._expected_waits(outlook) if workers else {}
        classes = [
            ClassLine.model_validate(
                {
                    "class": priority.name.lower(),
                    "waiting": counts.get((int(priority), JobState.WAITING), 0),
                    "running": counts.get((int(priority), JobState.RUNNING), 0),
                    "expected_wait_s": _rounded(waits.get(priority)),
                }
            )
            for priority in Priority
        ]
        waiting, running = sum(one.waiting for one in classes), sum(one.running for one in classes)
        told = {"waiting": waiting, "running": running, "places": seen.cap, "workers": len(workers)}
        now = self.clock()
        reason = busy_with(**told, paused=paused, card=self._card(), now=now)
        return LineView(at=now, busy=reason is not None, reason=reason, classes=classes, paused_queues=paused, **told)

    def _card(self) -> Message | None:
        try:
            return self.card() if self.card is not None else None
        except Unavailable:
            return None

    def _expected_waits(self, outlook: Outlook) -> dict[Priority, float]:
        """Of a job of each class, asked for now by somebody who had nothing of late; the forecast is played with it."""
        assert outlook.seen is not None
        factors = delays.factors(self.engine)
        waits: dict[Priority, float] = {}
        for priority in Priority:
            new = Waiting(uuid4(), "", priority, outlook.seen.now)
            seen = replace(outlook.seen, waiting=[*outlook.seen.waiting, new])
            forecasts = foretell(seen, {**outlook.needs, new.id: NOTHING}, self.device_slots)
            told = forecasts.get(new.id)
            if told is not None and told.position < _timed_before(forecasts, outlook.unknown):
                waits[priority] = told.starts_in_s * factors.get(priority, 1.0)
        return waits

    def _as_learned(self, seen: Situation, forecasts: Mapping[UUID, Forecast]) -> dict[UUID, Forecast]:
        """Waiting jobs take longer than the policy played forward says, by as much as those before them did."""
        waiting = {job.id: job.priority for job in seen.waiting if job.id in forecasts}
        delays.note(self.engine, {id_: forecasts[id_].ends_in_s for id_ in waiting if forecasts[id_].ends_in_s > 0})
        factors = delays.factors(self.engine)
        found = dict(forecasts)
        for id_, priority in waiting.items():
            factor, told = factors.get(priority, 1.0), forecasts[id_]
            found[id_] = replace(told, starts_in_s=factor * told.starts_in_s, ends_in_s=factor * told.ends_in_s)
        return found

    def _left(self, job: Job, steps: Sequence[StepProgress], speeds: Mapping[str, Speed]) -> Demand | None:
        pipeline = self.pipelines.get(job.pipeline)
        if pipeline is None:
            return None
        return demand(pipeline, job.work_s, steps, speeds, self.device_slots, params=job.params)


COUNTS = sa.text("""
    SELECT priority, state, count(*) AS jobs FROM jobs WHERE state IN ('waiting', 'running')
    GROUP BY priority, state""")


PEOPLE = sa.text("SELECT id, coalesce(nullif(display_name, ''), name) AS name FROM users WHERE id = ANY(:ids)")
RECORDINGS = sa.text("SELECT id, name FROM recordings WHERE id = ANY(:ids)")


def _names_of(connection: sa.Connection, query: sa.TextClause, ids: Iterable[object]) -> dict[object, str]:
    return {row.id: row.name for row in connection.execute(query, {"ids": list(ids)})}


def _timed_before(forecasts: Mapping[UUID, Forecast], unknown: frozenset[UUID]) -> float:
    return min((forecasts[id_].position for id_ in unknown if id_ in forecasts), default=math.inf)


def view_of(
    job: Job, pipeline: Pipeline | None, steps: Sequence[StepProgress], left: Demand | None, outlook: Outlook
) -> JobView:
    """`left`: what the job still needs, where measured speeds tell."""
    error = Problem(code=job.error_code, message=job.error_message or "") if job.error_code else None
    forecast = outlook.forecasts.get(job.id)
    waits_s, left_s = _times(job, left, forecast, outlook.timed_before)
    return JobView(
        id=job.id,
        pipeline=job.pipeline,
        queue=job.queue,
        priority=job.priority.name.lower(),
        state=job.state,
        wanted=job.wanted,
        attempts=job.attempts,
        position=(forecast.position or None) if forecast else None,
        waits_for=_waits_for(job, outlook),
        starts_in_s=_rounded(waits_s),
        eta_s=_rounded(left_s),
        progress=1.0 if job.state is JobState.SUCCEEDED else progress_of(job, pipeline, steps),
        x_realtime=overall_speed(job),
        steps=[_step(step) for step in steps if step.name in _names(job, pipeline, steps)],
        recording=job.params.get("recording"),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        error=error,
        warnings=job.warnings,
        result=job.result,
    )


def _waits_for(job: Job, outlook: Outlook) -> WaitsFor | None:
    if job.state is JobState.PAUSED:
        return WaitsFor(code=Code.PAUSED)
    if job.state is not JobState.WAITING or outlook.why is None:
        return None
    forecast = outlook.forecasts.get(job.id)
    reason = outlook.why(_as_waiting(job), forecast.position if forecast else None, job.error_code is not None)
    told = asdict(reason)
    return WaitsFor(**{**told, "again_in_s": _rounded(reason.again_in_s), "in_s": _rounded(reason.in_s)})


def _as_waiting(job: Job) -> Waiting:
    created_at, run_after = job.created_at.timestamp(), job.run_after.timestamp()
    return Waiting(job.id, job.owner, job.priority, created_at, job.queue, run_after)


def _times(
    job: Job, left: Demand | None, forecast: Forecast | None, timed_before: float
) -> tuple[float | None, float | None]:
    """Seconds until the job starts, and until it ends; None where measured speeds do not tell."""
    timed = forecast if forecast is not None and forecast.position < timed_before else None
    if left is None or job.state not in (JobState.WAITING, JobState.RUNNING):
        return None, None
    if job.state is JobState.RUNNING:
        return None, timed.ends_in_s if timed else left.alone_s
    return (timed.starts_in_s, timed.ends_in_s) if timed else (None, None)


def _names(job: Job, pipeline: Pipeline | None, steps: Sequence[StepProgress]) -> list[str]:
    """The steps that do something for this job; others run all the same, but are nobody's concern."""
    if pipeline is None:
        return [step.name for step in steps]
    return [step.name for step in pipeline.steps if not step.skipped(job.params)]


def progress_of(job: Job, pipeline: Pipeline | None, steps: Sequence[StepProgress]) -> float:
    """The share of the work that is done, 0…1: the mean over the steps whose work is counted in audio."""
    names = _names(job, pipeline, steps)
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
