"""What the API says of how long recordings are kept, and of those that were deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from brickyard.echo.retention.rules import LONGEST_DAYS, Because


class NewRetention(BaseModel):
    """Days from the recording's arrival; null: what its team or the platform says."""

    days: int | None = Field(ge=1, le=LONGEST_DAYS)


class NewHold(BaseModel):
    """`reason` is kept in the audit log for good: name the case rather than people."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewPlatformRetention(BaseModel):
    """Days from a recording's arrival; null: as the settings of the server say."""

    days: int | None = Field(ge=1, le=LONGEST_DAYS)


class PlatformRetention(BaseModel):
    """How long recordings stay of which neither they nor their team say anything; null: for good.

    `settings_days`: what the settings of the server say, and what holds where nobody set anything. `changed_by`: the id
    of who set it, null where nobody did.
    """

    days: int | None
    settings_days: int | None
    changed_at: datetime | None
    changed_by: str | None


class Overdue(BaseModel):
    """`recordings`: so many would be deleted at once."""

    recordings: int


class Hold(BaseModel):
    since: datetime
    by: str
    reason: str


class Kept(BaseModel):
    """How long a recording stays: until `expires_at`, or for good where that is null; `because` says what decides."""

    recording: UUID
    days: int | None
    team_days: int | None
    platform_days: int | None
    hold: Hold | None
    expires_at: datetime | None
    because: Because


class Deletion(BaseModel):
    """A recording that was deleted, without its name and content.

    `destroyed`: whether it had a key of its own, which is gone, and how many documents, jobs and messages went with it.
    `backups_until`: from then on no backup holds it.
    """

    recording: UUID
    owner: str
    sha256: str
    size_bytes: int
    duration_s: float
    created_at: datetime
    deleted_at: datetime
    deleted_by: str
    reason: str
    destroyed: dict[str, bool | int]
    backups_until: datetime
