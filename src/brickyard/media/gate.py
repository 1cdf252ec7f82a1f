"""Decides which pictures of a video are worth reading: those in which something changed that may be text. Pure.

A picture is compared tile by tile. A change where it was calm is new text, or a cut, and the picture is kept at once.
Tiles that change all the time are moving background: reading every such picture would find the same text again and
again, so on their account one is kept only every `restless_s`. Text that comes up on a moving background makes its
tiles calm, and that is a change too; so is a picture that stops altogether, as in a fast show of slides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
ROWS, COLUMNS = 20, 32

Gray = NDArray[np.uint8]
"""Shape (HEIGHT, WIDTH)."""
Tiles = NDArray[np.float32]
"""Mean absolute difference a tile, in gray levels; shape (ROWS, COLUMNS)."""

CHANGED = 3.5
"""Gray levels: another letter in small text (24 of 720 lines) changes its tile by about 4 and more, a codec's noise by
less than 2."""
RESTLESS = 0.5
"""From here on a tile is restless: each change brings it half the way to 1, so one change alone is soon forgotten,"""
REMEMBERED = 0.8
"""since this much remains after each look without one."""
RESTLESS_S = 2.5


class Gate:
    """Shown all pictures in order of time; says of each whether to keep it."""

    def __init__(self, restless_s: float = RESTLESS_S) -> None:
        self._restless_s = restless_s
        self._kept: Gray | None = None
        self._kept_at_s = 0.0
        self._seen: Gray | None = None
        self._restlessness = np.zeros((ROWS, COLUMNS), dtype=np.float32)

    def keeps(self, gray: Gray, time_s: float) -> bool:
        if self._kept is None or self._seen is None:
            return self._keep(gray, time_s)
        moved = tiles(gray, self._seen) > CHANGED
        was_calm = ~_around(self._restlessness >= RESTLESS)
        self._restlessness = np.where(moved, (1 + self._restlessness) / 2, REMEMBERED * self._restlessness)
        self._seen = gray
        new = tiles(gray, self._kept) > CHANGED
        is_calm = ~_around(self._restlessness >= RESTLESS)
        has_stopped = not moved.any()
        if (new & (was_calm | is_calm | has_stopped)).any():
            return self._keep(gray, time_s)
        if new.any() and time_s - self._kept_at_s >= self._restless_s:
            return self._keep(gray, time_s)
        return False

    def _keep(self, gray: Gray, time_s: float) -> bool:
        self._kept, self._seen, self._kept_at_s = gray, gray, time_s
        return True


def tiles(one: Gray, other: Gray) -> Tiles:
    """How much each tile differs."""
    difference = np.abs(one.astype(np.int16) - other).astype(np.float32)
    tiled = difference.reshape(ROWS, HEIGHT // ROWS, COLUMNS, WIDTH // COLUMNS)
    means: Tiles = tiled.mean(axis=(1, 3))
    return means


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and its neighbours: what moves, moves into the next tile."""
    wide = np.pad(mask, 1)
    rows = wide[:-2] | wide[1:-1] | wide[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])
