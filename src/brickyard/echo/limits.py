"""How much people may have, as administrators set it while the platform runs; settings are the ceiling.

Checked when something begins: of two that begin at the same moment, both may be let in where there is room for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.echo.derived import HEARD
from brickyard.jobs.situation import PER_OWNER
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BadInput, TooLarge, TooManyRequests

TOLD_AGAIN_S = 60.0


class Name(StrEnum):
    UPLOAD_BYTES = "max_upload_bytes"
    DURATION_S = "max_duration_s"
    RUNNING_JOBS = PER_OWNER
    WAITING_JOBS = "waiting_jobs_per_person"
    STORAGE_BYTES = "storage_bytes_per_person"
    AUDIO_MINUTES = "audio_minutes_per_person_per_day"


UNITS = {
    Name.UPLOAD_BYTES: "bytes",
    Name.DURATION_S: "seconds",
    Name.RUNNING_JOBS: "jobs",
    Name.WAITING_JOBS: "jobs",
    Name.STORAGE_BYTES: "bytes",
    Name.AUDIO_MINUTES: "minutes",
}

Values = Mapping[Name, float]
"""Limits that hold; what is not in it has none."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`value`: what holds, None: no limit. `ceiling`: what the settings allow at most, and what holds where nobody set
    anything. `changed_…`: by the administrator who set it, None where nobody did."""

    name: Name
    unit: str
    value: float | None
    ceiling: float | None
    changed_at: datetime | None = None
    changed_by: str | None = None


USED = sa.text("""
    SELECT (SELECT coalesce(sum(size_bytes), 0) FROM recordings WHERE owner = :owner)
         + (SELECT coalesce(sum(length_bytes), 0) FROM uploads
            WHERE owner = :owner AND ended_at IS NULL AND expires_at > :now) AS bytes,
           (SELECT count(*) FROM jobs WHERE owner = :owner AND state = 'waiting') AS waiting""")

TRANSCRIBED = sa.text(f"""
    SELECT (SELECT coalesce(sum(work_s), 0) FROM jobs
            WHERE owner = :owner AND created_at >= :today AND {HEARD})
         + (SELECT coalesce(sum(duration_s), 0) FROM deletions WHERE owner = :owner AND created_at >= :today)""")
"""What was deleted on the day it came counts: it was computed all the same."""


@dataclass(frozen=True)
class Limits:
    """`ceilings`: what the settings say. `audit`: needed to change anything."""

    engine: sa.Engine
    ceilings: Values = field(default_factory=dict)
    audit: Audit | None = None
    clock: Clock = utc_now

    def values(self) -> dict[Name, float]:
        return {limit.name: limit.value for limit in self.all() if limit.value is not None}

    def all(self) -> list[Limit]:
        query = sa.text("SELECT name, value, changed_at, changed_by FROM limits")
        with self.engine.connect() as connection:
            rows = {row.name: row for row in connection.execute(query)}
        return [self._limit(name, rows.get(name.value)) for name in Name]

    def set(self, changes: Mapping[str, float | None], actor: Actor) -> None:
        """None: back to what the settings say. Raises BadInput for what can't be; then nothing is changed."""
        assert self.audit is not None
        wanted = {self._checked(name, value): value for name, value in changes.items()}
        before = {limit.name: limit.value for limit in self.all()}
        put = sa.text("""
            INSERT INTO limits (name, value, changed_by) VALUES (:name, :value, :by)
            ON CONFLICT (name) DO UPDATE SET value = :value, changed_by = :by, changed_at = now()""")
        with self.engine.begin() as connection:
            for name, value in wanted.items():
                if value is None:
                    connection.execute(sa.text("DELETE FROM limits WHERE name = :name"), {"name": name.value})
                else:
                    connection.execute(put, {"name": name.value, "value": value, "by": actor.id})
                details = {"from": _told(before[name]), "to": _told(value)}
                line = entry_of(actor, "limits.changed", object_kind="limit", object_id=name.value, details=details)
                self.audit.append(line, connection)

    def check(self, owner: str, size_bytes: int = 0, *, transcribes: bool = True) -> None:
        """Whether somebody may have so much more, and one more job, before anything of it arrives. Raises TooLarge or
        TooManyRequests, naming the limit. Jobs that do not transcribe have no limit of audio."""
        limits = self.values()
        check_size(size_bytes, limits)
        if not limits.keys() & {Name.STORAGE_BYTES, Name.WAITING_JOBS, Name.AUDIO_MINUTES}:
            return
        with self.engine.connect() as connection:
            used = connection.execute(USED, {"owner": owner, "now": self.clock()}).one()
        check_storage(int(used.bytes), size_bytes, limits)
        check_waiting(used.waiting, limits)
        if transcribes:
            self.check_audio(owner, 0.0)

    def check_audio(self, owner: str, audio_s: float) -> None:
        """Whether so much more may be transcribed today. Raises TooManyRequests."""
        limits = self.values()
        if Name.AUDIO_MINUTES not in limits:
            return
        now = self.clock()
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        with self.engine.connect() as connection:
            used_s = connection.execute(TRANSCRIBED, {"owner": owner, "today": today}).scalar_one()
        check_audio(used_s, audio_s, limits, (today + timedelta(days=1) - now).total_seconds())

    def _limit(self, name: Name, row: sa.Row[tuple[object, ...]] | None) -> Limit:
        ceiling = self.ceilings.get(name)
        if row is None:
            return Limit(name, UNITS[name], ceiling, ceiling)
        value = row.value if ceiling is None else min(row.value, ceiling)
        return Limit(name, UNITS[name], value, ceiling, row.changed_at, row.changed_by)

    def _checked(self, name: str, value: float | None) -> Name:
        if name not in set(Name):
            raise BadInput(f"There is no limit '{name[:60]}'. The limits are: {', '.join(Name)}.")
        found = Name(name)
        if value is None:
            return found
        if value <= 0 or (UNITS[found] in {"jobs", "bytes"} and value != int(value)):
            kind = "a number above 0" if UNITS[found] in {"minutes", "seconds"} else "a whole number from 1 on"
            raise BadInput(f"{name}: {_told(value)} is not {kind}. Send null for no limit but that of the settings.")
        ceiling = self.ceilings.get(found)
        if ceiling is not None and value > ceiling:
            raise BadInput(f"{name}: {_told(value)} is above {_told(ceiling)}, which the settings of the server allow.")
        return found


