"""What is measured while jobs run: the speed of their steps, by the clock and on the device."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.jobs import checkpoints
from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.estimates import Speed
from tests.integration.jobs.conftest import Bench

pytestmark = pytest.mark.slow


def done(bench: Bench, device_s: float, busy_s: float = 5.0, host: str = "here") -> UUID:
    """One job's step of two chunks of ten seconds of audio each."""
    job = bench.submit()
    with bench.engine.begin() as connection:
        running = sa.text("UPDATE jobs SET state = 'running', worker = 'w' WHERE id = :id")
        connection.execute(running, {"id": job})
    own = Checkpoints(bench.engine, job, "w")
    own.begin("asr", 2, 20.0)
    for index in (0, 1, 1):
        own.save("asr", index, {}, 10.0, busy_s, device_s=device_s / 2)
    own.end("asr", host, 99.0)
    return job


def test_seconds_of_the_device_are_summed_over_chunks_each_once(bench: Bench) -> None:
    job = done(bench, device_s=4.0)
    [step] = checkpoints.progress(bench.engine, [job])[job]
    assert (step.work_done_s, step.busy_s, step.device_s) == (20.0, 10.0, 4.0)


def test_speeds_are_learned_as_a_moving_average(bench: Bench) -> None:
    assert checkpoints.speeds(bench.engine) == {}
    done(bench, device_s=4.0)
    assert checkpoints.speeds(bench.engine) == {"asr": Speed(2.0, 0.2)}
    done(bench, device_s=8.0, busy_s=10.0)
    found = checkpoints.speeds(bench.engine)["asr"]
    assert found.x_realtime == pytest.approx(0.7 * 2.0 + 0.3 * 1.0)
    assert found.device_s_per_s == pytest.approx(0.7 * 0.2 + 0.3 * 0.4)
    assert checkpoints.rates(bench.engine) == {"asr": found.x_realtime}


def test_the_first_measured_use_of_the_device_counts_in_full(bench: Bench) -> None:
    for _ in range(3):
        done(bench, device_s=0.0)
    done(bench, device_s=4.0)
    assert checkpoints.speeds(bench.engine)["asr"].device_s_per_s == pytest.approx(0.2)


def test_hosts_that_measured_no_device_do_not_make_it_look_faster(bench: Bench) -> None:
    done(bench, device_s=0.0, host="old")
    done(bench, device_s=4.0, host="new")
    assert checkpoints.speeds(bench.engine)["asr"].device_s_per_s == pytest.approx(0.2)
