"""Who runs next: pure functions over plain values. The same rules admit jobs and, in forecast.py, foretell the rest.

Order of the jobs that may start: class after aging; then queues by weight and users by share, each the one that has
had least; then deadline; then arrival. A job never starts before `run_after`, in a paused queue, above the queue's
own number of running jobs or its owner's, or faster than its queue's rate limit: `holds` says which of these it is.

Owners may order their own jobs that are equal otherwise (order.py): they trade the places that these had by arrival.

What ages is not a job but an owner's line in one class: from the last start of any job in it, or from when the first
of its jobs could start. So a long backlog that is being worked off stays what it is, however long its last jobs wait.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from brickyard.jobs.states import Priority

AGING_S = 900.0
"""Whose jobs of a class wait and none is started rises by one class for each of these, up to interactive work."""
LONGEST_WAIT_S = 4 * 3600.0
"""Among owners who have had equally much, one of whose class none was started for so long goes before all others.

This bounds the wait of everybody who is not being served: within an hour nothing they had counts any more, so none but
those who have waited as long can go before them. Who is being served has his own jobs in front of him, and no bound.
"""

Group = tuple[str, Priority, str]
"""Jobs that wait together: those of one owner, class and queue."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job still needs. `device_s`: seconds of the device, summed over its slots; `alone_s`: how long the job
    would take if it had everything to itself."""

    device_s: float
    alone_s: float


NOTHING = Demand(0.0, 0.0)


class Hold(StrEnum):
    """Why a job may not start, whatever its place."""

    QUEUE_PAUSED = "queue_paused"
    DELAYED = "delayed"
    QUEUE_FULL = "queue_full"
    RATE = "rate"
    OWNERS_LIMIT = "owners_limit"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits. Times are in seconds since the epoch; `begun` is true where it has chunks done already.

    `placed_at`: in place of its arrival where its owner ordered the own jobs anew; waiting is counted from arrival.
    """

    id: UUID
    owner: str
    priority: Priority
    created_at: float
    queue: str = "default"
    run_after: float = 0.0
    deadline: float | None = None
    work_s: float = 0.0
    begun: bool = False
    placed_at: float | None = None

    @property
    def place(self) -> float:
        """Between jobs of one group, and between equal ones."""
        return self.created_at if self.placed_at is None else self.placed_at

    @property
    def group(self) -> Group:
        return self.owner, self.priority, self.queue

    @property
    def ready_since(self) -> float:
        """Being delayed is not waiting."""
        return max(self.created_at, self.run_after)


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs. `left`: what it still needs, as far as measured speeds tell.

    `asked_to_stop`: it does so at its next chunk; `stays_away`: it was asked to pause or cancel, so it will not wait
    for its turn again as one that yields does. The rest is what it had when it waited, and has again once it yields.
    """

    id: UUID
    owner: str
    priority: Priority
    queue: str = "default"
    left: Demand = NOTHING
    asked_to_stop: bool = False
    stays_away: bool = False
    created_at: float = math.inf
    run_after: float = 0.0
    deadline: float | None = None
    work_s: float = 0.0
    placed_at: float | None = None


@dataclass(frozen=True, slots=True)
class QueueRule:
    """What holds for one queue. `recent_starts`: times of the starts within the last `per_s` seconds."""

    paused: bool = False
    weight: float = 1.0
    running_jobs: int | None = None
    starts: int | None = None
    per_s: float = 60.0
    recent_starts: tuple[float, ...] = ()

    def takes(self, running: int, now: float) -> bool:
        """Whether one more job may start now, beside `running` others of this queue."""
        return self.hold(running, now) is None

    def hold(self, running: int, now: float) -> Hold | None:
        """What keeps one more job from starting now."""
        if self.paused:
            return Hold.QUEUE_PAUSED
        if self.running_jobs is not None and running >= self.running_jobs:
            return Hold.QUEUE_FULL
        # The same sum as in `room_at`, so that rounding cannot make the two disagree.
        if self.starts is None or sum(at + self.per_s > now for at in self.recent_starts) < self.starts:
            return None
        return Hold.RATE

    def room_at(self) -> float | None:
        """When the rate limit, if it is reached, lets the next one start."""
        if self.starts is None or len(self.recent_starts) < self.starts:
            return None
        return sorted(self.recent_starts)[-self.starts] + self.per_s

    def with_start(self, at: float) -> QueueRule:
        """Only as many starts are kept as the limit asks about, so that a long forecast stays quick."""
        if self.starts is None:
            return self
        return replace(self, recent_starts=tuple(sorted((*self.recent_starts, at))[-self.starts :]))


UNLIMITED = QueueRule()


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision rests on.

    `served_by_…`: seconds of audio started of late. `last_start`: when a job of an owner and class was started last, in
    any queue; starts longer ago than `LONGEST_WAIT_S` make no difference. `per_owner`: how many jobs one owner may have
    running at once; None: no limit.
    """

    now: float
    cap: int
    waiting: Sequence[Waiting]
    running: Sequence[Running]
    queues: Mapping[str, QueueRule] = field(default_factory=dict)
    served_by_owner: Mapping[str, float] = field(default_factory=dict)
    served_by_queue: Mapping[str, float] = field(default_factory=dict)
    last_start: Mapping[tuple[str, Priority], float] = field(default_factory=dict)
    per_owner: int | None = None


