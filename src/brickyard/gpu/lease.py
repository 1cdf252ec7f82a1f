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
        return RANKS[self]


RANKS = {PriorityClass.INTERACTIVE: 2, PriorityClass.STANDARD: 1, PriorityClass.BATCH: 0}
TOP_RANK = max(RANKS.values())


class LeaseKind(StrEnum):
    """Resident memory holds weights and stays; working memory is for one chunk and comes back soon; that of a
    notebook stays until its time is up."""

    RESIDENT = "resident"
    WORKING = "working"
    NOTEBOOK = "notebook"


@dataclass(frozen=True, slots=True)
class Model:
    """Weights that a holder computes with. `reload_s`: how long loading them takes, 0 where nobody knows yet.

    A pinned one is never asked to leave.
    """

    name: str
    weights_mib: int
    reload_s: float = 0.0
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """`holder` is one connection to the broker; time is the broker's clock.

    A working request that names a `model` asks for its weights as well, where the holder has not loaded them: both
    are granted together, so that nobody sits on one while waiting for the other.
    """

    id: str
    holder: str
    device: str
    memory_mib: int
    priority: PriorityClass
    kind: LeaseKind
    asked_at: float
    order: int
    """Counts requests in the order of their arrival."""
    tenant: str = ""
    """Which brick, app or notebook works."""
    user: str = ""
    """Whom it works for: users get equal shares of what is scarce."""
    model: Model | None = None
    limit_s: float | None = None
    """A notebook's: how long the lease lasts, however much its holder would like to keep it."""
    notice_s: float = 0.0
    """How long before that end its holder is told."""


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

    @property
    def ends_at(self) -> float:
        limit_s = self.request.limit_s
        return float("inf") if limit_s is None else self.granted_at + limit_s