def check_size(size_bytes: int, limits: Values) -> None:
    most = limits.get(Name.UPLOAD_BYTES)
    if most is not None and size_bytes > most:
        raise TooLarge(
            f"The file has {size_bytes:,} bytes; the limit {Name.UPLOAD_BYTES} is {int(most):,}. "
            "Split it, or upload its sound alone."
        )


def check_storage(used_bytes: int, size_bytes: int, limits: Values) -> None:
    most = limits.get(Name.STORAGE_BYTES)
    if most is not None and used_bytes + size_bytes > most:
        raise TooLarge(
            f"Your recordings have {used_bytes:,} bytes; with this file they would have {used_bytes + size_bytes:,}. "
            f"The limit {Name.STORAGE_BYTES} is {int(most):,}. Delete some, or ask an administrator for more."
        )


def check_waiting(waiting: int, limits: Values) -> None:
    most = limits.get(Name.WAITING_JOBS)
    if most is not None and waiting >= most:
        message = f"You have {waiting} jobs that wait; the limit {Name.WAITING_JOBS} is {int(most)}."
        raise TooManyRequests(f"{message} Come again when one has started.", TOLD_AGAIN_S)


def check_audio(used_s: float, audio_s: float, limits: Values, day_left_s: float) -> None:
    most = limits.get(Name.AUDIO_MINUTES)
    if most is None or (used_s < most * 60 and used_s + audio_s <= most * 60):
        return
    raise TooManyRequests(
        f"You had {used_s / 60:.0f} minutes of audio transcribed today, and this is {audio_s / 60:.0f} more; the limit "
        f"{Name.AUDIO_MINUTES} is {most:g}. Come again tomorrow (UTC), or ask an administrator for more.",
        day_left_s,
    )


def _told(value: float | None) -> str:
    return "none" if value is None else f"{value:.15g}"
