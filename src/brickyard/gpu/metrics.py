"""The broker's state for Prometheus: what it tells of itself, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brickyard.gpu.lease import PriorityClass
from brickyard.gpu.wire import Message
from brickyard.kit.errors import Unavailable

MIB = 1 << 20
MEMORY = ("budget", "resident", "working", "notebook", "elsewhere", "free", "fragmented")
TOTALS = {
    "granted": "Leases granted",
    "dropped": "Leases that ended with their holder's connection",
    "refused": "Requests for more than a device has",
    "loaded": "Times that weights were loaded",
    "evicted": "Times that weights left for others",
    "expired": "Notebook leases whose time was up",
    "asked_to_yield": "Working leases asked to yield to a higher class",
}


class BrokerCollector(Collector):
    """`status` asks the broker; see status.describe. Where it is away, only that is told."""

    def __init__(self, status: Callable[[], Message]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        try:
            told = self._status()
        except Unavailable:
            told = None
        yield GaugeMetricFamily("brickyard_broker_up", "1 where the broker answers", value=float(told is not None))
        if told is not None:
            yield _memory(told["devices"])
            yield _slots(told["devices"])
            yield from _waiting(told["waiting"])
            yield _weights(told["weights"])
            yield from _totals(told["totals"])


def _memory(devices: Iterable[Message]) -> Metric:
    family = GaugeMetricFamily(
        "brickyard_device_memory_bytes", "A device's memory by what it is used for", labels=["device", "part"]
    )
    for device in devices:
        for part in MEMORY:
            family.add_metric([device["name"], part], device[f"{part}_mib"] * MIB)
    return family


def _slots(devices: Iterable[Message]) -> Metric:
    family = GaugeMetricFamily("brickyard_device_chunks_computing", "Chunks under a working lease", labels=["device"])
    for device in devices:
        family.add_metric([device["name"]], device["computing"])
    return family


def _waiting(waiting: Iterable[Message]) -> Iterator[Metric]:
    count = Counter((request["device"], request["priority"]) for request in waiting)
    oldest_s: dict[tuple[str, str], float] = {}
    for request in waiting:
        key = request["device"], request["priority"]
        oldest_s[key] = max(oldest_s.get(key, 0.0), request["waited_s"])
    labels = ["device", "class"]
    number = GaugeMetricFamily("brickyard_lease_requests_waiting", "Requests in the line by class", labels=labels)
    oldest = GaugeMetricFamily(
        "brickyard_lease_oldest_wait_seconds", "Longest wait in the line by class", labels=labels
    )
    for device in {device for device, _ in count}:
        for priority in PriorityClass:
            number.add_metric([device, priority.value], count[device, priority.value])
            oldest.add_metric([device, priority.value], oldest_s.get((device, priority.value), 0.0))
    yield number
    yield oldest


def _weights(weights: Iterable[Message]) -> Metric:
    family = GaugeMetricFamily("brickyard_model_loaded_bytes", "Memory of loaded weights", labels=["device", "model"])
    held: Counter[tuple[str, str]] = Counter()
    for loaded in weights:
        held[loaded["device"], loaded["model"]] += loaded["memory_mib"]
    for (device, model), mib in held.items():
        family.add_metric([device, model], mib * MIB)
    return family


def _totals(totals: Message) -> Iterator[Metric]:
    for name, what in TOTALS.items():
        yield CounterMetricFamily(f"brickyard_leases_{name}", what, value=totals[name])
    ooms = CounterMetricFamily(
        "brickyard_out_of_memory", "Failed allocations by what was done about it", labels=["rung"]
    )
    for rung, count in totals["ooms"].items():
        ooms.add_metric([rung], count)
    yield ooms
