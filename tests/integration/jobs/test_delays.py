"""What was foretold, what became of it, and what is learned from that."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.echo.queue.service import Queue
from brickyard.jobs import delays
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import Priority
from brickyard.jobs.store import JobStore
from tests.integration.jobs.toys import PIPELINES


def waiting(engine: sa.Engine, **values: object) -> UUID:
    return JobStore(engine).submit(NewJob(pipeline="count", owner="ada", params={}, work_s=60.0, **values))  # type: ignore[arg-type]


def succeeds_after(engine: sa.Engine, job: UUID, seconds: float) -> None:
    """As if it had been submitted so long ago."""
    store = JobStore(engine)
    with engine.begin() as connection:
        assert store.admit(connection, job)
        ago = sa.text("UPDATE jobs SET created_at = clock_timestamp() - make_interval(secs => :s) WHERE id = :job")
        connection.execute(ago, {"s": seconds, "job": job})
    assert store.take(job, "w")
    assert store.succeed(job, "w", {}, [])


def test_a_class_learns_by_how_much_longer_its_jobs_take(engine: sa.Engine) -> None:
    job = waiting(engine)
    delays.note(engine, {job: 100.0})
    delays.note(engine, {job: 5000.0})
    succeeds_after(engine, job, 200.0)
    assert delays.factors(engine) == {Priority.STANDARD: pytest.approx(2.0, rel=0.01)}
    again = waiting(engine)
    delays.note(engine, {again: 100.0})
    succeeds_after(engine, again, 100.0)
    assert delays.factors(engine)[Priority.STANDARD] == pytest.approx(2.0**0.5, rel=0.01)


def test_a_job_that_nobody_foretold_or_that_was_tried_again_tells_nothing(engine: sa.Engine) -> None:
    succeeds_after(engine, waiting(engine), 200.0)
    retried = waiting(engine)
    delays.note(engine, {retried: 1.0})
    store = JobStore(engine)
    with engine.begin() as connection:
        store.admit(connection, retried)
    store.take(retried, "w")
    store.retry(retried, "w", "internal", "it broke", 0.0)
    succeeds_after(engine, retried, 200.0)
    assert delays.factors(engine) == {}


def test_only_what_is_told_at_submission_counts(engine: sa.Engine) -> None:
    old = waiting(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET created_at = created_at - interval '5 minutes'"))
    delays.note(engine, {old: 100.0})
    succeeds_after(engine, old, 400.0)
    assert delays.factors(engine) == {}


def test_people_are_told_the_time_that_experience_says(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for step in ("count", "sum"):
            connection.execute(sa.text("INSERT INTO rates VALUES (:step, 'h', 10, 1)"), {"step": step})
    job = waiting(engine)
    raw = Queue(engine, PIPELINES, cap=1).view(job).eta_s
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO delays VALUES (:standard, 3.0, 1)"), {"standard": Priority.STANDARD})
    told = Queue(engine, PIPELINES, cap=1).view(job).eta_s
    assert raw
    assert told == pytest.approx(3.0 * raw, abs=0.2)
