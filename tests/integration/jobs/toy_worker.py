"""A worker process with the toy pipelines, for tests that kill it: `python -m … DATABASE_URL`."""

import signal
import sys
import threading

from brickyard.jobs.worker import JobWorker, WorkerOptions
from brickyard.kit import db, logs
from tests.integration.jobs.toys import PIPELINES

if __name__ == "__main__":
    logs.configure("toy-worker")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    options = WorkerOptions(slots=2, running_jobs=2, heartbeat_s=0.3, lost_after_s=2.0)
    JobWorker(db.connect(sys.argv[1]), PIPELINES, options).run(stop)
