"""Finds where sound is missing, by the time stamps of what was decoded. Pure: knows nothing of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

# Time stamps are rounded to milliseconds and jitter; less than this is no gap.
GAP_S = 0.1
# Where the file does not say how long it is, a longer gap is taken for a broken clock.
LONGEST_GAP_S = 600.0
# A clock that goes back by this much was set anew, as where two recordings were joined.
RESET_S = 1.0


class Frame(Protocol):
    """Some decoded sound. `time` is its time stamp in seconds, None where the file gives none."""

    time: float | None
    samples: int
    sample_rate: int


F = TypeVar("F", bound=Frame)


@dataclass
class Damage:
    """What was wrong on the way."""

    skipped_packets: int = 0
    silences: int = 0
    silence_s: float = 0.0
    unread: bool = False


def on_the_clock(
    frames: Iterator[F], start_s: float | None, expected_s: float | None, damage: Damage
) -> Iterator[tuple[float, F]]:
    """Each frame with the seconds of sound that are missing in front of it, by its time stamp: mostly 0."""
    last_s = None if expected_s is None else expected_s + RESET_S
    origin_s, heard_s = start_s, 0.0
    for frame in frames:
        gap_s = 0.0
        if frame.time is not None:
            origin_s = frame.time if origin_s is None else origin_s
            ahead_s = frame.time - origin_s - heard_s
            if ahead_s > GAP_S and ahead_s < (LONGEST_GAP_S if last_s is None else last_s - heard_s):
                gap_s = ahead_s
                damage.silences += heard_s > 0
                damage.silence_s += gap_s if heard_s > 0 else 0.0
            elif ahead_s > GAP_S or ahead_s < -RESET_S:
                origin_s += ahead_s
        yield gap_s, frame
        heard_s += gap_s + frame.samples / frame.sample_rate
