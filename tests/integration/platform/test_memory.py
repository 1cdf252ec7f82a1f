"""The real bricks under the real broker, with RAM as the budget: four jobs at once where memory allows two chunks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port, running
from brickyard.engines.profiles import MOONSHINE_CPU, ONNX_DIARIZER_CPU
from brickyard.gpu.sync import SyncBrokerClient
from brickyard.kit.settings import Settings
from tests.integration.platform.long_speech import joined
from tests.running_platform import as_operator

pytestmark = pytest.mark.slow

WEIGHTS_MIB = MOONSHINE_CPU.weights_mib + ONNX_DIARIZER_CPU.weights_mib
CHUNKS_MIB = MOONSHINE_CPU.working_at(1), ONNX_DIARIZER_CPU.working_at(1)
BUDGET_MIB = WEIGHTS_MIB + 2 * max(CHUNKS_MIB)
JOBS = 4


@pytest.fixture(scope="module")
def narrow() -> Iterator[Platform]:
    """Memory for the weights, which stay, and two chunks; slots and threads for more."""
    home = Path(tempfile.mkdtemp(prefix="by-"))
    settings = Settings(
        home=home,
        port=free_port(),
        device_budget_mib=BUDGET_MIB,
        device_slots=8,
        brick_calls=JOBS,
        running_jobs=JOBS,
        pinned_models="moonshine-tiny-en,community-1",
    ).model_copy(update={"database_url": None})
    with running(settings, lambda _: None) as platform:
        yield platform
    shutil.rmtree(home)


def test_four_jobs_end_where_memory_allows_two_chunks_at_once(
    narrow: Platform, wheel_audio: Path, tmp_path: Path
) -> None:
    assert 3 * min(CHUNKS_MIB) > BUDGET_MIB - WEIGHTS_MIB, "a third chunk must not fit"
    remote = Remote.of(narrow.settings)
    speech = joined(wheel_audio, tmp_path / "long.wav", 240.0)
    jobs = {remote.upload(speech)["job"] for _ in range(JOBS)}
    seen = watched(narrow, remote)
    assert {job["id"] for job in remote.jobs(["succeeded"], limit=50)} == jobs
    devices = [device for status in seen for device in status["devices"]]
    assert max(device["computing"] for device in devices) == 2
    assert all(device["resident_mib"] + device["working_mib"] <= BUDGET_MIB for device in devices)
    assert any(len(status["waiting"]) >= 2 for status in seen), "more would have computed if they could"
    assert {"asr", "diarize"} <= {lease["tenant"] for status in seen for lease in status["leases"]}
    left = remote_status(narrow)
    assert [lease for lease in left["leases"] if lease["kind"] == "working"] == []
    assert left["waiting"] == []


def watched(platform: Platform, remote: Remote) -> list[dict[str, Any]]:
    """What the broker told until all jobs had ended."""
    seen = []
    give_up = time.monotonic() + 180
    with SyncBrokerClient(platform.settings.broker_address) as client:
        while remote.jobs(["waiting", "running"], limit=50):
            assert time.monotonic() < give_up, "the jobs did not end"
            seen += [client.status() for _ in range(10)]
            time.sleep(0.05)
    return seen


def remote_status(platform: Platform) -> dict[str, Any]:
    """As `brickyard gpu --json` prints it."""
    settings = platform.settings
    answer = subprocess.run(
        [sys.executable, "-m", "brickyard.cli", "gpu", "--json"],
        env={**os.environ, "BRICKYARD_HOME": str(settings.home)},
        capture_output=True,
        check=True,
        text=True,
    )
    status: dict[str, Any] = json.loads(answer.stdout)
    return status


def test_the_devices_memory_is_among_the_metrics(narrow: Platform) -> None:
    text = httpx.get(f"{narrow.settings.url}/metrics", headers=as_operator(narrow.settings), trust_env=False).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    parts = {
        sample.labels["part"]: sample.value
        for sample in families["brickyard_device_memory_bytes"].samples
        if sample.labels["device"] == "cpu"
    }
    assert parts["budget"] == BUDGET_MIB << 20
    assert families["brickyard_broker_up"].samples[0].value == 1.0


def test_the_table_for_people_shows_the_device(narrow: Platform) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "brickyard.cli", "gpu"],
        env={**os.environ, "BRICKYARD_HOME": str(narrow.settings.home)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert f"{BUDGET_MIB:,}" in answer.stdout
    assert "moonshine-tiny-en" in answer.stdout
