"""Documents that are being edited, kept at hand so that saving a change need not read hours of words again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from uuid import UUID

from brickyard.echo.revised import Revised

RECORDINGS = 8
REVISIONS = 32
"""Of each recording. They share the segments that are the same, so a further one takes little room."""


class Memory:
    """Revisions never change, so what is found here holds; which one is the newest, the database says."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, OrderedDict[int, Revised]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, recording: UUID, revised: Revised) -> None:
        """Only what is committed."""
        with self._lock:
            own = self._kept.setdefault(recording, OrderedDict())
            own[revised.number] = revised
            own.move_to_end(revised.number)
            self._kept.move_to_end(recording)
            if len(own) > REVISIONS:
                own.popitem(last=False)
            if len(self._kept) > RECORDINGS:
                self._kept.popitem(last=False)

    def get(self, recording: UUID, number: int) -> Revised | None:
        with self._lock:
            own = self._kept.get(recording)
            if own is None:
                return None
            self._kept.move_to_end(recording)
            return own.get(number)
