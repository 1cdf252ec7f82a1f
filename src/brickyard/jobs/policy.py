"""Who runs next: pure functions over plain values. The same rules admit jobs and foretell positions.

Order of the jobs that may start: class after aging; then queues by weight and users by share, each the one that has
had least; then deadline; then arrival. A job never starts before `run_after`, in a paused queue, above the queue's
own number of running jobs, or faster than its rate limit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from brickyard.jobs.states import Priority

AGING_S = 900.0
"""A waiting job rises by one class for each of these, until it is as urgent as interactive work."""
LONGEST_WAIT_S = 4 * 3600.0
"""A job that has waited for so long goes before all that have not: the bound that holds for every class."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits. Times are in seconds since the epoch; `begun` is true where it has chunks done already."""

    id: UUID
    owner: str
    priority: Priority
    created_at: float
    queue: str = "default"
    run_after: float = 0.0
    deadline: float | None = None
    work_s: float = 0.0
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs. `remaining_s`: seconds until it ends, as far as measured speeds tell."""

    id: UUID
    owner: str
    priority: Priority
    queue: str = "default"
    remaining_s: float = 0.0
    asked_to_stop: bool = False


@dataclass(frozen=True, slots=True)
class QueueRule:
    """What holds for one queue. `recent_starts`: times of the starts within the last `per_s` seconds."""

    paused: bool = False
    weight: float = 1.0
    running_jobs: int | None = None
    starts: int | None = None
    per_s: float = 60.0
    recent_starts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision rests on. `served_s`: seconds of audio done of late, by owner and by queue."""

    now: float
    cap: int
    waiting: Sequence[Waiting]
    running: Sequence[Running]
    queues: Mapping[str, QueueRule] = field(default_factory=dict)
    served_by_owner: Mapping[str, float] = field(default_factory=dict)
    served_by_queue: Mapping[str, float] = field(default_factory=dict)


