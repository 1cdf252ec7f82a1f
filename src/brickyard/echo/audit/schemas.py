"""What the API says of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from brickyard.access.chain import Line, Verification, Wrong


class AuditLine(BaseModel):
    """Who did what, when, to what, and whether it was allowed. `hash`: of this line and the one before."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "seq": 4711,
                "at": "2026-11-24T09:12:44.120000Z",
                "actor": "5f1e7c52-6d0f-4a7e-9c8b-0f2f5f7f1d11",
                "actor_name": "ada",
                "via": "session",
                "address": "10.0.0.7",
                "action": "recording.content",
                "object_kind": "recording",
                "object_id": "0d2c7e0a-5f0e-4c53-9f43-6f2a3b1f7f55",
                "outcome": "allowed",
                "details": {"route": "GET /api/v1/recordings/{recording}/transcript"},
                "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            }
        }
    )

    seq: int
    at: datetime
    actor: str
    actor_name: str
    via: str
    address: str
    action: str
    object_kind: str
    object_id: str
    outcome: str
    details: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls.model_validate(line.told())


class Head(BaseModel):
    """The last line that was looked at."""

    seq: int
    hash: str


class FaultView(BaseModel):
    seq: int
    wrong: Wrong
    message: str


class VerificationView(BaseModel):
    """Whether every line from `first` on is as it was written. `fault`: the first one that is not."""

    is_good: bool
    first: int
    lines: int
    head: Head | None
    fault: FaultView | None

    @classmethod
    def of(cls, found: Verification) -> Self:
        head, fault = found.head, found.fault
        return cls(
            is_good=found.is_good,
            first=found.first,
            lines=found.lines,
            head=Head(seq=head.seq, hash=head.hash) if head else None,
            fault=FaultView(seq=fault.seq, wrong=fault.wrong, message=fault.message) if fault else None,
        )


def object_of(text: str | None) -> tuple[str | None, str | None]:
    """Kind and id out of `kind:id`; an id alone may be that of anything."""
    if not text:
        return None, None
    kind, colon, identity = text.partition(":")
    return (kind or None, identity or None) if colon else (None, text)