def effective_class(priority: Priority, since: float, now: float) -> int:
    """The class after aging of a group that waits `since` then, in the end that of interactive work.

    There shares decide. So a line of owners whose turn is long in coming does not hold up other people's urgent jobs,
    and yet nobody waits for ever.
    """
    return int(priority) - sum(rise <= now for rise in _class_rises(priority, since))


def is_overdue(since: float, now: float) -> bool:
    return since + LONGEST_WAIT_S <= now


def rises_at(priority: Priority, since: float, now: float) -> float:
    """When a group that waits `since` then stands better than now; infinite where it has risen as far as it can."""
    rises = (*_class_rises(priority, since), since + LONGEST_WAIT_S)
    return min((rise for rise in rises if rise > now), default=math.inf)


def precedence(job: Waiting) -> tuple[bool, float, float, UUID]:
    """What decides between jobs of one group, and between equal ones: begun ones, deadline, arrival."""
    return not job.begun, math.inf if job.deadline is None else job.deadline, job.place, job.id


def _class_rises(priority: Priority, since: float) -> list[float]:
    # Moments, not differences to them: so whoever reckons with the moments comes to the same, to the last bit.
    return [since + AGING_S * n for n in range(1, int(priority) + 1)]


def choose(situation: Situation) -> Waiting | None:
    """The job to start now, or None where no slot is free or no job may start."""
    if len(situation.running) >= situation.cap:
        return None
    return best(situation)


def best(situation: Situation) -> Waiting | None:
    """The job that has the best claim among those that may start, whether or not a slot is free."""
    rules = {name: situation.queues.get(name, UNLIMITED) for name in {job.queue for job in situation.waiting}}
    share = {name: situation.served_by_queue.get(name, 0.0) / rule.weight for name, rule in rules.items()}
    hold_of = holds(situation)
    ready = [job for job in situation.waiting if hold_of(job) is None]
    if not ready:
        return None
    running_of_owner = Counter(job.owner for job in situation.running)
    waits_since = _waits_since(ready, situation.last_start)

    def claim(job: Waiting) -> tuple[object, ...]:
        since = waits_since[job.group]
        return (
            effective_class(job.priority, since, situation.now),
            share[job.queue],
            running_of_owner[job.owner],
            situation.served_by_owner.get(job.owner, 0.0),
            not is_overdue(since, situation.now),
            *precedence(job),
        )

    return min(ready, key=claim)


def holds(situation: Situation) -> Callable[[Waiting], Hold | None]:
    """Says of a waiting job why it may not start now, though a slot were free and nobody before it; None: it may."""
    running_in = Counter(job.queue for job in situation.running)
    running_of_owner = Counter(job.owner for job in situation.running)
    names = {job.queue for job in situation.waiting} | set(situation.queues)
    of_queue = {name: situation.queues.get(name, UNLIMITED).hold(running_in[name], situation.now) for name in names}

    def hold_of(job: Waiting) -> Hold | None:
        hold = of_queue.get(job.queue)
        if hold is Hold.QUEUE_PAUSED:
            return hold
        if job.run_after > situation.now:
            return Hold.DELAYED
        if is_at_limit(running_of_owner[job.owner], situation.per_owner):
            return Hold.OWNERS_LIMIT
        return hold

    return hold_of


