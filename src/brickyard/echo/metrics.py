"""The platform's metrics, read from the database when asked for, so that every web process tells the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brickyard.echo.queue.service import Queue
from brickyard.jobs import checkpoints
from brickyard.jobs.states import JobState


class QueueCollector(Collector):
    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("brickyard_jobs", "Jobs by queue and state", labels=["queue", "state"])
        paused = GaugeMetricFamily("brickyard_queue_paused", "1 where a queue is paused", labels=["queue"])
        for queue in self._queue.all_queues():
            paused.add_metric([queue.name], float(queue.paused))
            for state in JobState:
                jobs.add_metric([queue.name, state.value], queue.jobs.get(state, 0))
        yield jobs
        yield paused
        workers = self._queue.workers()
        yield GaugeMetricFamily("brickyard_workers", "Worker processes alive", value=len(workers))
        slots = sum(worker.slots for worker in workers)
        yield GaugeMetricFamily("brickyard_worker_slots", "Jobs the workers can run at once", value=slots)
        speed = GaugeMetricFamily(
            "brickyard_step_x_realtime", "Measured speed, seconds of audio per second", labels=["step"]
        )
        for step, rate in checkpoints.rates(self._queue.engine).items():
            speed.add_metric([step], rate)
        yield speed


def render(queue: Queue, others: Iterable[Collector] = ()) -> bytes:
    """`others` tell of what is not in the database."""
    registry = CollectorRegistry()
    for collector in (QueueCollector(queue), *others):
        registry.register(collector)
    page: bytes = generate_latest(registry)
    return page
