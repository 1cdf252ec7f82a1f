"""The keys of recordings: wrapped by the master key in the recording's row, and nowhere else.

When the row goes, the key goes with it, and what is left of the files anywhere can't be read any more.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.master import MasterKey
from brickyard.kit import sealed
from brickyard.kit.errors import NotFound

KNOWN_KEYS = 256
KNOWN_FOR_S = 30.0
"""A key that another process has deleted with its recording is forgotten here within this time."""


class Vault:
    """Safe to use from several threads. `encrypt`: whether recordings that arrive from now on are sealed."""

    def __init__(
        self, engine: sa.Engine, master: MasterKey, encrypt: bool = True, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._master = master
        self._encrypt = encrypt
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, tuple[float, bytes | None]] = OrderedDict()

    def new_key(self) -> bytes | None:
        """For a recording that is about to arrive; None where files are not to be sealed."""
        return sealed.new_key() if self._encrypt else None

    def wrapped(self, recording: UUID, key: bytes | None) -> bytes | None:
        """What the recording's row keeps of its key."""
        return None if key is None else self._master.wrap(key, _about(recording))

    def key_of(self, recording: UUID) -> bytes | None:
        """None where its files are plain. Raises NotFound, and Unavailable where another master key wrapped it."""
        with self._lock:
            since, key = self._known.get(recording, (-KNOWN_FOR_S, None))
            if recording in self._known and self._clock_s() - since < KNOWN_FOR_S:
                return key
        key = self._read(recording)
        with self._lock:
            self._known[recording] = (self._clock_s(), key)
            self._known.move_to_end(recording)
            while len(self._known) > KNOWN_KEYS:
                self._known.popitem(last=False)
        return key

    def forget(self, recording: UUID) -> None:
        with self._lock:
            self._known.pop(recording, None)

    def _read(self, recording: UUID) -> bytes | None:
        query = sa.text("SELECT wrapped_key FROM recordings WHERE id = :id")
        with self._engine.connect() as connection:
            row = connection.execute(query, {"id": recording}).one_or_none()
        if row is None:
            self.forget(recording)
            raise NotFound(f"There is no recording {recording}; it may have been deleted meanwhile.")
        wrapped: bytes | None = row.wrapped_key
        return None if wrapped is None else self._master.unwrap(wrapped, _about(recording))


def _about(recording: UUID) -> str:
    return f"recording:{recording}"
