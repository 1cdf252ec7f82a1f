"""What LLM servers do not count themselves, for Prometheus; and how the web process shows it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from brickyard.kit.metrics import registry

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

REQUESTS = Counter("brickyard_llm_requests", "Requests that have ended", ["model", "outcome"], registry=registry)
"""`outcome`: ok, refused (by the server), failed, cancelled (the caller left), turned_away (the line was full)."""
FIRST_BYTE = Histogram(
    "brickyard_llm_time_to_first_token_seconds",
    "From the request's arrival to the first of its answer, waiting included",
    ["model"],
    buckets=_SECONDS,
    registry=registry,
)
DURATION = Histogram(
    "brickyard_llm_duration_seconds", "Work of the server on a request", ["model"], buckets=_SECONDS, registry=registry
)
TOKENS = Counter(
    "brickyard_llm_tokens", "Tokens read (prompt) and written (completion)", ["model", "kind"], registry=registry
)
WAITING = Gauge("brickyard_llm_waiting", "Requests in the line", ["priority"], registry=registry)
WAITED = Histogram(
    "brickyard_llm_wait_seconds", "Waiting for a server", ["priority"], buckets=_SECONDS, registry=registry
)
UNDER_WAY = Gauge("brickyard_llm_under_way", "Requests that a server works on", ["backend"], registry=registry)
BACKEND_UP = Gauge("brickyard_llm_backend_up", "1 where the server answers", ["backend"], registry=registry)

ANSWERS_WITHIN_S = 2.0


class LlmCollector(Collector):
    """Asks the brick for its metrics; where it is away, only that is told."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    def collect(self) -> Iterator[Metric]:
        told = _read(self._socket_path)
        yield GaugeMetricFamily("brickyard_llm_up", "1 where the LLM brick answers", value=float(told is not None))
        for family in text_string_to_metric_families(told or ""):
            if family.name.startswith("brickyard_llm_"):
                yield family


def _read(socket_path: Path) -> str | None:
    connection = http.client.HTTPConnection("brick", timeout=ANSWERS_WITHIN_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(ANSWERS_WITHIN_S)
        connection.sock.connect(str(socket_path))
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
