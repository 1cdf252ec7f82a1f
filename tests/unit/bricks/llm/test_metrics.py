from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from brickyard.bricks.llm.metrics import LlmCollector
from tests.llm_server import LlmServer
from tests.unit.bricks.llm.scene import brick


def page(socket: Path) -> str:
    registry = CollectorRegistry()
    registry.register(LlmCollector(socket))
    return generate_latest(registry).decode()


def test_the_bricks_metrics_are_shown_by_another_process() -> None:
    with brick(LlmServer()) as socket:
        told = page(socket)
    assert "brickyard_llm_up 1.0" in told
    assert 'brickyard_llm_backend_up{backend="' in told
    assert "brickyard_llm_requests_total" in told


def test_a_brick_that_is_away_is_told(tmp_path: Path) -> None:
    assert "brickyard_llm_up 0.0" in page(tmp_path / "nobody.sock")
