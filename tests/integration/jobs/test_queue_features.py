"""What a queue must do, each once: the list of Asynq's features, and what it lacks."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from brickyard.jobs import checkpoints
from brickyard.jobs.groups import GroupRule, Groups
from brickyard.jobs.job import NewJob
from brickyard.jobs.queues import Queues
from brickyard.jobs.schedules import Schedules
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import submit
from brickyard.kit.errors import Conflict, NotFound
from tests.integration.jobs.conftest import Bench

pytestmark = pytest.mark.slow


def test_a_job_runs_its_steps_once_in_order_and_keeps_result_and_warnings(bench: Bench) -> None:
    job = bench.submit("toy", name="a")
    bench.work()
    done = bench.ended(job)
    assert done.state is JobState.SUCCEEDED
    assert done.result["results"] == {"left": {"count": 3}, "right": {"count": 3}}
    assert done.warnings == ["toy warning"]
    lines = bench.lines()
    assert lines[0] == "prepare"
    assert lines[-1] == "finish a"
    assert len(lines) == 8
    assert bench.hooked == ["before a", "after a"], "hooks go around a job, once an attempt"


def test_strict_priority_lets_the_higher_class_go_first(bench: Bench) -> None:
    last = bench.submit("one", name="batch", priority=Priority.BATCH)
    bench.submit("one", name="standard")
    bench.submit("one", name="interactive", priority=Priority.INTERACTIVE)
    bench.work(running_jobs=1)
    bench.ended(last)
    assert bench.lines() == ["finish interactive", "finish standard", "finish batch"]


def test_weighted_queues_share_in_proportion(bench: Bench) -> None:
    Queues(bench.engine).set_limits("heavy", weight=3)
    jobs = [bench.submit("one", name="light", work_s=10.0, owner=f"l{i}") for i in range(4)]
    jobs += [bench.submit("one", name="heavy", work_s=10.0, owner=f"h{i}", queue="heavy") for i in range(12)]
    bench.work(running_jobs=1)
    for job in jobs:
        bench.ended(job, within_s=60)
    first = bench.lines()[:8]
    assert first.count("finish heavy") == 6
    assert first.count("finish light") == 2


def test_users_take_turns_however_much_one_of_them_submits(bench: Bench) -> None:
    jobs = [bench.submit("one", name="ada", work_s=10.0) for _ in range(4)]
    jobs.append(bench.submit("one", name="bob", work_s=10.0, owner="bob"))
    bench.work(running_jobs=1)
    for job in jobs:
        bench.ended(job)
    assert "finish bob" in bench.lines()[:2]


def test_a_failed_attempt_is_tried_again_after_a_pause_and_finished_chunks_stay_done(bench: Bench) -> None:
    job = bench.submit(chunks=3, fail_at=2, fail_attempts=1)
    bench.work()
    waiting = bench.until(job, lambda found: found.error_code is not None)
    assert (waiting.state, waiting.error_code, waiting.error_message) == (
        JobState.WAITING,
        "unavailable",
        "toy outage",
    )
    assert waiting.run_after > datetime.now(UTC)
    done = bench.ended(job)
    assert (done.state, done.attempts, done.error_code) == (JobState.SUCCEEDED, 2, None)
    assert [line.split(" pid")[0] for line in bench.lines()] == ["count 0", "count 1", "count 2"]


def test_a_job_out_of_attempts_is_a_dead_letter_and_replay_finishes_only_what_is_missing(
    bench: Bench,
) -> None:
    job = bench.submit(chunks=3, fail_at=1, fail_attempts=1, max_attempts=1)
    bench.work()
    dead = bench.ended(job)
    assert (dead.state, dead.error_code) == (JobState.FAILED, "unavailable")
    assert [letter.id for letter in bench.store.recent(None, [JobState.FAILED])] == [job]
    with bench.engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET params = params || '{\"fail_attempts\": 0}'"))
    bench.store.replay(job)
    assert bench.ended(job).state is JobState.SUCCEEDED
    assert len(bench.lines("count 0")) == 1


def test_bad_input_is_not_tried_again(bench: Bench) -> None:
    job = bench.submit(bad_at=0)
    bench.work()
    dead = bench.ended(job)
    assert (dead.state, dead.attempts, dead.error_code) == (JobState.FAILED, 1, "bad_media")
    assert dead.error_message == "toy bad input"


def test_an_attempt_over_its_timeout_fails_and_one_past_the_deadline_fails_for_good(bench: Bench) -> None:
    slow = bench.submit(chunks=50, chunk_s=0.2, timeout_s=0.5, max_attempts=1)
    late = bench.submit(chunks=50, chunk_s=0.2, deadline=datetime.now(UTC) + timedelta(seconds=2))
    bench.work()
    assert bench.ended(slow).error_code == "timeout"
    dead = bench.ended(late)
    assert (dead.state, dead.error_code) == (JobState.FAILED, "deadline")


def test_a_job_whose_deadline_passes_while_it_waits_fails(bench: Bench) -> None:
    Queues(bench.engine).set_paused("default", True)
    job = bench.submit(deadline=datetime.now(UTC) - timedelta(seconds=1))
    bench.work()
    assert bench.ended(job).error_code == "deadline"


def test_cancel_of_a_running_job_takes_effect_within_one_chunk(bench: Bench) -> None:
    job = bench.submit(chunks=100, chunk_s=0.2)
    bench.work()
    bench.until_lines("count", 2)
    assert bench.store.cancel(job) is JobState.RUNNING
    done_then = len(bench.lines("count"))
    assert bench.ended(job).state is JobState.CANCELLED
    assert len(bench.lines("count")) <= done_then + 1


def test_cancel_of_a_waiting_job_is_at_once(bench: Bench) -> None:
    job = bench.submit()
    assert bench.store.cancel(job) is JobState.CANCELLED
    with pytest.raises(Conflict, match="cancelled and can't be paused"):
        bench.store.pause(job)


def test_a_paused_job_goes_on_where_it_was(bench: Bench) -> None:
    job = bench.submit("toy", chunks=10, chunk_s=0.1)
    bench.work()
    bench.until_lines("left", 3)
    bench.store.pause(job)
    bench.in_state(job, JobState.PAUSED)
    done_then = len(bench.lines())
    time.sleep(0.6)
    assert len(bench.lines()) == done_then
    bench.store.resume(job)
    assert bench.ended(job).state is JobState.SUCCEEDED
    assert len(bench.lines("left")) == len(bench.lines("right")) == 10
    assert len(bench.lines("prepare")) == 1, "a finished step is never redone"


def test_a_paused_queue_starts_nothing_until_it_is_resumed(bench: Bench) -> None:
    queues = Queues(bench.engine)
    queues.set_paused("default", True)
    job = bench.submit("one")
    bench.work()
    time.sleep(1)
    assert bench.store.get(job).state is JobState.WAITING
    queues.set_paused("default", False)
    assert bench.ended(job).state is JobState.SUCCEEDED
    with pytest.raises(NotFound, match="The queues are: default"):
        queues.set_paused("nope", True)


def test_a_unique_job_exists_once_while_it_lives(bench: Bench) -> None:
    job = bench.submit("one", unique_key="k")
    with pytest.raises(Conflict, match="unique key 'k'"):
        bench.submit("one", unique_key="k")
    bench.work()
    bench.ended(job)
    assert bench.ended(bench.submit("one", unique_key="k")).state is JobState.SUCCEEDED


def test_a_job_is_submitted_with_its_callers_transaction_or_not_at_all(bench: Bench) -> None:
    with bench.engine.connect() as connection:
        job = submit(connection, bench.job("one"))
        connection.rollback()
    with pytest.raises(NotFound):
        bench.store.get(job)


def test_a_delayed_job_waits_for_its_time(bench: Bench) -> None:
    when = datetime.now(UTC) + timedelta(seconds=2)
    job = bench.submit("one", run_after=when)
    bench.work()
    done = bench.ended(job)
    assert done.started_at is not None
    assert done.started_at >= when


def test_a_periodic_job_is_submitted_once_a_period_by_however_many_workers(bench: Bench) -> None:
    schedules = Schedules(bench.engine)
    schedules.set("tidy", 1.0, bench.job("one", name="tidy"))
    bench.work()
    bench.until_lines("finish tidy", 2)
    schedules.remove("tidy")
    with bench.engine.connect() as connection:
        times = connection.execute(sa.text("SELECT created_at FROM jobs ORDER BY 1")).scalars().all()
    assert all((b - a).total_seconds() > 0.5 for a, b in pairwise(times))
    assert schedules.submit_due() == []


def test_many_small_things_become_one_job(bench: Bench) -> None:
    rules = {"notes": GroupRule(bench.job("one", name="group"), size=3, wait_s=1.0)}
    groups = Groups(bench.engine, rules)
    for item in ("a", "b", "c", "d", "a"):
        groups.add("notes", item, "ada")
    bench.work(groups=rules)
    bench.until_lines("finish group", 2)
    with bench.engine.connect() as connection:
        items = connection.execute(sa.text("SELECT params -> 'items' FROM jobs ORDER BY created_at")).scalars().all()
    assert items == [["a", "b", "c"], ["d"]]


def test_no_more_jobs_run_at_once_than_the_queue_allows(bench: Bench) -> None:
    Queues(bench.engine).set_limits("default", running_jobs=1)
    jobs = [bench.submit(chunks=3, chunk_s=0.1) for _ in range(3)]
    bench.work(running_jobs=4)
    spans = []
    for job in jobs:
        done = bench.ended(job)
        assert done.started_at is not None
        assert done.ended_at is not None
        spans.append((done.started_at, done.ended_at))
    spans.sort()
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_no_more_jobs_start_than_the_rate_limit_allows(bench: Bench) -> None:
    Queues(bench.engine).set_limits("default", starts=2, per_s=3.0)
    jobs = [bench.submit("one") for _ in range(4)]
    bench.work()
    starts = sorted(bench.ended(job).admitted_at or datetime.max for job in jobs)
    assert (starts[2] - starts[0]).total_seconds() >= 2.9
    assert (starts[3] - starts[1]).total_seconds() >= 2.9


def test_an_interactive_job_makes_a_batch_job_yield_at_its_next_chunk(bench: Bench) -> None:
    batch = bench.submit(chunks=30, chunk_s=0.1, priority=Priority.BATCH)
    bench.work(running_jobs=1)
    bench.until_lines("count", 2)
    urgent = bench.submit("one", priority=Priority.INTERACTIVE, name="urgent")
    bench.ended(urgent)
    assert bench.store.get(batch).state is not JobState.SUCCEEDED
    assert bench.ended(batch).state is JobState.SUCCEEDED
    assert len(bench.lines("count")) == 30


def test_results_are_kept_for_their_time_and_then_deleted_with_all_their_rows(bench: Bench) -> None:
    job = bench.submit(keep_for_s=2.0)
    kept = bench.submit(keep_for_s=60.0)
    bench.work()
    bench.ended(job)
    bench.ended(kept)
    assert bench.store.purge(datetime.now(UTC) + timedelta(seconds=5)) == [job]
    with pytest.raises(NotFound, match="time of keeping"):
        bench.store.get(job)
    assert bench.store.get(kept).state is JobState.SUCCEEDED
    assert checkpoints.progress(bench.engine, [job]) == {job: []}


def test_an_unknown_pipeline_is_a_clear_dead_letter(bench: Bench) -> None:
    job = bench.store.submit(NewJob("nope", "ada"))
    bench.work()
    assert "knows no pipeline 'nope'; it knows count, one, toy" in (bench.ended(job).error_message or "")


def test_speeds_are_learned_from_finished_steps(bench: Bench) -> None:
    bench.work()
    bench.ended(bench.submit(chunks=4, chunk_s=0.1))
    assert checkpoints.rates(bench.engine)["count"] == pytest.approx(10.0, rel=0.3)
