from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.queue.service import Outlook, Queue, overall_speed, progress_of, view_of
from brickyard.jobs.context import StepContext
from brickyard.jobs.forecast import Forecast
from brickyard.jobs.job import NewJob, StepProgress
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.jobs.policy import Demand
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.workers import Workers
from brickyard.kit.errors import Conflict, NotFound
from tests.unit.jobs.jobs import THEN, job

RATES = {"first": 10.0, "second": 20.0}


async def nothing(_: StepContext) -> None: ...


PIPELINE = Pipeline("toy", (Step("first", nothing), Step("second", nothing, needs=("first",))))
WAITING = job(state=JobState.WAITING)
LEFT = Demand(10.0, 15.0)


def outlook(position: int, starts_in_s: float, ends_in_s: float, timed_before: float = math.inf) -> Outlook:
    return Outlook({WAITING.id: Forecast(position, starts_in_s, ends_in_s)}, timed_before)


def step(
    name: str, done_s: float, total_s: float | None = 100.0, end: bool = False, busy_s: float = 0.0
) -> StepProgress:
    return StepProgress(name, THEN, THEN if end else None, 1, 4, done_s, total_s, busy_s)


# ---- view_of


def test_a_job_that_waits_has_a_place_and_the_times_of_the_forecast() -> None:
    view = view_of(WAITING, PIPELINE, [], LEFT, outlook(3, 40.04, 55.55))
    assert (view.position, view.starts_in_s, view.eta_s) == (3, 40.0, 55.5)
    assert (view.state, view.priority, view.progress) == (JobState.WAITING, "standard", 0.0)


def test_while_a_speed_is_unknown_a_job_that_waits_has_a_place_but_no_times() -> None:
    view = view_of(WAITING, PIPELINE, [], None, outlook(3, 0.0, 0.0))
    assert (view.position, view.starts_in_s, view.eta_s) == (3, None, None)


def test_behind_a_job_of_unknown_length_no_times_are_told() -> None:
    view = view_of(WAITING, PIPELINE, [], LEFT, outlook(3, 40.0, 50.0, timed_before=2))
    assert (view.position, view.starts_in_s, view.eta_s) == (3, None, None)
    view = view_of(WAITING, PIPELINE, [], LEFT, outlook(1, 40.0, 50.0, timed_before=2))
    assert (view.position, view.starts_in_s, view.eta_s) == (1, 40.0, 50.0)


def test_a_job_in_a_paused_queue_has_neither() -> None:
    view = view_of(WAITING, PIPELINE, [], LEFT, Outlook())
    assert (view.position, view.starts_in_s, view.eta_s) == (None, None, None)


def test_a_job_that_runs_tells_what_is_left() -> None:
    view = view_of(job(), PIPELINE, [step("first", 50.0, busy_s=5.0)], LEFT, outlook(0, 0.0, 30.0))
    assert (view.position, view.starts_in_s, view.eta_s) == (None, None, 30.0)
    assert view.progress == 0.25
    assert view.steps[0].x_realtime == 10.0


def test_a_job_that_runs_falls_back_to_its_own_speed_where_nothing_is_foretold() -> None:
    assert view_of(job(), PIPELINE, [], LEFT, Outlook()).eta_s == 15.0
    beside_an_unknown = outlook(0, 0.0, 30.0, timed_before=0)
    assert view_of(job(), PIPELINE, [], LEFT, beside_an_unknown).eta_s == 15.0


def test_without_measured_speeds_nothing_is_made_up() -> None:
    view = view_of(job(), PIPELINE, [step("first", 0.0)], None, outlook(0, 0.0, 0.0))
    assert view.eta_s is None
    assert view.steps[0].x_realtime is None
    assert view.x_realtime is None


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_what_does_not_go_on_has_no_time_of_arrival(state: JobState) -> None:
    view = view_of(job(state=state), PIPELINE, [step("first", 50.0)], LEFT, outlook(1, 1.0, 2.0))
    assert view.eta_s is None
    assert view.progress == (1.0 if state is JobState.SUCCEEDED else 0.25)


def test_an_error_is_told_by_code() -> None:
    failed = job(state=JobState.FAILED, error_code="bad_media", error_message="It is cut off.")
    error = view_of(failed, PIPELINE, [], None, Outlook()).error
    assert error is not None
    assert (error.code, error.message) == ("bad_media", "It is cut off.")
    assert view_of(job(), PIPELINE, [], None, Outlook()).error is None


