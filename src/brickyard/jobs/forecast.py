"""When each job will start and end: the policy played forward, with what jobs need and a device that they share.

The device is a fluid here: at each moment every running job gets its share (sharing.py), until something happens.
Things happen at once that take a chunk's time in truth: a job that is asked to yield does so on the spot.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from brickyard.jobs.line import Line
from brickyard.jobs.policy import (
    UNLIMITED,
    Demand,
    QueueRule,
    Running,
    Situation,
    Waiting,
    as_running,
    as_waiting,
    who_yields,
)
from brickyard.jobs.sharing import Taker, shares
from brickyard.jobs.states import Priority

ROUNDING_S = 1e-9
"""What is left of a job when nothing is left."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`position`: 1 is next, 0 runs already. Times are seconds from now."""

    position: int
    starts_in_s: float
    ends_in_s: float


def foretell(situation: Situation, demand_of: Mapping[UUID, Demand], slots: float) -> dict[UUID, Forecast]:
    """When each job that waits or runs starts and ends.

    `demand_of`: what each waiting job needs; `slots`: how many chunks the device computes at full speed at a time.
    Jobs that will not end as things stand, as those in paused queues, get no forecast.
    """
    if slots <= 0:
        raise ValueError(f"a device has more than {slots} slots")
    play = _Play(situation, demand_of, slots)
    while play.start_one() or play.have_one_yield() or play.advance():
        continue
    return play.forecasts()


@dataclass(slots=True)
class _Runner:
    """A job under way. `left_s`: what is left to it if it were alone; `speed`: 1 where it is not slowed by others.

    `most`: slots of the device that it keeps busy at full speed.
    """

    job: Running
    left_s: float
    most: float
    speed: float = 1.0

    def demand(self) -> Demand:
        return Demand(self.most * self.left_s, self.left_s)


class _Play:
    def __init__(self, situation: Situation, demand_of: Mapping[UUID, Demand], slots: float) -> None:
        self._begin = self._now = situation.now
        self._cap = situation.cap
        self._slots = slots
        self._needs = dict(demand_of)
        self._rules = dict(situation.queues)
        self._served = dict(situation.served_by_queue)
        self._running_in: Counter[str] = Counter()
        self._runners: dict[UUID, _Runner] = {}
        open_ones = [job for job in situation.waiting if not self._rule(job.queue).paused]
        self._line = Line(
            open_ones, situation.now, situation.served_by_owner, situation.last_start, situation.per_owner
        )
        self._starts = 0
        self._began: dict[UUID, tuple[int, float]] = {}
        self._ended: dict[UUID, float] = {}
        self._speeds_hold = False
        for job in situation.running:
            self._began[job.id] = (0, self._now)
            self._run(job)
        for runner in [runner for runner in self._runners.values() if runner.job.asked_to_stop]:
            self._stop(runner)
            if not runner.job.stays_away:
                self._wait_again(runner)

    def forecasts(self) -> dict[UUID, Forecast]:
        begin = self._begin
        return {
            id_: Forecast(position, at - begin, self._ended[id_] - begin)
            for id_, (position, at) in self._began.items()
            if id_ in self._ended
        }

    def start_one(self) -> bool:
        job = self._best() if len(self._runners) < self._cap else None
        if job is None:
            return False
        self._line.start(job)
        if job.id not in self._began:
            self._starts += 1
            self._began[job.id] = (self._starts, self._now)
            self._served[job.queue] = self._served.get(job.queue, 0.0) + job.work_s
            self._line.account(job.owner, 0, job.work_s)
        self._rules[job.queue] = self._rule(job.queue).with_start(self._now)
        self._run(as_running(job, self._needs[job.id]))
        return True

    def have_one_yield(self) -> bool:
        """One whose place an urgent job needs waits again."""
        urgent = self._best() if len(self._runners) >= self._cap else None
        if urgent is None or urgent.priority is not Priority.INTERACTIVE:
            return False
        running = [replace(runner.job, left=runner.demand()) for runner in self._runners.values()]
        asked = who_yields(running, urgent, self._best_without)
        if asked is None:
            return False
        runner = self._runners[asked.id]
        self._stop(runner)
        self._wait_again(runner)
        return True

    def advance(self) -> bool:
        """On to the next moment at which something happens; False where nothing will."""
        ends_in_s = self._ends_in_s()
        due = self._next_due()
        if ends_in_s == math.inf and due is None:
            return False
        ends_at = self._now + ends_in_s
        if due is None or ends_at <= due:
            self._pass(ends_in_s, ends_at)
        else:
            self._pass(due - self._now, due)
        return True

    def _pass(self, seconds: float, now: float) -> None:
        """Everybody goes on for so long; who has nothing left then, or less than rounding can tell, ends."""
        for runner in self._runners.values():
            runner.left_s -= runner.speed * seconds
        self._now = now
        self._line.advance(now)
        for runner in [runner for runner in self._runners.values() if runner.left_s <= ROUNDING_S]:
            self._stop(runner)
            self._ended[runner.job.id] = now

    def _ends_in_s(self) -> float:
        if not self._speeds_hold:
            self._share()
        return min((r.left_s / r.speed for r in self._runners.values() if r.speed > 0), default=math.inf)

    def _share(self) -> None:
        self._speeds_hold = True
        users = [runner for runner in self._runners.values() if runner.most > 0]
        takers = [Taker(user.job.owner, user.job.priority, user.most) for user in users]
        for user, share in zip(users, shares(takers, self._slots), strict=True):
            user.speed = share / user.most

    def _next_due(self) -> float | None:
        """When a delayed job or a rate limit lets something start."""
        moments = [self._line.next_due(), *(rule.room_at() for rule in self._rules.values() if not rule.paused)]
        return min((moment for moment in moments if moment is not None and moment > self._now), default=None)

    def _best(self) -> Waiting | None:
        return self._line.best(
            lambda queue: self._rule(queue).takes(self._running_in[queue], self._now),
            lambda queue: self._served.get(queue, 0.0) / self._rule(queue).weight,
        )

    def _best_without(self, job: Running) -> Waiting | None:
        waiting = as_waiting(job)
        self._account(job, -1)
        self._line.add(waiting)
        found = self._best()
        self._line.remove(waiting)
        self._account(job, 1)
        return found

    def _run(self, job: Running) -> None:
        alone_s = max(job.left.alone_s, job.left.device_s / self._slots)
        most = job.left.device_s / alone_s if alone_s > 0 else 0.0
        self._runners[job.id] = _Runner(job, alone_s, most)
        self._account(job, 1)
        self._speeds_hold = False

    def _stop(self, runner: _Runner) -> None:
        del self._runners[runner.job.id]
        self._account(runner.job, -1)
        self._speeds_hold = False

    def _wait_again(self, runner: _Runner) -> None:
        self._needs[runner.job.id] = runner.demand()
        if not self._rule(runner.job.queue).paused:
            self._line.add(as_waiting(runner.job))

    def _rule(self, queue: str) -> QueueRule:
        return self._rules.get(queue, UNLIMITED)

    def _account(self, job: Running, running: int) -> None:
        self._running_in[job.queue] += running
        self._line.account(job.owner, running, 0.0)
