"""Why a waiting job waits, in the terms of the policy that admits it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from brickyard.jobs.policy import UNLIMITED, Hold, Situation, Waiting, holds


class Code(StrEnum):
    PAUSED = "paused"
    QUEUE_PAUSED = "queue_paused"
    NO_WORKER = "no_worker"
    RETRY_AT = "retry_at"
    NOT_BEFORE = "not_before"
    LIMIT_OF_YOURS = "limit_of_yours"
    QUEUE_FULL = "queue_full"
    RATE = "rate"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Reason:
    """`ahead`: so many jobs start before it (0: it is next, once a place is free); None where that is not known.

    `limit`: running jobs of its owner, or of its queue; `again_in_s`: until its queue's rate limit lets one start;
    `in_s`: until it may start at all, seconds.
    """

    code: Code
    ahead: int | None = None
    limit: int | None = None
    again_in_s: float | None = None
    in_s: float | None = None


def reasons(seen: Situation, slots: int) -> Callable[[Waiting, int | None, bool], Reason]:
    """Says of a job that waits what has to change first. `slots`: how many jobs the workers that are alive can run.

    Of the job: its position in the line, from 1 on, where that is known, and whether it has failed before.
    """
    hold_of = holds(seen)
    running_in = Counter(job.queue for job in seen.running)

    def reason(job: Waiting, position: int | None, has_failed: bool) -> Reason:
        hold = hold_of(job)
        if hold is Hold.DELAYED:
            return Reason(Code.RETRY_AT if has_failed else Code.NOT_BEFORE, in_s=job.run_after - seen.now)
        if slots <= 0 and hold is not Hold.QUEUE_PAUSED:
            return Reason(Code.NO_WORKER)
        if hold is None:
            return Reason(Code.BEHIND, ahead=None if position is None else max(0, position - 1))
        room_at = seen.queues.get(job.queue, UNLIMITED).room_at()
        return {
            Hold.QUEUE_PAUSED: Reason(Code.QUEUE_PAUSED),
            Hold.OWNERS_LIMIT: Reason(Code.LIMIT_OF_YOURS, limit=seen.per_owner),
            Hold.QUEUE_FULL: Reason(Code.QUEUE_FULL, limit=running_in[job.queue]),
            Hold.RATE: Reason(Code.RATE, again_in_s=None if room_at is None else max(0.0, room_at - seen.now)),
        }[hold]

    return reason
