"""What the policy gets to see of a long line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.jobs import situation
from brickyard.jobs.policy import LONGEST_WAIT_S, choose
from brickyard.jobs.queues import Queues
from brickyard.jobs.states import Priority, Wanted
from tests.integration.jobs.conftest import Bench

pytestmark = pytest.mark.slow


def test_thousands_of_jobs_that_may_not_start_hide_none_that_may(bench: Bench) -> None:
    Queues(bench.engine).set_limits("night")
    Queues(bench.engine).set_paused("night", True)
    first = bench.submit("one", queue="night")
    later = bench.submit("one", run_after=datetime.now(UTC) + timedelta(hours=1))
    copies = sa.text("""
        INSERT INTO jobs (id, pipeline, queue, owner, priority, params, max_attempts, keep_for_s, run_after)
        SELECT gen_random_uuid(), pipeline, queue, owner, priority, params, max_attempts, keep_for_s, run_after
        FROM jobs, generate_series(1, 2500) WHERE id = :id""")
    with bench.engine.begin() as connection:
        for job in (first, later):
            connection.execute(copies, {"id": job})
    new = bench.submit("one", owner="bob")
    with bench.engine.connect() as connection:
        seen = situation.read(connection, 1, datetime.now(UTC))
    chosen = choose(seen)
    assert chosen is not None
    assert chosen.id == new


def test_what_runs_is_seen_as_what_it_was_when_it_waited(bench: Bench) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    jobs = [bench.submit(work_s=60.0, deadline=deadline) for _ in Wanted]
    untouched = bench.submit()
    with bench.engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET state = 'running'"))
        for job, wanted in zip(jobs, Wanted, strict=True):
            values = {"id": job, "wanted": wanted.value}
            connection.execute(sa.text("UPDATE jobs SET wanted = :wanted WHERE id = :id"), values)
    with bench.engine.connect() as connection:
        seen = {job.id: job for job in situation.read(connection, 4, datetime.now(UTC)).running}
    assert [seen[job].stays_away for job in jobs] == [True, True, False], "who yields comes back"
    assert all(seen[job].asked_to_stop for job in jobs)
    assert not seen[untouched].asked_to_stop
    first, stored = seen[jobs[0]], bench.store.get(jobs[0])
    assert first.work_s == 60.0
    assert first.deadline == pytest.approx(deadline.timestamp())
    assert first.created_at == pytest.approx(stored.created_at.timestamp())
    assert first.run_after == pytest.approx(stored.run_after.timestamp())


def last_starts(bench: Bench) -> dict[tuple[str, Priority], float]:
    with bench.engine.connect() as connection:
        return dict(situation.read(connection, 4, datetime.now(UTC)).last_start)


def approx(at: dict[tuple[str, Priority], float]) -> object:
    return pytest.approx(at, rel=0.0, abs=1e-4)


def start(bench: Bench, job: UUID) -> float:
    """Admit it, and have a worker take it; when it was admitted."""
    with bench.engine.begin() as connection:
        assert bench.store.admit(connection, job)
    assert bench.store.take(job, "worker 1")
    admitted_at = bench.store.get(job).admitted_at
    assert admitted_at is not None
    return admitted_at.timestamp()


def test_the_last_start_of_an_owner_in_a_class_is_known_whatever_became_of_the_job(bench: Bench) -> None:
    Queues(bench.engine).set_limits("night")
    ended, failed = bench.submit(), bench.submit(priority=Priority.BATCH)
    bench.submit(owner="bob", priority=Priority.INTERACTIVE)
    assert last_starts(bench) == {}
    at = {("ada", Priority.STANDARD): start(bench, ended), ("ada", Priority.BATCH): start(bench, failed)}
    assert last_starts(bench) == approx(at)
    assert bench.store.succeed(ended, "worker 1", {}, [])
    assert bench.store.fail(failed, "worker 1", "toy", "It broke.")
    bench.store.replay(failed)
    assert last_starts(bench) == approx(at), "it stays the last one"
    at["ada", Priority.BATCH] = start(bench, bench.submit(priority=Priority.BATCH, queue="night"))
    assert last_starts(bench) == approx(at), "in any queue"


def test_a_job_that_yielded_counts_as_started_again_only_once_it_is(bench: Bench) -> None:
    job = bench.submit(priority=Priority.BATCH)
    first = start(bench, job)
    assert bench.store.ask_to_yield(job)
    assert bench.store.stop(job, "worker 1", Wanted.YIELD)
    assert last_starts(bench) == approx({("ada", Priority.BATCH): first})
    again = start(bench, job)
    assert again > first
    assert last_starts(bench) == approx({("ada", Priority.BATCH): again})


def test_starts_before_the_longest_wait_are_forgotten(bench: Bench) -> None:
    start(bench, bench.submit())
    begun = sa.text("UPDATE jobs SET admitted_at = now() - make_interval(secs => :ago_s)")
    for ago_s, known in ((LONGEST_WAIT_S - 60, True), (LONGEST_WAIT_S + 60, False)):
        with bench.engine.begin() as connection:
            connection.execute(begun, {"ago_s": ago_s})
        assert bool(last_starts(bench)) is known
