"""Situations that the policy decides on, any that there may be, and plain ones."""

from __future__ import annotations

import math
from dataclasses import replace
from uuid import UUID

from hypothesis import strategies as st

from brickyard.jobs.policy import AGING_S, Demand, QueueRule, Running, Situation, Waiting
from brickyard.jobs.states import Priority

INTERACTIVE, STANDARD, BATCH = Priority
QUEUES = ("default", "night", "other")
NOW = 10_000.0

# Round numbers beside arbitrary ones, so that things happen at the same moment too.
seconds = st.one_of(st.sampled_from([0.0, 1.0, 30.0, 60.0]), st.floats(0, 300))
demands = st.builds(Demand, device_s=seconds.filter(lambda s: s == 0 or s > 0.01), alone_s=seconds)
rules = st.builds(
    QueueRule,
    paused=st.booleans(),
    weight=st.floats(0.1, 10),
    running_jobs=st.none() | st.integers(1, 3),
    starts=st.none() | st.integers(1, 3),
    per_s=st.sampled_from([0.1, 7.3, 60.0]) | st.floats(0.01, 100),
    recent_starts=st.lists(seconds.map(lambda ago_s: NOW - ago_s), max_size=4).map(lambda ats: tuple(sorted(ats))),
)
owners = st.sampled_from(["ada", "ben", "cleo"])
waiting_jobs = st.lists(
    st.builds(
        Waiting,
        id=st.uuids(version=4),
        owner=owners,
        priority=st.sampled_from(Priority),
        created_at=st.floats(0, NOW),
        queue=st.sampled_from(QUEUES),
        run_after=st.just(0.0) | st.floats(NOW - 100, NOW + 1000),
        deadline=st.none() | st.floats(NOW, NOW + 1000),
        work_s=st.floats(0, 1000),
        begun=st.booleans(),
        placed_at=st.none() | st.floats(0, NOW),
    ),
    max_size=12,
    unique_by=lambda job: job.id,
)
running_jobs = st.lists(
    st.builds(
        Running,
        id=st.uuids(version=1),
        owner=owners,
        priority=st.sampled_from(Priority),
        queue=st.sampled_from(QUEUES),
        left=demands,
        asked_to_stop=st.booleans(),
        stays_away=st.booleans(),
        created_at=st.floats(0, NOW) | st.just(math.inf),
        work_s=st.floats(0, 1000),
    ),
    max_size=4,
    unique_by=lambda job: job.id,
)
situations = st.builds(
    Situation,
    now=st.just(NOW),
    cap=st.integers(0, 5),
    waiting=waiting_jobs,
    running=running_jobs,
    queues=st.fixed_dictionaries({"default": rules}, optional={"night": rules, "other": rules}),
    served_by_owner=st.dictionaries(owners, st.floats(0, 5000)),
    served_by_queue=st.dictionaries(st.sampled_from(QUEUES), st.floats(0, 5000)),
    last_start=st.dictionaries(
        st.tuples(owners, st.sampled_from(Priority)),
        st.sampled_from([NOW, NOW - 1, NOW - AGING_S, NOW - 2 * AGING_S]) | st.floats(0, NOW),
    ),
    per_owner=st.none() | st.integers(1, 3),
)


def job(number: int, priority: Priority = STANDARD, created_at: float = NOW - 10, **values: object) -> Waiting:
    return replace(Waiting(UUID(int=number), "ada", priority, created_at), **values)  # type: ignore[arg-type]


def situation(*waiting: Waiting, cap: int = 1, **values: object) -> Situation:
    return replace(Situation(NOW, cap, waiting, ()), **values)  # type: ignore[arg-type]
