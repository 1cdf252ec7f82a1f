"""kill -9 of a worker, and of PostgreSQL: the job ends, and no finished chunk is done twice or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from brickyard.jobs.states import JobState
from brickyard.jobs.workers import Workers
from tests.conftest import REPOSITORY
from tests.integration.jobs.conftest import Bench

pytestmark = pytest.mark.slow

StartWorker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(engine: sa.Engine) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        url = engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.integration.jobs.toy_worker", url]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "src:."}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def saved_chunks(engine: sa.Engine) -> list[tuple[str, int, str]]:
    query = sa.text("SELECT step, index, worker FROM chunks ORDER BY step, index")
    with engine.connect() as connection:
        return [(row.step, row.index, row.worker) for row in connection.execute(query)]


def test_another_worker_goes_on_after_kill_9_from_the_last_finished_chunk(
    bench: Bench, start_worker: StartWorker
) -> None:
    first = start_worker()
    job = bench.submit("toy", chunks=20, chunk_s=0.1)
    bench.until_lines("left", 5)
    second = start_worker()
    while len(Workers(bench.engine).all()) < 2:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(0.3)
    before = saved_chunks(bench.engine)
    done = bench.ended(job, within_s=60)
    assert done.state is JobState.SUCCEEDED
    after = saved_chunks(bench.engine)
    assert set(before) <= set(after), "no finished chunk is lost or written again"
    assert len(after) == 40
    assert f"pid={second.pid}" in bench.lines("right")[-1]
    times_run = Counter(line.split(" pid")[0] for line in bench.lines("left") + bench.lines("right"))
    killed = before[0][2]
    in_flight = {
        f"{step} {max(i for s, i, by in after if (s, by) == (step, killed)) + 1}" for step in ("left", "right")
    }
    assert {name for name, n in times_run.items() if n > 1} <= in_flight, "only unfinished chunks run again"
    assert len(bench.lines("prepare")) == 1, "a finished step is never redone"


def test_a_worker_that_stops_on_request_hands_its_job_on(bench: Bench, start_worker: StartWorker) -> None:
    first = start_worker()
    job = bench.submit(chunks=20, chunk_s=0.1)
    bench.until_lines("count", 5)
    first.terminate()
    first.wait(20)
    left = bench.store.get(job)
    assert (left.state, left.crashes) == (JobState.WAITING, 0), "stopping in good order is no crash"
    start_worker()
    assert bench.ended(job, within_s=60).state is JobState.SUCCEEDED
    assert len(saved_chunks(bench.engine)) == 20


def test_a_worker_wrongly_taken_for_dead_writes_nothing_more_and_ends(bench: Bench, start_worker: StartWorker) -> None:
    frozen = start_worker()
    job = bench.submit(chunks=30, chunk_s=0.1)
    bench.until_lines("count", 5)
    frozen.send_signal(signal.SIGSTOP)
    start_worker()
    bench.until(job, lambda found: found.crashes == 1)
    bench.until_lines("count", 12)
    frozen.send_signal(signal.SIGCONT)
    assert bench.ended(job, within_s=60).state is JobState.SUCCEEDED
    assert frozen.wait(20) != 0, "it must end when it learns that others have its jobs"
    chunks = saved_chunks(bench.engine)
    assert len(chunks) == 30
    assert len({worker for *_, worker in chunks}) == 2
    owners = [worker for *_, worker in chunks]
    assert owners == sorted(owners, key=owners.index), "after the second took over, the first wrote nothing"


def test_a_job_that_kills_its_workers_ends_as_a_dead_letter(bench: Bench, start_worker: StartWorker) -> None:
    with bench.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE jobs ALTER crashes SET DEFAULT 5"))
    job = bench.submit(chunks=100, chunk_s=0.1)
    first = start_worker()
    bench.until_lines("count", 2)
    first.kill()
    first.wait()
    start_worker()
    dead = bench.ended(job)
    assert (dead.state, dead.error_code) == (JobState.FAILED, "crashed")
