"""What the policy gets to see of a long line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from brickyard.jobs import situation
from brickyard.jobs.policy import choose
from brickyard.jobs.queues import Queues
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
