from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.jobs.forecast import ROUNDING_S, Forecast, foretell
from brickyard.jobs.policy import (
    AGING_S,
    NOTHING,
    Demand,
    QueueRule,
    Running,
    Situation,
    Waiting,
    as_waiting,
    choose,
    to_yield,
    with_started,
    with_yielded,
)
from brickyard.jobs.sharing import Taker, shares
from brickyard.jobs.states import Priority
from tests.unit.jobs.situations import BATCH, INTERACTIVE, NOW, STANDARD, demands, job, situation, situations

long_demands = demands | st.builds(Demand, device_s=st.just(0.0) | st.floats(0.01, 3000), alone_s=st.floats(0, 3000))
slots_of_devices = st.sampled_from([0.5, 1.0, 2.0]) | st.floats(0.1, 8)


@dataclass
class Played:
    """The policy played by hand: every decision by `choose` and `to_yield` over the whole situation; slow and plain."""

    seen: Situation
    needs: dict[UUID, Demand]
    slots: float
    used_s: float = 0.0

    def __post_init__(self) -> None:
        self.most: dict[UUID, float] = {}
        self.seen = replace(self.seen, running=[self.begin_running(job) for job in self.seen.running])
        self.begin = self.seen.now
        self.starts: dict[UUID, tuple[int, float]] = {running.id: (0, self.begin) for running in self.seen.running}
        self.ends: dict[UUID, float] = {}
        self.work_s = {waiting.id: waiting.work_s for waiting in self.seen.waiting}
        for running in [running for running in self.seen.running if running.asked_to_stop]:
            self.seen = self.put_back(running)
            if running.stays_away:
                self.seen = replace(self.seen, waiting=[w for w in self.seen.waiting if w.id != running.id])

    def put_back(self, running: Running) -> Situation:
        """Work is paid for once, however often the job starts."""
        self.needs[running.id] = running.left
        self.work_s[running.id] = 0.0
        return with_yielded(self.seen, running)

    def play(self) -> dict[UUID, Forecast]:
        while True:
            if chosen := choose(self.seen):
                if chosen.id not in self.starts:
                    self.starts[chosen.id] = (1 + sum(place > 0 for place, _ in self.starts.values()), self.seen.now)
                after = with_started(self.seen, replace(chosen, work_s=self.work_s[chosen.id]), self.needs[chosen.id])
                started = self.begin_running(replace(after.running[-1], work_s=chosen.work_s))
                self.seen = replace(after, running=[*after.running[:-1], started])
            elif asked := to_yield(self.seen):
                self.seen = self.put_back(asked)
            elif not self.on():
                break
        return {
            id_: Forecast(place, at - self.begin, self.ends[id_] - self.begin)
            for id_, (place, at) in self.starts.items()
            if id_ in self.ends
        }

    def on(self) -> bool:
        """To the next moment at which something may happen."""
        speeds = self.speeds()
        now = self.seen.now
        open_ones = {name: rule for name, rule in self.seen.queues.items() if not rule.paused}
        moments = [w.run_after for w in self.seen.waiting if w.queue in open_ones or w.queue not in self.seen.queues]
        moments += [start + rule.per_s for rule in open_ones.values() for start in rule.recent_starts]
        moments = [moment for moment in moments if moment > now]
        ends = [(job.left.alone_s, speeds.get(job.id, 1.0)) for job in self.seen.running]
        ends_in_s = min((left_s / speed for left_s, speed in ends if speed > 0), default=math.inf)
        later = min([*moments, now + ends_in_s])
        if later == math.inf:
            return False
        seconds = ends_in_s if later == now + ends_in_s else later - now
        running = [self.passed(job, speeds.get(job.id, 1.0), seconds) for job in self.seen.running]
        self.used_s += sum(a.left.device_s - b.left.device_s for a, b in zip(self.seen.running, running, strict=True))
        over = {job.id for job in running if job.left.alone_s <= ROUNDING_S}
        self.ends |= dict.fromkeys(over, later)
        self.seen = replace(self.seen, now=later, running=[job for job in running if job.id not in over])
        return True

    def begin_running(self, job: Running) -> Running:
        """Nobody is done with the device sooner than all of it allows."""
        alone_s = max(job.left.alone_s, job.left.device_s / self.slots)
        self.most[job.id] = job.left.device_s / alone_s if alone_s > 0 else 0.0
        return replace(job, left=Demand(job.left.device_s, alone_s))

    def speeds(self) -> dict[UUID, float]:
        """How fast each goes, against how fast it would alone."""
        users = [job for job in self.seen.running if self.most[job.id] > 0]
        takers = [Taker(job.owner, job.priority, self.most[job.id]) for job in users]
        got = zip(takers, users, shares(takers, self.slots), strict=True)
        return {job.id: share / taker.most for taker, job, share in got}

    def passed(self, job: Running, speed: float, seconds: float) -> Running:
        left_s = job.left.alone_s - speed * seconds
        return replace(job, left=Demand(self.most[job.id] * left_s, left_s))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Situation, dict[UUID, Demand]]:
    """A situation, and what each waiting job needs."""
    seen = draw(situations)
    return seen, {waiting.id: draw(long_demands) for waiting in seen.waiting}


