from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from brickyard.cli.progress import BAR, describe, follow

ASR = {
    "name": "asr",
    "ended": False,
    "chunks_done": 26,
    "chunks_total": 60,
    "work_done_s": 1534.2,
    "work_total_s": 3580.9,
    "x_realtime": 46.5,
}


def view(state: str = "running", **values: Any) -> dict[str, Any]:
    """A job as the API tells it."""
    return {
        "state": state,
        "position": None,
        "starts_in_s": None,
        "eta_s": None,
        "progress": 0.0,
        "steps": [],
        "error": None,
        **values,
    }


# ---- describe


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "waiting"),
        ({"position": 3}, "waiting, position 3"),
        ({"position": 3, "starts_in_s": 41.6}, "waiting, position 3, starts in about 42 s"),
        ({"position": 1, "starts_in_s": 0.0}, "waiting, position 1"),
        ({"error": {"code": "unavailable", "message": "no room"}}, "waiting (after: no room)"),
    ],
)
def test_a_job_that_waits(values: dict[str, Any], line: str) -> None:
    assert describe(view("waiting", **values)) == line


def test_a_job_that_runs_tells_its_steps_their_speeds_and_what_is_left() -> None:
    diarize = {**ASR, "name": "diarize", "chunks_done": 30, "x_realtime": None}
    decode = {**ASR, "name": "decode", "ended": True}
    line = describe(view(progress=0.43, eta_s=41.2, steps=[decode, ASR, diarize]))
    bar = "#" * 12 + " " * 16
    assert line == f"[{bar}]  43%  asr 26/60 at 46.5 × · diarize 30/60 · 41 s left"


def test_without_measured_speeds_none_is_shown() -> None:
    begun = {**ASR, "chunks_done": 0, "chunks_total": None, "x_realtime": None}
    assert describe(view(steps=[begun])).endswith("]   0%  asr")
    assert describe(view()).endswith("]   0%  running")


@pytest.mark.parametrize("state", ["paused", "failed", "cancelled", "succeeded"])
def test_a_job_that_does_not_run_says_so_whatever_its_steps_were_doing(state: str) -> None:
    assert describe(view(state, progress=0.43, eta_s=5.0, steps=[ASR])).endswith(f" 43%  {state}")


@pytest.mark.parametrize("share", [0.0, 0.004, 0.5, 0.999, 1.0])
def test_the_bar_is_as_long_as_it_is(share: float) -> None:
    line = describe(view(progress=share))
    assert line.index("]") == BAR + 1
    assert line.count("#") == round(BAR * share)


# ---- follow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, in one element that a test moves on."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_where_output_is_kept_a_line_is_written_at_each_change_of_state_or_step(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    views = [
        view("waiting", position=2),
        view("waiting", position=1),
        view(steps=[ASR]),
        view(steps=[{**ASR, "chunks_done": 27}]),
        view("succeeded", progress=1.0, steps=[{**ASR, "ended": True}]),
    ]
    assert follow(views) == views[-1]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("%  ")[-1] for line in lines] == ["waiting, position 2", "asr 26/60 at 46.5 ×", "succeeded"]


def test_and_now_and_then_while_nothing_else_changes(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    def minute() -> Any:
        for chunk in range(60):
            clock[0] = float(chunk)
            yield view(steps=[{**ASR, "chunks_done": chunk}])

    follow(minute())
    counts = [line.split("asr ")[1].split("/")[0] for line in capsys.readouterr().err.splitlines()]
    assert counts == [str(chunk) for chunk in range(0, 60, 2)]


def test_on_a_terminal_one_line_lives(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    views = [view(steps=[ASR]), view("succeeded", progress=1.0)]
    assert follow(views) == views[-1]
    assert capsys.readouterr().out == "", "results alone go to standard output"


def test_nothing_to_follow() -> None:
    assert follow([]) == {}