def effective_class(job: Waiting, now: float) -> int:
    """The class after aging, soon as good as that of interactive work, where shares decide; in the end above it.

    So a long line of old jobs does not hold up other people's urgent ones, and yet nobody waits for ever.
    """
    waited_s = max(0.0, now - max(job.created_at, job.run_after))
    if waited_s >= LONGEST_WAIT_S:
        return int(Priority.INTERACTIVE) - 1
    return max(int(Priority.INTERACTIVE), int(job.priority) - int(waited_s // AGING_S))


def choose(situation: Situation) -> Waiting | None:
    """The job to start now, or None where no slot is free or no job may start."""
    if len(situation.running) >= situation.cap:
        return None
    return best(situation)


def best(situation: Situation) -> Waiting | None:
    """The job that has the best claim among those that may start, whether or not a slot is free."""
    share = {name: _share(name, situation) for name in {job.queue for job in situation.waiting}}
    open_queues = {name for name in share if _queue_takes(name, situation)}
    ready = [job for job in situation.waiting if job.queue in open_queues and job.run_after <= situation.now]
    if not ready:
        return None
    running_of_owner = Counter(job.owner for job in situation.running)

    def claim(job: Waiting) -> tuple[object, ...]:
        return (
            effective_class(job, situation.now),
            share[job.queue],
            running_of_owner[job.owner],
            situation.served_by_owner.get(job.owner, 0.0),
            not job.begun,
            job.deadline if job.deadline is not None else float("inf"),
            job.created_at,
            job.id,
        )

    return min(ready, key=claim)


def to_yield(situation: Situation) -> Running | None:
    """The running job to ask for its place, where all slots are taken and a strictly higher class waits.

    Only classes as given count here, not aging: old batch work may go first, but it does not push others out.
    """
    if len(situation.running) < situation.cap:
        return None
    urgent = best(situation)
    if urgent is None or any(job.asked_to_stop for job in situation.running):
        return None
    lower = [job for job in situation.running if job.priority > urgent.priority]
    if not lower or urgent.priority is not Priority.INTERACTIVE:
        return None
    return max(lower, key=lambda job: (job.priority, job.remaining_s, job.id))


@dataclass(frozen=True, slots=True)
class Forecast:
    """`position`: 1 is next. Times are seconds from now."""

    position: int
    starts_in_s: float
    ends_in_s: float


def foretell(situation: Situation, seconds_of: Mapping[UUID, float]) -> dict[UUID, Forecast]:
    """When each waiting job starts and ends, by playing the same policy forward.

    `seconds_of`: how long each waiting job takes. Jobs in paused queues get no forecast.
    """
    ends = [(situation.now + job.remaining_s, job.id) for job in situation.running]
    heapq.heapify(ends)
    running = {job.id: job for job in situation.running}
    waiting = {job.id: job for job in situation.waiting}
    served_by_owner = dict(situation.served_by_owner)
    served_by_queue = dict(situation.served_by_queue)
    queues = dict(situation.queues)
    now = situation.now
    forecasts: dict[UUID, Forecast] = {}
    while waiting:
        moment = replace(
            situation,
            now=now,
            waiting=list(waiting.values()),
            running=list(running.values()),
            queues=queues,
            served_by_owner=served_by_owner,
            served_by_queue=served_by_queue,
        )
        job = choose(moment)
        if job is None:
            later = _next_event(now, ends, waiting, queues)
            if later is None:
                break
            now = later
            while ends and ends[0][0] <= now:
                running.pop(heapq.heappop(ends)[1], None)
            continue
        del waiting[job.id]
        duration_s = seconds_of[job.id]
        forecasts[job.id] = Forecast(len(forecasts) + 1, now - situation.now, now - situation.now + duration_s)
        running[job.id] = Running(job.id, job.owner, job.priority, job.queue, duration_s)
        heapq.heappush(ends, (now + duration_s, job.id))
        served_by_owner[job.owner] = served_by_owner.get(job.owner, 0.0) + job.work_s
        served_by_queue[job.queue] = served_by_queue.get(job.queue, 0.0) + job.work_s
        queues[job.queue] = _with_start(queues.get(job.queue, QueueRule()), now)
    return forecasts


def with_started(situation: Situation, job: Waiting) -> Situation:
    """The situation once a waiting job has been given a slot."""
    rule = situation.queues.get(job.queue, QueueRule())
    by_owner, by_queue = situation.served_by_owner, situation.served_by_queue
    return replace(
        situation,
        waiting=[other for other in situation.waiting if other.id != job.id],
        running=[*situation.running, Running(job.id, job.owner, job.priority, job.queue)],
        queues={**situation.queues, job.queue: _with_start(rule, situation.now)},
        served_by_owner={**by_owner, job.owner: by_owner.get(job.owner, 0.0) + job.work_s},
        served_by_queue={**by_queue, job.queue: by_queue.get(job.queue, 0.0) + job.work_s},
    )


def _with_start(rule: QueueRule, at: float) -> QueueRule:
    """Only as many starts are kept as the limit asks about, so that a long forecast stays quick."""
    if rule.starts is None:
        return rule
    return replace(rule, recent_starts=tuple(sorted((*rule.recent_starts, at))[-rule.starts :]))


def _share(name: str, situation: Situation) -> float:
    """What the queue has had of late, against its weight."""
    return situation.served_by_queue.get(name, 0.0) / situation.queues.get(name, QueueRule()).weight


def _queue_takes(name: str, situation: Situation) -> bool:
    rule = situation.queues.get(name, QueueRule())
    if rule.paused:
        return False
    running = sum(job.queue == name for job in situation.running)
    if rule.running_jobs is not None and running >= rule.running_jobs:
        return False
    # The same sum as in _next_event, so that rounding cannot make the two disagree.
    recent = sum(start + rule.per_s > situation.now for start in rule.recent_starts)
    return rule.starts is None or recent < rule.starts


def _next_event(
    now: float,
    ends: Sequence[tuple[float, UUID]],
    waiting: Mapping[UUID, Waiting],
    queues: Mapping[str, QueueRule],
) -> float | None:
    """The next moment at which something may change: a job ends, one becomes due, a rate limit has room again."""
    moments = [ends[0][0]] if ends else []
    rules = {name: queues.get(name, QueueRule()) for name in {job.queue for job in waiting.values()}}
    moments += [job.run_after for job in waiting.values() if not rules[job.queue].paused]
    for rule in rules.values():
        if not rule.paused and rule.starts is not None and len(rule.recent_starts) >= rule.starts:
            moments.append(sorted(rule.recent_starts)[-rule.starts] + rule.per_s)
    later = [moment for moment in moments if moment > now]
    if ends and ends[0][0] <= now:
        return now
    return min(later) if later else None


RETRY_FIRST_S = 2.0
RETRY_LONGEST_S = 600.0


def retry_pause_s(attempt: int, jitter: float) -> float:
    """Seconds before attempt `attempt` + 1: doubling from 2 s up to 10 minutes, ± 20 % by `jitter` in 0…1."""
    doublings = min(max(0, attempt - 1), 30)
    pause_s = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0**doublings)
    return pause_s * (0.8 + 0.4 * jitter)