def device_s(seen: Situation, needs: Mapping[UUID, Demand], ended: Mapping[UUID, Forecast]) -> float:
    return sum(needs.get(id_, NOTHING).device_s for id_ in ended) + sum(
        running.left.device_s for running in seen.running if running.id in ended
    )


@given(scenes(), slots_of_devices)
def test_a_forecast_is_what_the_policy_does_step_by_step(
    scene: tuple[Situation, dict[UUID, Demand]], slots: float
) -> None:
    seen, needs = scene
    found = foretell(seen, needs, slots)
    by_hand = Played(seen, dict(needs), slots)
    expected = by_hand.play()
    assert {id_: forecast.position for id_, forecast in found.items()} == {
        id_: forecast.position for id_, forecast in expected.items()
    }
    for id_, forecast in found.items():
        assert forecast.starts_in_s == pytest.approx(expected[id_].starts_in_s, abs=1e-4)
        assert forecast.ends_in_s == pytest.approx(expected[id_].ends_in_s, abs=1e-4)
    if set(found) == set(by_hand.starts):
        assert by_hand.used_s == pytest.approx(device_s(seen, needs, found), abs=1e-3)


@given(scenes(), slots_of_devices)
def test_positions_count_the_starts_and_what_runs_has_none(
    scene: tuple[Situation, dict[UUID, Demand]], slots: float
) -> None:
    seen, needs = scene
    found = foretell(seen, needs, slots)
    running = {job.id for job in seen.running}
    in_order = sorted((f for id_, f in found.items() if id_ not in running), key=lambda f: f.position)
    assert [forecast.position for forecast in in_order] == list(range(1, len(in_order) + 1))
    starts = [forecast.starts_in_s for forecast in in_order]
    assert starts == sorted(starts)
    assert all(found[id_].position == 0 and found[id_].starts_in_s == 0 for id_ in running if id_ in found)


@given(scenes(), slots_of_devices)
def test_no_job_ends_before_it_could_alone(scene: tuple[Situation, dict[UUID, Demand]], slots: float) -> None:
    seen, needs = scene
    needs = needs | {running.id: running.left for running in seen.running}
    for id_, forecast in foretell(seen, needs, slots).items():
        alone_s = max(needs[id_].alone_s, needs[id_].device_s / slots)
        assert forecast.ends_in_s >= forecast.starts_in_s + alone_s - 1e-6


@given(st.lists(long_demands, min_size=1, max_size=8), slots_of_devices)
def test_one_at_a_time_each_takes_as_long_as_alone(needs: list[Demand], slots: float) -> None:
    waiting = [job(n, created_at=NOW - 10 + n) for n in range(len(needs))]
    found = foretell(situation(*waiting), {w.id: own for w, own in zip(waiting, needs, strict=True)}, slots)
    at = 0.0
    for w, own in zip(waiting, needs, strict=True):
        assert found[w.id].starts_in_s == pytest.approx(at, abs=1e-6)
        at += max(own.alone_s, own.device_s / slots)
        assert found[w.id].ends_in_s == pytest.approx(at, abs=1e-6)


