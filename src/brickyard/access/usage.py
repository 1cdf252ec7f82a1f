"""What each key has used, by day, service, model and measure. Counted in memory, written down every other second."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.logs import get

Entry = tuple[UUID, date, str, str, str]
"""(key, day, service, model, measure)"""

FLUSH_EVERY_S = 2.0

log = get(__name__)


class Meter:
    """`add` never waits. What a crash loses is at most what came since the last flush; an outage loses nothing."""

    def __init__(self, engine: sa.Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        self._pending: dict[Entry, float] = defaultdict(float)
        self._lock = threading.Lock()

    def add(self, key: UUID, service: str, model: str, amounts: Mapping[str, float]) -> None:
        day = self._clock().date()
        with self._lock:
            for measure, amount in amounts.items():
                if amount:
                    self._pending[key, day, service, model, measure] += amount

    def pending(self, key: UUID) -> dict[str, float]:
        """What is not written down yet, by measure."""
        totals: dict[str, float] = defaultdict(float)
        with self._lock:
            for (owner, _, _, _, measure), amount in self._pending.items():
                if owner == key:
                    totals[measure] += amount
        return totals

    def flush(self) -> None:
        """Sorted, so that two processes that flush at once never wait for each other in a circle."""
        with self._lock:
            taken, self._pending = self._pending, defaultdict(float)
        if not taken:
            return
        query = sa.text("""
            INSERT INTO usage (key, day, service, model, measure, amount)
            SELECT :key, :day, :service, :model, :measure, :amount WHERE EXISTS (SELECT FROM api_keys WHERE id = :key)
            ON CONFLICT (key, day, service, model, measure) DO UPDATE SET amount = usage.amount + excluded.amount""")
        names = ("key", "day", "service", "model", "measure")
        rows = [dict(zip(names, entry, strict=True)) | {"amount": taken[entry]} for entry in sorted(taken)]
        try:
            with self._engine.begin() as connection:
                connection.execute(query, rows)
        except OperationalError as error:
            log.warning("usage is not written down yet", reason=str(error.orig))
            with self._lock:
                for entry, amount in taken.items():
                    self._pending[entry] += amount


def used_on(engine: sa.Engine, key: UUID, day: date) -> dict[str, float]:
    """By measure, over all services and models."""
    query = sa.text("SELECT measure, sum(amount) AS amount FROM usage WHERE key = :key AND day = :day GROUP BY measure")
    with engine.connect() as connection:
        rows = connection.execute(query, {"key": key, "day": day})
        return {row.measure: row.amount for row in rows}


def table(engine: sa.Engine, since: date) -> list[dict[str, object]]:
    """For people: a row for each key, service, model and measure since a day."""
    query = sa.text("""
        SELECT name, prefix, service, model, measure, sum(amount) AS amount
        FROM usage JOIN api_keys ON api_keys.id = usage.key WHERE day >= :since
        GROUP BY name, prefix, service, model, measure ORDER BY name, service, model, measure""")
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, {"since": since})]
