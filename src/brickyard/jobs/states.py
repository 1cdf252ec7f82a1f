"""The states of a job, and every move between them. Each move is one function of the same name in store.py.

                     ┌───────── retry, yield, hand over ─────┐
                     ▼                                       │
    submit ──► waiting ───────────── admit ──────────────► running ── succeed ──► succeeded
                │  ▲  ▲                                    │  │  │
              pause │  └──── replay ◄──────┐              pause │  └── fail ──► failed  (the dead letters)
                │ resume                   │               │  │                  │
                ▼  │                       └───────────────│──│──────────────────┘
              paused ◄─────────────────────────────────────┘  │
                └──── cancel ──► cancelled ◄──── cancel ──────┘

A running job is stopped by asking (`wanted`): it stops itself at its next chunk, so no finished chunk is lost. One
whose worker died (`lost`) stays running, and another worker takes it.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


class Wanted(StrEnum):
    """What was asked of a running job."""

    PAUSE = "pause"
    CANCEL = "cancel"
    YIELD = "yield"


class Priority(IntEnum):
    """Classes of work; the lower number goes first."""

    INTERACTIVE = 0
    STANDARD = 1
    BATCH = 2