def test_a_job_of_a_pipeline_that_is_no_more_can_still_be_seen() -> None:
    view = view_of(job(pipeline="gone"), None, [step("first", 50.0)], None, Outlook())
    assert (view.eta_s, view.progress) == (None, 0.5)


def test_a_job_names_its_recording() -> None:
    recording = uuid4()
    assert view_of(job(params={"recording": str(recording)}), PIPELINE, [], None, Outlook()).recording == recording
    assert view_of(job(), PIPELINE, [], None, Outlook()).recording is None


# ---- progress_of, overall_speed


@given(st.lists(st.tuples(st.floats(0, 200), st.none() | st.floats(0, 100), st.booleans()), max_size=2))
def test_progress_is_a_share_and_all_of_it_when_all_steps_have_ended(
    told: list[tuple[float, float | None, bool]],
) -> None:
    steps = [step(name, done, total, end) for name, (done, total, end) in zip(RATES, told, strict=False)]
    share = progress_of(job(), PIPELINE, steps)
    assert 0.0 <= share <= 1.0
    everything = len(steps) == 2 and all(end for _, _, end in told)
    assert not everything or share == 1.0


def test_the_speed_of_a_whole_job_counts_all_its_time() -> None:
    done = job(state=JobState.SUCCEEDED, started_at=THEN, ended_at=THEN + timedelta(seconds=4), work_s=100.0)
    assert overall_speed(done) == 25.0
    assert overall_speed(replace(done, state=JobState.FAILED)) is None
    assert overall_speed(replace(done, work_s=0.0)) is None
    assert overall_speed(replace(done, ended_at=THEN)) is None
    assert overall_speed(replace(done, started_at=None)) is None


# ---- on a database


def submitted(queue: Queue, owner: str = "ada", work_s: float = 100.0, priority: Priority = Priority.STANDARD) -> UUID:
    return queue.jobs.submit(NewJob("toy", owner, work_s=work_s, priority=priority))


def measured(engine: sa.Engine, *steps: str, device_s_per_s: float = 0.0) -> None:
    query = sa.text("INSERT INTO rates VALUES (:step, 'host', :rate, 1, :device_s_per_s)")
    with engine.begin() as connection:
        for name in steps:
            values = {"step": name, "rate": RATES[name], "device_s_per_s": device_s_per_s}
            connection.execute(query, values)


def running(engine: sa.Engine, *jobs: UUID) -> None:
    with engine.begin() as connection:
        values = {"jobs": list(jobs)}
        connection.execute(sa.text("UPDATE jobs SET state = 'running' WHERE id = ANY(:jobs)"), values)


@pytest.fixture
def queue(engine: sa.Engine) -> Queue:
    return Queue(engine, {"toy": PIPELINE}, cap=1)


@pytest.mark.slow
def test_jobs_stand_in_the_order_in_which_they_will_start(queue: Queue) -> None:
    standard, batch = submitted(queue), submitted(queue, priority=Priority.BATCH)
    urgent = submitted(queue, owner="ben", priority=Priority.INTERACTIVE)
    assert [queue.view(job_).position for job_ in (standard, batch)] == [2, 3]
    assert queue.view(urgent).position == 1
    assert queue.view(standard).starts_in_s is None, "nothing has been measured yet"


@pytest.mark.slow
def test_times_follow_from_measured_speeds(queue: Queue, engine: sa.Engine) -> None:
    first, second = submitted(queue), submitted(queue)
    measured(engine, "first")
    assert queue.view(second).eta_s is None, "one step has never been measured"
    measured(engine, "second")
    each_s = 100 / 10 + 100 / 20
    found = [queue.view(job_) for job_ in (first, second)]
    assert [(view.starts_in_s, view.eta_s) for view in found] == [(0.0, each_s), (each_s, 2 * each_s)]


