"""What the queue and its engine keep of a job that really ran, and that nothing of it is left when it is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from brickyard.jobs.states import JobState
from brickyard.jobs.store import forget
from tests.integration.jobs.conftest import Bench
from tests.unit.echo.retention.archive import found_in

SAID = "xq7 the heron flew at dawn"


def test_nothing_is_left_of_a_job_that_is_forgotten(bench: Bench) -> None:
    bench.work()
    job, other = bench.submit("one", items=[SAID]), bench.submit("one", items=["something else"])
    assert bench.ended(job).state is bench.ended(other).state is JobState.SUCCEEDED
    assert {"jobs", "operation_outputs"} <= found_in(bench.engine, SAID)
    bench.rest()
    with bench.engine.begin() as connection:
        forget(connection, [job])
    assert found_in(bench.engine, SAID) == set()
    assert found_in(bench.engine, str(job)) == set()
    assert "workflow_status" in found_in(bench.engine, str(other))


def test_what_is_purged_takes_its_workflow_with_it(bench: Bench) -> None:
    bench.work()
    job = bench.submit("one", items=[SAID], keep_for_s=60.0)
    bench.ended(job)
    bench.rest()
    assert bench.store.purge(datetime.now(UTC)) == []
    assert bench.store.purge(datetime.now(UTC) + timedelta(seconds=90)) == [job]
    assert found_in(bench.engine, SAID) == found_in(bench.engine, str(job)) == set()
