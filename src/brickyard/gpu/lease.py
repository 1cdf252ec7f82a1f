"""The right to hold memory on a device until it is given back or its holder is gone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PriorityClass(StrEnum):
    """Who goes first. `rank` orders them: more is sooner."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BATCH = "batch"

    @property
    def rank(self) -> int:
        return {"interactive": 2, "standard": 1, "batch": 0}[self.value]


TOP_RANK = PriorityClass.INTERACTIVE.rank


class LeaseKind(StrEnum):
    """Resident memory holds weights and stays; working memory is for one chunk and comes back soon."""

    RESIDENT = "resident"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Request:
    """`holder` is one connection to the broker, `tenant` whom the work is for; time is the broker's clock."""

    id: str
    holder: str
    tenant: str
    device: str
    memory_mib: int
    priority: PriorityClass
    kind: LeaseKind
    asked_at: float
    order: int
    """Counts requests in the order of their arrival."""


@dataclass(frozen=True, slots=True)
class Lease:
    request: Request
    granted_at: float

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def memory_mib(self) -> int:
        return self.request.memory_mib
