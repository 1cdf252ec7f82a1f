"""The commands as people type them: they do what they say, and leave no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from brickyard.cli.remote import Remote
from brickyard.cli.up import Platform, free_port
from brickyard.kit.settings import Settings
from tests.running_platform import as_operator

pytestmark = pytest.mark.slow


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "brickyard.cli", *arguments]


def run(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = platform.settings
    environment = {**os.environ, "BRICKYARD_HOME": str(settings.home), "BRICKYARD_PORT": str(settings.port)}
    return subprocess.run(command(*arguments), env=environment, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def up(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], Remote, list[psutil.Process]]]:
    """`brickyard up` in a process of its own, ready; what it left is killed in the end."""
    port = free_port()
    environment = {**os.environ, "BRICKYARD_HOME": str(home), "BRICKYARD_PORT": str(port)}
    environment.pop("DATABASE_URL", None)
    process = subprocess.Popen(command("up"), env=environment, stderr=subprocess.DEVNULL)
    settings = Settings(home=home, port=port)
    give_up = time.monotonic() + 60
    while not Remote(settings.url).is_there():
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    try:
        yield process, Remote.of(settings), children
    finally:
        process.kill()
        process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def all_gone(children: list[psutil.Process], within_s: float) -> bool:
    _, alive = psutil.wait_procs(children, timeout=within_s)
    return not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def test_up_stops_cleanly_and_starts_again_on_the_same_data(tmp_path: Path, wheel_audio: Path) -> None:
    with up(tmp_path) as (process, remote, children):
        submitted = remote.upload(wheel_audio / "beckett.wav")
        list(remote.follow(submitted["job"]))
        second = subprocess.run(
            command("up"),
            env={**os.environ, "BRICKYARD_HOME": str(tmp_path), "BRICKYARD_PORT": str(free_port())},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert second.returncode == 1
        assert "running already" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert all_gone(children, 5)
    with up(tmp_path) as (process, remote, children):
        transcript = remote.transcript(submitted["recording"]["id"])
        assert transcript["segments"][0]["text"].startswith("Ever")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert all_gone(children, 20), "even after kill -9 of the supervisor nothing is left"


def test_a_temporary_platform_serves_one_file_and_is_gone(tmp_path: Path, wheel_audio: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "BRICKYARD_PORT": str(free_port())}
    arguments = command("transcribe", str(wheel_audio / "beckett.wav"), "--format", "srt")
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1\n00:00:0")
    assert "starting PostgreSQL" in done.stderr
    folder = done.stderr.split("starting PostgreSQL in ")[1].split("/postgres")[0]
    assert not Path(folder).exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if folder in " ".join(p.info["cmdline"] or [])]


def test_jobs_are_listed_paused_and_cancelled_from_the_command_line(
    platform: Platform, remote: Remote, wheel_audio: Path
) -> None:
    assert run(platform, "jobs", "pause-queue", "default").returncode == 0
    job = remote.upload(wheel_audio / "beckett.wav")["job"]
    listed = json.loads(run(platform, "jobs", "--json", "--state", "waiting").stdout)
    assert [view["id"] for view in listed] == [job]
    assert "paused" in run(platform, "jobs", "queues").stdout
    assert "The job is paused." in run(platform, "jobs", "pause", job).stderr
    assert "The job is waiting." in run(platform, "jobs", "resume", job).stderr
    assert job in run(platform, "jobs").stdout
    assert "The job is cancelled." in run(platform, "jobs", "cancel", job).stderr
    refused = run(platform, "jobs", "resume", job)
    assert refused.returncode == 1
    assert "The job is cancelled and can't be resumed" in refused.stderr
    assert run(platform, "jobs", "resume-queue", "default").returncode == 0


def test_metrics_tell_of_jobs_workers_and_speeds(platform: Platform, remote: Remote, wheel_audio: Path) -> None:
    list(remote.follow(remote.upload(wheel_audio / "beckett.wav")["job"]))
    page = httpx.get(f"{platform.settings.url}/metrics", headers=as_operator(platform.settings)).text
    assert 'brickyard_jobs{queue="default",state="succeeded"}' in page
    assert "brickyard_workers 1.0" in page
    assert 'brickyard_step_x_realtime{step="asr"}' in page


def test_doctor_finds_nothing_missing_here(tmp_path: Path) -> None:
    environment = {**os.environ, "BRICKYARD_HOME": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(command("doctor"), env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "moonshine-tiny-en" in done.stdout
    gone = {**environment, "BRICKYARD_HOME": "/proc/nowhere"}
    sick = subprocess.run(command("doctor"), env=gone, capture_output=True, text=True, check=False, timeout=60)
    assert sick.returncode == 1
    assert "BRICKYARD_HOME" in sick.stdout
