"""Keeps recordings as long as the rules say, and deletes them: `erase` is the one way in which a recording goes.

In one transaction go its row with the key of its files, all that was made of it, its jobs with every chunk, and what
was to be told of them; `deletions` and the audit log remember that, without its name and content. The files go after
that. Where they were sealed, they were lost with their key already.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit, entry_of
from brickyard.echo.retention import store
from brickyard.echo.retention.rules import Expiry, Facts, expiry, is_due
from brickyard.echo.retention.schemas import Deletion, Hold, Kept, PlatformRetention
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs import store as jobs
from brickyard.jobs import webhooks
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import Conflict, NotFound
from brickyard.kit.logs import get

PLATFORM = Actor("platform", "platform", frozenset(), "platform", "retention")
"""Who deletes what is over."""
LOOK_AGAIN_FOR = timedelta(days=2)

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A recording and its end. `is_due`: it would be deleted now; `has_work`: a job postpones that."""

    recording: UUID
    owner: str
    created_at: datetime
    expiry: Expiry
    is_due: bool
    has_work: bool


@dataclass(frozen=True)
class Retention:
    """`keep_days`: what the settings say where neither recording nor team does; None: for good. An administrator may
    have set something else."""

    engine: sa.Engine
    files: RecordingFiles
    audit: Audit
    keep_days: int | None = None
    backup_days: int = 30
    clock: Clock = utc_now

    # ---- what is wanted

    def of_platform(self) -> PlatformRetention:
        with self.engine.connect() as connection:
            row = store.platform_days(connection)
        return PlatformRetention(
            days=self.keep_days if row is None else int(row.value),
            settings_days=self.keep_days,
            changed_at=None if row is None else row.changed_at,
            changed_by=None if row is None else row.changed_by,
        )

    def set_platform(self, days: int | None, actor: Actor) -> PlatformRetention:
        """What is over by that is deleted with the next sweep. None: back to what the settings say."""
        with self.engine.begin() as connection:
            before = store.platform_days(connection)
            store.set_platform_days(connection, days, actor.id)
            details = {"from": None if before is None else int(before.value), "to": days}
            line = entry_of(actor, "retention.changed", object_kind="platform", details=details)
            self.audit.append(line, connection)
        return self.of_platform()

    def _platform_days(self, connection: sa.Connection) -> int | None:
        row = store.platform_days(connection)
        return self.keep_days if row is None else int(row.value)

    def kept(self, recording: UUID) -> Kept:
        with self.engine.connect() as connection:
            row = store.facts(connection, recording)
            days = self._platform_days(connection)
        end = expiry(_facts(row), days)
        hold = None
        if row.held_at is not None:
            hold = Hold(since=row.held_at, by=row.held_by or "", reason=row.hold_reason or "")
        return Kept(
            recording=recording,
            days=row.own_days,
            team_days=row.team_days,
            platform_days=days,
            hold=hold,
            expires_at=end.at,
            because=end.because,
        )

    def keep_for(self, recording: UUID, days: int | None, actor: Actor) -> None:
        with self.engine.begin() as connection:
            before = store.lock(connection, recording)
            store.set_days(connection, recording, days)
            self._record(
                connection, actor, "recording.kept_for", recording, {"from": before.retention_days, "to": days}
            )

    def hold(self, recording: UUID, reason: str, actor: Actor) -> None:
        """From now on nothing deletes it. Again: with another reason."""
        with self.engine.begin() as connection:
            store.lock(connection, recording)
            store.set_hold(connection, recording, actor.id, reason)
            self._record(connection, actor, "recording.held", recording, {"reason": reason})

    def release(self, recording: UUID, actor: Actor) -> None:
        with self.engine.begin() as connection:
            before = store.lock(connection, recording)
            if before.held_at is None:
                return
            store.set_hold(connection, recording, None, None)
            details = {"reason": before.hold_reason, "since": before.held_at.isoformat()}
            self._record(connection, actor, "recording.released", recording, details)

    # ---- deletion

    def erase(self, recording: UUID, actor: Actor, reason: str) -> None:
        """Deletes a recording for good. Raises NotFound; Conflict under legal hold, and while a job works on it."""
        with self.engine.begin() as connection:
            row = store.lock(connection, recording)
            if row.held_at is not None:
                raise Conflict(
                    "This recording is under legal hold, so nobody can delete it. An auditor or administrator can "
                    "release it."
                )
            over_it = jobs.of_recording(connection, recording)
            if not all(state.has_ended for state in over_it.values()):
                raise Conflict("A job is still working on this recording. Cancel it first, or wait for its end.")
            destroyed: dict[str, bool | int] = {"key": row.is_sealed, **store.made_of(connection, recording)}
            jobs.forget(connection, list(over_it))
            destroyed |= {"jobs": len(over_it), "messages": webhooks.forget_recording(connection, recording)}
            now = self.clock()
            backups_until = now + timedelta(days=self.backup_days)
            remembered = {"by": actor.id, "reason": reason, "now": now, "backups_until": backups_until}
            store.delete(connection, recording, {**remembered, "destroyed": destroyed})
            self._record(connection, actor, "recording.deleted", recording, {"reason": reason, "destroyed": destroyed})
        self.files.delete(recording)

    def outlook(self) -> list[Outlook]:
        """Of every recording, the oldest first."""
        with self.engine.connect() as connection:
            rows, days = store.every(connection), self._platform_days(connection)
        now = self.clock()
        return [_outlook(row, days, now) for row in rows]

    def overdue(self, days: int | None) -> int:
        """How many would be deleted at once if the platform kept recordings so many days; None: as the settings say."""
        with self.engine.connect() as connection:
            rows = store.every(connection)
        now, wanted = self.clock(), self.keep_days if days is None else days
        return sum(is_due(_facts(row), wanted, now) for row in rows)

    def sweep(self) -> list[UUID]:
        """Deletes what is over; returns what it has deleted. Nothing where another process is at it."""
        with self.engine.begin() as connection:
            if not store.may_sweep(connection):
                return []
            deleted = [each.recording for each in self.outlook() if each.is_due and self._erase_due(each)]
            self._finish(store.deleted_since(connection, self.clock() - LOOK_AGAIN_FOR))
        return deleted

    def deletions(self, before: datetime | None = None, limit: int = 100) -> list[Deletion]:
        return store.deletions(self.engine, before, limit)

    def _erase_due(self, due: Outlook) -> bool:
        try:
            self.erase(due.recording, PLATFORM, due.expiry.because)
        except (Conflict, NotFound) as error:
            log.info("deletion is postponed", recording=str(due.recording), reason=error.message)
            return False
        return True

    def _finish(self, recordings: list[UUID]) -> None:
        """Files that a crash left behind, jobs that were asked for in the same moment, and rests in the database."""
        for recording in recordings:
            self.files.delete(recording)
            with self.engine.begin() as connection:
                late = jobs.of_recording(connection, recording)
                jobs.forget(connection, [job for job, state in late.items() if state.has_ended])
        if recordings:
            store.clear_rests(self.engine)

    def _record(
        self, connection: sa.Connection, actor: Actor, action: str, recording: UUID, details: dict[str, Any]
    ) -> None:
        entry = entry_of(actor, action, object_kind="recording", object_id=recording, details=details)
        self.audit.append(entry, connection)


def _facts(row: sa.Row[Any]) -> Facts:
    return Facts(row.created_at, row.own_days, row.team_days, row.held_at is not None, row.has_work)


def _outlook(row: sa.Row[Any], keep_days: int | None, now: datetime) -> Outlook:
    facts = _facts(row)
    end = expiry(facts, keep_days)
    due = is_due(facts, keep_days, now)
    return Outlook(row.id, row.owner, row.created_at, end, due, facts.has_work)