@given(
    st.lists(st.tuples(st.floats(0.1, 1000), st.sampled_from(["ada", "ben"]), st.sampled_from(Priority)), max_size=8),
    st.integers(1, 4),
    slots_of_devices,
)
def test_a_busy_device_is_done_when_its_seconds_are_used_up(
    jobs: list[tuple[float, str, Priority]], cap: int, slots: float
) -> None:
    """Where every job can use the whole device, no second of it is lost and none used twice."""
    waiting = [job(n, priority, owner=owner) for n, (_, owner, priority) in enumerate(jobs)]
    needs = {UUID(int=n): Demand(own_s, own_s / slots) for n, (own_s, _, _) in enumerate(jobs)}
    found = foretell(situation(*waiting, cap=cap), needs, slots)
    last_s = max((forecast.ends_in_s for forecast in found.values()), default=0.0)
    assert last_s == pytest.approx(sum(own_s for own_s, _, _ in jobs) / slots, abs=1e-6)


@given(scenes(), slots_of_devices)
def test_just_jobs_that_can_never_start_have_no_forecast(
    scene: tuple[Situation, dict[UUID, Demand]], slots: float
) -> None:
    seen, needs = scene
    found = foretell(seen, needs, slots)
    open_ones = {w.id for w in seen.waiting if not seen.queues.get(w.queue, QueueRule()).paused}
    assert {w.id for w in seen.waiting} & set(found) == (open_ones if seen.cap > 0 else set())


@given(st.floats(1.7e9, 1.9e9), st.floats(0, 100), st.floats(0.01, 100), st.integers(1, 5))
def test_a_rate_limit_foretells_every_start_at_any_time_of_the_clock(
    now: float, ago_s: float, per_s: float, count: int
) -> None:
    rule = QueueRule(starts=1, per_s=per_s, recent_starts=(now - ago_s,))
    waiting = [job(n, created_at=now - 1) for n in range(count)]
    needs = dict.fromkeys((w.id for w in waiting), NOTHING)
    found = foretell(Situation(now, 9, waiting, [], {"default": rule}), needs, 1.0)
    first_s = max(0.0, per_s - ago_s)
    starts = sorted(forecast.starts_in_s for forecast in found.values())
    assert starts == pytest.approx([first_s + n * per_s for n in range(count)], abs=1e-4)


def alone(seconds: float) -> Demand:
    """Without any device."""
    return Demand(0.0, seconds)


def test_jobs_start_one_after_another_where_there_is_one_slot() -> None:
    running = Running(UUID(int=9), "ben", STANDARD, left=alone(30.0))
    seen = situation(job(1, BATCH), job(2, STANDARD), running=[running])
    found = foretell(seen, {UUID(int=1): alone(100.0), UUID(int=2): alone(5.0)}, 1.0)
    assert found == {
        UUID(int=9): Forecast(0, 0.0, 30.0),
        UUID(int=2): Forecast(1, 30.0, 35.0),
        UUID(int=1): Forecast(2, 35.0, 135.0),
    }


def test_a_delayed_job_starts_when_it_is_due() -> None:
    seen = situation(job(1, run_after=NOW + 50), job(2))
    found = foretell(seen, {UUID(int=1): alone(1.0), UUID(int=2): alone(5.0)}, 1.0)
    assert found == {UUID(int=2): Forecast(1, 0.0, 5.0), UUID(int=1): Forecast(2, 50.0, 51.0)}


def test_a_queue_of_one_job_at_a_time_lets_others_pass() -> None:
    queues = {"night": QueueRule(running_jobs=1)}
    seen = situation(job(1, queue="night"), job(2, queue="night"), job(3), cap=3, queues=queues)
    found = foretell(seen, {UUID(int=n): alone(10.0) for n in (1, 2, 3)}, 1.0)
    assert {forecast.starts_in_s for id_, forecast in found.items() if id_.int != 2} == {0.0}
    assert found[UUID(int=2)] == Forecast(3, 10.0, 20.0)


def test_jobs_on_one_device_slow_each_other_down() -> None:
    waiting = [job(n, owner=f"user {n}", created_at=NOW - 10 + n) for n in range(4)]
    found = foretell(situation(*waiting, cap=4), {w.id: Demand(60.0, 60.0) for w in waiting}, 1.0)
    assert [found[w.id] for w in waiting] == [Forecast(n + 1, 0.0, 240.0) for n in range(4)]
    found = foretell(situation(*waiting, cap=4), {w.id: Demand(60.0, 60.0) for w in waiting}, 2.0)
    assert {forecast.ends_in_s for forecast in found.values()} == {120.0}


