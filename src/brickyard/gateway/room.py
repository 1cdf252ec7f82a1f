"""How many heavy requests a web process takes at once; whoever comes to a full one is told to come again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brickyard.kit.errors import Busy

COME_AGAIN_S = 5.0


class Room:
    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Busy where there is none."""
        if self._taken >= self._places:
            raise Busy(
                f"{self._taken} requests with recordings, images or documents are being worked on, which is the "
                "limit. Try again in a few seconds, or put long work into the queue: POST /api/v1/recordings.",
                COME_AGAIN_S,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
