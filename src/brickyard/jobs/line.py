"""The waiting jobs as a forecast needs them: in the order of `policy.best`, found without asking every job each time.

Jobs of one group compete by precedence alone, so they stand in a heap. What an owner has had, has running, and how
long he has waited weighs on all of a group alike, so the groups stand in a second heap, one a queue, by the claim of
their first job. A claim that gets better is entered at once; one that gets worse when it comes to the top.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from brickyard.jobs.policy import Group, Waiting, effective_class, is_at_limit, is_overdue, precedence, rises_at
from brickyard.jobs.states import Priority

Claim = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class _Standing:
    """A group. `by_precedence`, `by_age`: heaps of its jobs, with ones that are gone until they come to the top.

    One that comes back is as old as it was, and goes first among those begun: so its former entries tell nothing wrong.
    `claim`, `looks_at`: the entries that hold, of those under which it stands among the claims and among the risings.
    """

    by_precedence: list[Claim] = field(default_factory=list)
    by_age: list[tuple[float, UUID]] = field(default_factory=list)
    claim: Claim | None = None
    looks_at: float = math.inf


class Line:
    def __init__(
        self,
        waiting: Iterable[Waiting],
        now: float,
        served: Mapping[str, float],
        last_start: Mapping[tuple[str, Priority], float],
        per_owner: int | None = None,
    ) -> None:
        self._now = now
        self._running: Counter[str] = Counter()
        self._served = dict(served)
        self._last_start = dict(last_start)
        self._per_owner = per_owner
        self._jobs: dict[UUID, Waiting] = {}
        self._groups: dict[Group, _Standing] = {}
        self._of_owner: defaultdict[str, list[Group]] = defaultdict(list)
        self._first: dict[str, list[tuple[Claim, Group]]] = {}
        self._delayed: list[tuple[float, UUID]] = []
        self._rising: list[tuple[float, Group]] = []
        for job in waiting:
            self.add(job)

    def add(self, job: Waiting) -> None:
        """One more waits; it may be delayed still."""
        self._jobs[job.id] = job
        if job.run_after > self._now:
            heapq.heappush(self._delayed, (job.run_after, job.id))
        else:
            self._rank(job)

    def remove(self, job: Waiting) -> None:
        del self._jobs[job.id]

    def start(self, job: Waiting) -> None:
        """It waits no more, and the wait of its owner in this class begins anew."""
        self.remove(job)
        self._last_start[job.owner, job.priority] = self._now

    def account(self, owner: str, running: int, served_s: float) -> None:
        """An owner has so many jobs more running, and has been given so much more."""
        self._running[owner] += running
        self._served[owner] = self._served.get(owner, 0.0) + served_s
        if running < 0:
            for group in self._of_owner[owner]:
                self._enter(group)

    def advance(self, now: float) -> None:
        """Time has passed: some are due now, and some groups have risen."""
        self._now = now
        while self._delayed and self._delayed[0][0] <= now:
            job = self._jobs.get(heapq.heappop(self._delayed)[1])
            if job is not None:
                self._rank(job)
        while self._rising and self._rising[0][0] <= now:
            at, group = heapq.heappop(self._rising)
            if at == self._groups[group].looks_at:
                self._groups[group].looks_at = math.inf
                self._enter(group)

    def next_due(self) -> float | None:
        """When the first of the delayed jobs may start."""
        while self._delayed and self._delayed[0][1] not in self._jobs:
            heapq.heappop(self._delayed)
        return self._delayed[0][0] if self._delayed else None

    def best(self, takes: Callable[[str], bool], share: Callable[[str], float]) -> Waiting | None:
        """As `policy.best`: `takes` says whether a queue lets one more start, `share` what it has had."""
        claims = [
            (claim[0], share(queue), *claim[1:])
            for queue in self._first
            if takes(queue) and (claim := self._best_in(queue)) is not None
        ]
        return self._jobs[min(claims)[-1]] if claims else None

    def _rank(self, job: Waiting) -> None:
        if job.group not in self._groups:
            self._groups[job.group] = _Standing()
            self._of_owner[job.owner].append(job.group)
        standing = self._groups[job.group]
        heapq.heappush(standing.by_precedence, precedence(job))
        heapq.heappush(standing.by_age, (job.ready_since, job.id))
        self._enter(job.group)

    def _enter(self, group: Group) -> None:
        """The claim of a group may have got better, or its next rising come nearer."""
        standing, since = self._groups[group], self._waits_since(group)
        if since is None:
            return
        claim = self._claim(group, since)
        if claim != standing.claim:
            standing.claim = claim
            heapq.heappush(self._first.setdefault(group[2], []), (claim, group))
        rises = rises_at(group[1], since, self._now)
        if rises < standing.looks_at:
            standing.looks_at = rises
            heapq.heappush(self._rising, (rises, group))

    def _waits_since(self, group: Group) -> float | None:
        """As the policy reckons; None where nothing of the group is due."""
        by_age = self._groups[group].by_age
        while by_age and by_age[0][1] not in self._jobs:
            heapq.heappop(by_age)
        if not by_age:
            return None
        since = by_age[0][0]
        return max(since, self._last_start.get(group[:2], since))

    def _claim(self, group: Group, since: float) -> Claim:
        owner, priority, _ = group
        jobs = self._groups[group].by_precedence
        while jobs[0][-1] not in self._jobs:
            heapq.heappop(jobs)
        return (
            effective_class(priority, since, self._now),
            self._running[owner],
            self._served.get(owner, 0.0),
            not is_overdue(since, self._now),
            *jobs[0],
        )

    def _best_in(self, queue: str) -> Claim | None:
        first = self._first[queue]
        while first:
            entered, group = first[0]
            standing, since = self._groups[group], self._waits_since(group)
            if is_at_limit(self._running[group[0]], self._per_owner):
                # Entered again when one of the owner's ends.
                heapq.heappop(first)
                if entered == standing.claim:
                    standing.claim = None
                continue
            if entered == standing.claim and since is not None and entered == self._claim(group, since):
                return entered
            heapq.heappop(first)
            if entered == standing.claim:
                standing.claim = None
                self._enter(group)
        return None