def test_a_job_that_needs_no_device_is_slowed_by_nobody() -> None:
    waiting = [job(n, owner=f"user {n}") for n in range(3)]
    needs = {UUID(int=0): alone(10.0), UUID(int=1): Demand(10.0, 10.0), UUID(int=2): Demand(10.0, 10.0)}
    found = foretell(situation(*waiting, cap=3), needs, 1.0)
    assert [found[w.id].ends_in_s for w in waiting] == [10.0, 20.0, 20.0]


def test_a_higher_class_takes_the_device_from_those_that_run() -> None:
    running = Running(UUID(int=9), "ben", BATCH, left=Demand(100.0, 100.0))
    seen = situation(job(1, INTERACTIVE), cap=2, running=[running])
    found = foretell(seen, {UUID(int=1): Demand(20.0, 40.0)}, 1.0)
    assert found[UUID(int=1)] == Forecast(1, 0.0, 40.0)
    assert found[UUID(int=9)] == Forecast(0, 0.0, 120.0), "it had the half that was left over"


def test_a_running_job_yields_to_an_interactive_one_and_goes_on_where_it_was() -> None:
    running = Running(UUID(int=9), "ben", BATCH, left=alone(50.0), created_at=NOW - 5)
    seen = situation(job(1, INTERACTIVE, run_after=NOW + 10), job(2, STANDARD), running=[running])
    found = foretell(seen, {UUID(int=1): alone(7.0), UUID(int=2): alone(100.0)}, 1.0)
    assert found == {
        UUID(int=1): Forecast(1, 10.0, 17.0),
        UUID(int=2): Forecast(2, 17.0, 117.0),
        UUID(int=9): Forecast(0, 0.0, 157.0),
    }


def test_a_job_that_is_old_enough_to_keep_its_place_keeps_it_in_a_forecast_too() -> None:
    running = Running(UUID(int=9), "ben", BATCH, left=alone(50.0), created_at=NOW - 3 * AGING_S)
    seen = situation(job(1, INTERACTIVE), running=[running], served_by_owner={"ada": 9.0})
    found = foretell(seen, {UUID(int=1): alone(7.0)}, 1.0)
    assert found[UUID(int=1)] == Forecast(1, 50.0, 57.0)


def test_a_long_backlog_that_is_being_worked_off_holds_up_no_fresh_job_in_a_forecast_either() -> None:
    backlog = [job(n, BATCH, created_at=NOW - 3600) for n in range(100)]
    fresh = job(999, STANDARD, owner="ben", created_at=NOW + 7100, run_after=NOW + 7100)
    seen = situation(*backlog, fresh, last_start={("ada", BATCH): NOW})
    found = foretell(seen, {waiting.id: alone(600.0) for waiting in seen.waiting}, 1.0)
    assert found[fresh.id] == Forecast(13, 7200.0, 7800.0), "as soon as the job ends that runs then"


def test_a_job_that_was_asked_to_stop_leaves_its_slot_and_returns_unless_it_is_to_stay_away() -> None:
    running = Running(UUID(int=9), "ben", BATCH, left=alone(50.0), asked_to_stop=True)
    needs = {UUID(int=1): alone(7.0)}
    found = foretell(situation(job(1, INTERACTIVE), running=[running]), needs, 1.0)
    assert found == {UUID(int=1): Forecast(1, 0.0, 7.0), UUID(int=9): Forecast(0, 0.0, 57.0)}
    found = foretell(situation(job(1, INTERACTIVE), running=[replace(running, stays_away=True)]), needs, 1.0)
    assert found == {UUID(int=1): Forecast(1, 0.0, 7.0)}


def test_a_device_without_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="slots"):
        foretell(situation(job(1)), {UUID(int=1): NOTHING}, 0.0)


def test_what_waits_again_is_what_it_was() -> None:
    waiting = Waiting(UUID(int=1), "ada", BATCH, 5.0, "night", 6.0, 7.0, 8.0, begun=True)
    running = with_started(situation(waiting), waiting, alone(3.0)).running[0]
    assert (as_waiting(running), running.left) == (waiting, alone(3.0))