@pytest.mark.slow
def test_times_count_no_more_slots_than_the_workers_have(engine: sa.Engine) -> None:
    queue = Queue(engine, {"toy": PIPELINE}, cap=4)
    measured(engine, "first", "second")
    jobs = [submitted(queue) for _ in range(3)]
    assert [queue.view(job_).starts_in_s for job_ in jobs] == [0.0, 0.0, 0.0], "until one says how many"
    Workers(engine).register(slots=2)
    assert [queue.view(job_).starts_in_s for job_ in jobs] == [0.0, 0.0, 15.0]


@pytest.mark.slow
def test_running_jobs_share_the_device_in_what_is_foretold(engine: sa.Engine) -> None:
    queue = Queue(engine, {"toy": PIPELINE}, cap=2, device_slots=1.0)
    measured(engine, "first", "second", device_s_per_s=0.25)
    jobs = [submitted(queue) for _ in range(3)]
    running(engine, *jobs[:2])
    found = [queue.view(job_) for job_ in jobs]
    alone_s = 2 * 100 * 0.25
    assert [(view.position, view.starts_in_s, view.eta_s) for view in found] == [
        (None, None, 2 * alone_s),
        (None, None, 2 * alone_s),
        (1, 2 * alone_s, 3 * alone_s),
    ]
    wider = Queue(engine, {"toy": PIPELINE}, cap=2, device_slots=2.0)
    assert wider.view(jobs[0]).eta_s == alone_s, "a step of the toy uses one slot at a time"


@pytest.mark.slow
def test_no_times_are_told_behind_a_job_whose_length_nobody_knows(queue: Queue, engine: sa.Engine) -> None:
    measured(engine, "first", "second")
    jobs = [submitted(queue), submitted(queue, work_s=0.0), submitted(queue)]
    found = [queue.view(job_) for job_ in jobs]
    assert [(view.position, view.eta_s) for view in found] == [(1, 15.0), (2, None), (3, None)]
    running(engine, jobs[1])
    found = [queue.view(job_) for job_ in jobs]
    assert [(view.position, view.eta_s) for view in found] == [(1, None), (None, None), (2, None)]


@pytest.mark.slow
def test_jobs_are_listed_for_whom_they_belong_to_and_unknown_ones_are_not_there(queue: Queue) -> None:
    own = submitted(queue)
    for act in (queue.view, queue.pause, queue.resume, queue.cancel, queue.replay):
        with pytest.raises(NotFound):
            act(uuid4())
    assert queue.newest("ben", [], 10) == []
    assert [view.id for view in queue.newest(None, [], 10)] == [own]


@pytest.mark.slow
def test_jobs_are_paused_resumed_cancelled_and_not_twice(queue: Queue) -> None:
    own = submitted(queue)
    assert queue.pause(own).state is JobState.PAUSED
    with pytest.raises(Conflict, match="The job is paused and can't be paused"):
        queue.pause(own)
    assert queue.resume(own).state is JobState.WAITING
    assert queue.cancel(own).state is JobState.CANCELLED
    for act in (queue.pause, queue.resume, queue.cancel, queue.replay):
        with pytest.raises(Conflict, match="The job is cancelled"):
            act(own)


@pytest.mark.slow
def test_newest_come_first_and_by_state(queue: Queue) -> None:
    jobs = [submitted(queue) for _ in range(3)]
    queue.cancel(jobs[1])
    assert [view.id for view in queue.newest("ada", [], 2)] == [jobs[2], jobs[1]]
    assert [view.id for view in queue.newest("ada", [JobState.CANCELLED], 10)] == [jobs[1]]


@pytest.mark.slow
def test_queues_count_their_jobs_and_paused_ones_promise_nothing(queue: Queue) -> None:
    own = submitted(queue)
    queue.cancel(submitted(queue))
    queue.queues.set_paused("default", True)
    [view] = queue.all_queues()
    assert (view.name, view.paused) == ("default", True)
    assert view.jobs == {JobState.WAITING: 1, JobState.CANCELLED: 1}
    assert queue.view(own).position is None
    with pytest.raises(NotFound, match=r"no queue 'night'\. The queues are: default"):
        queue.queues.set_paused("night", True)


@pytest.mark.slow
def test_workers_that_live_are_shown(queue: Queue, engine: sa.Engine) -> None:
    worker = Workers(engine).register(slots=3)
    [view] = queue.workers()
    assert (view.id, view.slots) == (worker.id, 3)
    assert abs((datetime.now(UTC) - view.beat_at).total_seconds()) < 60