def is_at_limit(running: int, per_owner: int | None) -> bool:
    return per_owner is not None and running >= per_owner


def _waits_since(ready: Sequence[Waiting], last_start: Mapping[tuple[str, Priority], float]) -> dict[Group, float]:
    """Since when each group has had a job that could start, and none of its owner and class was started."""
    first: dict[Group, float] = {}
    for job in ready:
        first[job.group] = min(first.get(job.group, math.inf), job.ready_since)
    return {
        (owner, priority, queue): max(since, last_start.get((owner, priority), since))
        for (owner, priority, queue), since in first.items()
    }


def to_yield(situation: Situation) -> Running | None:
    """The running job to ask for its place, where all slots are taken and a strictly higher class waits."""
    if len(situation.running) < situation.cap:
        return None
    return who_yields(situation.running, best(situation), lambda job: best(with_yielded(situation, job)))


def who_yields(
    running: Sequence[Running], urgent: Waiting | None, best_without: Callable[[Running], Waiting | None]
) -> Running | None:
    """Of the jobs that run, the lowest class with most left to do, if its going lets the `urgent` one in.

    `best_without`: who has the best claim once that job waits again. Only classes as given make somebody yield, not
    aging: aged batch work may go first, but it does not push others out. Yet a job that would win its place back at
    once keeps it: one whose owner has had less, and has had none of that class started for long. Should it age so far
    only between being asked and its next chunk, it wins its place back once, for that is a start and its age is gone.
    """
    if urgent is None or urgent.priority is not Priority.INTERACTIVE or any(job.asked_to_stop for job in running):
        return None
    lower = [job for job in running if job.priority > urgent.priority]
    lower.sort(key=lambda job: (job.priority, job.left.device_s, job.left.alone_s, job.id), reverse=True)
    return next((job for job in lower if best_without(job) == urgent), None)


def with_started(situation: Situation, job: Waiting, left: Demand = NOTHING) -> Situation:
    """The situation once a waiting job has been given a slot."""
    rule = situation.queues.get(job.queue, UNLIMITED)
    by_owner, by_queue = situation.served_by_owner, situation.served_by_queue
    its_class = job.owner, job.priority
    return replace(
        situation,
        waiting=[other for other in situation.waiting if other.id != job.id],
        running=[*situation.running, as_running(job, left)],
        queues={**situation.queues, job.queue: rule.with_start(situation.now)},
        served_by_owner={**by_owner, job.owner: by_owner.get(job.owner, 0.0) + job.work_s},
        served_by_queue={**by_queue, job.queue: by_queue.get(job.queue, 0.0) + job.work_s},
        last_start={**situation.last_start, its_class: situation.now},
    )


def with_yielded(situation: Situation, job: Running) -> Situation:
    """The situation once a running job waits for its turn again; its start stays the last of its owner and class."""
    return replace(
        situation,
        waiting=[*situation.waiting, as_waiting(job)],
        running=[other for other in situation.running if other.id != job.id],
    )


def as_running(job: Waiting, left: Demand) -> Running:
    return Running(
        job.id,
        job.owner,
        job.priority,
        job.queue,
        left,
        created_at=job.created_at,
        run_after=job.run_after,
        deadline=job.deadline,
        work_s=job.work_s,
        placed_at=job.placed_at,
    )


def as_waiting(job: Running) -> Waiting:
    return Waiting(
        job.id,
        job.owner,
        job.priority,
        job.created_at,
        job.queue,
        job.run_after,
        job.deadline,
        job.work_s,
        begun=True,
        placed_at=job.placed_at,
    )


RETRY_FIRST_S = 2.0
RETRY_LONGEST_S = 600.0


def retry_pause_s(attempt: int, jitter: float) -> float:
    """Seconds before attempt `attempt` + 1: doubling from 2 s up to 10 minutes, ± 20 % by `jitter` in 0…1."""
    doublings = min(max(0, attempt - 1), 30)
    pause_s = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0**doublings)
    return pause_s * (0.8 + 0.4 * jitter)
