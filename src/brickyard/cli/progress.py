"""Shows a job's progress on standard error: one living line on a terminal, a line now and then where output is kept."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

BAR = 28
SAY_EVERY_S = 2.0


def follow(views: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Show each view as it comes; returns the last one."""
    last: dict[str, Any] = {}
    if sys.stderr.isatty():
        with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:
            for last in views:
                live.update(Text(describe(last)))
        return last
    said: object = None
    due = 0.0
    for last in views:
        what = (last["state"], [step["name"] for step in last["steps"] if not step["ended"]])
        if what != said or time.monotonic() >= due:
            sys.stderr.write(describe(last) + "\n")
            sys.stderr.flush()
            said, due = what, time.monotonic() + SAY_EVERY_S
    return last


def describe(job: dict[str, Any]) -> str:
    """`[#####     ]  43 %  asr 26/60 at 46.5 × · diarize 30/60 at 51.0 × · 41 s left`"""
    if job["state"] == "waiting":
        place = f"waiting, position {job['position']}" if job["position"] else "waiting"
        start = f", starts in about {job['starts_in_s']:.0f} s" if job["starts_in_s"] else ""
        reason = f" (after: {job['error']['message']})" if job["error"] else ""
        return place + start + reason
    done = round(BAR * job["progress"])
    bar = f"[{'#' * done}{' ' * (BAR - done)}] {job['progress']:4.0%}"
    if job["state"] != "running":
        return f"{bar}  {job['state']}"
    parts = [_step(step) for step in job["steps"] if not step["ended"]]
    left = f"{job['eta_s']:.0f} s left" if job["eta_s"] is not None else ""
    news = " · ".join(part for part in [*parts, left] if part)
    return f"{bar}  {news or job['state']}"


def _step(step: dict[str, Any]) -> str:
    count = f" {step['chunks_done']}/{step['chunks_total']}" if step["chunks_total"] else ""
    speed = f" at {step['x_realtime']:.1f} ×" if step["x_realtime"] else ""
    return f"{step['name']}{count}{speed}"
