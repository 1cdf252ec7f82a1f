"""Three ways to run one working day on one card: with the broker, first come first served, and everybody for himself.

All admit at most four recordings at a time and take them through the same steps. The first two lease every chunk
through the product's own books, and climb down the same ladder where an allocation fails in spite of that; first come
first served knows neither classes nor users. Without a broker, services keep what they load, nobody asks before
allocating, and whoever finds no room fails.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from simulation import H100_80GB_MIB, PEAK_MIB, SETUPS, Brick, Card, Chunk, Clock
from workday import Arrival, Call, Notebook, Recording

from brickyard.bricks.batches import after_failure, after_success
from brickyard.gpu.books import Books, Granted, Terms
from brickyard.gpu.devices import SimulatedDevice, used_without_lease_mib
from brickyard.gpu.lease import LeaseKind, PriorityClass, Request
from brickyard.gpu.policy import Rules
from brickyard.jobs.estimates import later
from brickyard.jobs.forecast import foretell
from brickyard.jobs.policy import Demand, Running, Situation, Waiting, choose, to_yield
from brickyard.jobs.states import Priority
from brickyard.kit.errors import OutOfMemory

CAP = 4
AHEAD = 3
SLOTS = 2
CHUNK_AUDIO_S = 60.0
NOTEBOOK_SHARE_MIB = 40_000
DECODES_X = 800.0
SHARE_WINDOW_S = 3600.0
LOOKS_EVERY_S = 0.5
RETRY_LATER_S = 5.0
NOTICES_WITHIN_S = 1.0
"""How soon a running job sees that it is asked to yield."""
DEVICE = "card"


@dataclass(eq=False)
class Job:
    """A recording under way. `left`: work in seconds for each chunk that is still to be asked for, by brick."""

    id: UUID
    recording: Recording
    left: dict[str, deque[float]]
    under_way: Counter[str] = field(default_factory=Counter)
    computed_s: Counter[str] = field(default_factory=Counter)
    admitted: bool = False
    begun: bool = False
    decoded: bool = False
    asked_to_stop: bool = False
    first_chunk_at: float | None = None
    foretold_s: float | None = None
    promised_at: float | None = None
    ended: bool = False

    @property
    def priority(self) -> Priority:
        return Priority[self.recording.priority.name]

    def left_of(self, brick: str) -> float:
        return len(self.left.get(brick, ())) + self.under_way[brick]


@dataclass
class Seen:
    """What is measured. Waits are in seconds from asking to the first work, with whether the card was saturated."""

    waits: list[tuple[PriorityClass, float]] = field(default_factory=list)
    chunks_s: list[float] = field(default_factory=list)
    eta_errors: list[float] = field(default_factory=list)
    lost: int = 0
    done: int = 0
    ooms: int = 0
    notebooks_lost: int = 0
    backlog_s: float = 0.0
    busy_s: float = 0.0
    got_s: Counter[str] = field(default_factory=Counter)
    shares: dict[str, float] | None = None
    """Seconds of the card by archivist, up to the moment when the first of them had nothing left to wait for."""
    ended_at: float = 0.0


@dataclass
class Learned:
    """What a platform knows from earlier jobs, in the product's way: seconds of the card for a chunk of audio, and by
    how much longer jobs of a class took than the policy played forward had said."""

    rates: dict[str, float] = field(default_factory=lambda: {"asr": 1.0, "diarize": 1.0, "llm": 8.0})
    delays: dict[Priority, float] = field(default_factory=dict)
    samples: Counter[Priority] = field(default_factory=Counter)

    def from_job(self, job: Job, took_s: float) -> None:
        for brick, computed_s in job.computed_s.items():
            measured = computed_s / _count(job.recording, brick)
            self.rates[brick] = 0.7 * self.rates[brick] + 0.3 * measured
        if job.foretold_s:
            known, self.samples[job.priority] = self.delays.get(job.priority, 1.0), self.samples[job.priority] + 1
            self.delays[job.priority] = later(known, self.samples[job.priority] - 1, took_s / job.foretold_s)


class Platform:
    """What all three have in common: people come, jobs are admitted and go through their steps."""

    def __init__(self, day: list[Arrival], seed: int, learned: Learned | None = None) -> None:
        self.clock = Clock()
        self.card = Card(self.clock)
        self.device = SimulatedDevice(DEVICE, H100_80GB_MIB, slots=SLOTS, context_mib=300)
        self.draw = random.Random(seed)
        self.bricks = {
            name: Brick(setup, self.device, random.Random(f"{seed} {name}"), pid)
            for pid, (name, setup) in enumerate(SETUPS.items(), start=1)
        }
        self.seen = Seen()
        self._pids = itertools.count(100)
        self._waiting: dict[UUID, Job] = {}
        self._running: dict[UUID, Job] = {}
        self._starts: deque[tuple[float, str, float]] = deque()
        self._last_start: dict[tuple[str, Priority], float] = {}
        self.learned = learned or Learned()
        self._last_s = max(arrival.at_s for arrival in day)
        self._archivists = {arrival.user for arrival in day if arrival.user.startswith("archivist")}
        self._marked = (0.0, 0.0, False)
        for at_s, together in itertools.groupby(day, key=lambda arrival: arrival.at_s):
            self.clock.at(at_s, lambda group=list(together): self._arrive(group))  # type: ignore[misc]

    def run(self) -> Seen:
        while self.clock.step():
            continue
        self.seen.ended_at = self.clock.now
        return self.seen

    # ---- to be said by each

    def submit(self, chunk: Chunk) -> None:
        raise NotImplementedError

    def reserve(self, notebook: Notebook) -> None:
        raise NotImplementedError

    def withdraw(self, job: Job) -> None:
        """Chunks that still wait are asked for again when the job goes on."""

    def next_job(self) -> Job | None:
        """First come first served."""
        if len(self._running) >= CAP or not self._waiting:
            return None
        return next(iter(self._waiting.values()))

    def promise(self, jobs: list[Job]) -> None:
        """What people are told: when all that came before has been done, and theirs."""
        before = [*self._running.values(), *self._waiting.values()]
        needed_s = list(itertools.accumulate(self.demand(job).device_s for job in before))
        for job in jobs:
            job.promised_at = self.clock.now + needed_s[before.index(job)] / SLOTS

    # ---- jobs

    def demand(self, job: Job) -> Demand:
        """From measured speeds, as the product does."""
        device_s = sum(rate * job.left_of(brick) for brick, rate in self.learned.rates.items())
        decode_s = 0.0 if job.decoded else job.recording.audio_s / DECODES_X
        return Demand(device_s, decode_s + device_s / SLOTS)

    def _arrive(self, group: list[Arrival]) -> None:
        jobs = []
        for arrival in group:
            match arrival:
                case Recording():
                    job = Job(UUID(int=self.draw.getrandbits(128)), arrival, _chunks(arrival, self.draw))
                    self._waiting[job.id] = job
                    jobs.append(job)
                case Call():
                    self._call(arrival)
                case Notebook():
                    self.reserve(arrival)
        if jobs:
            self.promise(jobs)
            self.admit()

    def admit(self) -> None:
        while (job := self.next_job()) is not None:
            del self._waiting[job.id]
            self._running[job.id] = job
            job.admitted = True
            self._starts.append((self.clock.now, job.recording.user, job.recording.audio_s))
            self._last_start[job.recording.user, job.priority] = self.clock.now
            if job.decoded:
                self._go_on(job)
            else:
                decode_s = job.recording.audio_s / DECODES_X
                self.clock.at(self.clock.now + decode_s, lambda job=job: self._decoded(job))  # type: ignore[misc]
        self._mark()

    def _decoded(self, job: Job) -> None:
        job.decoded = True
        if job.id in self._running:  # it may have had to yield meanwhile
            self._go_on(job)

    def _go_on(self, job: Job) -> None:
        """Asks for as many chunks as may be under way; a summary begins when all words and speakers are there."""
        if job.asked_to_stop:
            self.withdraw(job)
            if not job.under_way.total():
                self._stopped(job)
            return
        words_are_there = not (job.left_of("asr") or job.left_of("diarize"))
        for brick, left in job.left.items():
            if brick == "llm" and not words_are_there:
                continue
            while left and job.under_way[brick] < AHEAD:
                job.under_way[brick] += 1
                self._submit(job, brick, left.popleft())
        if words_are_there and not job.left_of("llm") and not job.ended:
            self._end(job)

    def _submit(self, job: Job, brick: str, work_s: float) -> None:
        chunk = Chunk(
            brick,
            job.recording.user,
            job.recording.priority,
            work_s,
            ended=lambda took_s: self._chunk_ended(job, chunk, took_s),
            failed=lambda: self._lose(job),
            asked_at=self.clock.now,
            job=job,
        )
        self.submit(chunk)

    def _chunk_ended(self, job: Job, chunk: Chunk, took_s: float) -> None:
        job.under_way[chunk.brick] -= 1
        job.computed_s[chunk.brick] += took_s
        if job.ended:
            return
        if job.first_chunk_at is None:
            job.first_chunk_at = chunk.started_at
            if not job.begun and chunk.started_at is not None:
                self.seen.waits.append((job.recording.priority, chunk.started_at - job.recording.at_s))
        job.begun = True
        self._go_on(job)

    def _stopped(self, job: Job) -> None:
        job.asked_to_stop = job.admitted = False
        del self._running[job.id]
        self._waiting[job.id] = job
        self.admit()

    def _end(self, job: Job) -> None:
        job.ended = True
        self._running.pop(job.id, None)
        self.seen.done += 1
        took_s = self.clock.now - job.recording.at_s
        self.learned.from_job(job, took_s)
        if job.promised_at is not None:
            self.seen.eta_errors.append(abs(job.promised_at - self.clock.now) / took_s)
        self.admit()

    def _lose(self, job: Job) -> None:
        if not job.ended:
            job.ended = True
            self.seen.lost += 1
            self._running.pop(job.id, None)
            self.admit()

    # ---- calls

    def _call(self, call: Call) -> None:
        left = deque(call.chunks_s)
        lost = False

        def ask() -> None:
            chunk = Chunk(call.brick, call.user, call.priority, left.popleft(), ended, failed, asked_at=self.clock.now)
            chunks.append(chunk)
            self.submit(chunk)

        def ended(_: float) -> None:
            if len(chunks) == 1 and chunks[0].started_at is not None:
                self.seen.waits.append((call.priority, chunks[0].started_at - call.at_s))
            if left and not lost:
                ask()
            elif not lost:
                self.seen.done += 1

        def failed() -> None:
            nonlocal lost
            if not lost:
                lost = True
                self.seen.lost += 1

        chunks: list[Chunk] = []
        ask()

    # ---- notebooks

    def compute_beside(self, until: float) -> None:
        """A notebook computes for a quarter of a minute every five, as it likes."""
        pause_s = self.draw.expovariate(1 / 300)
        if self.clock.now + pause_s < until:
            self.clock.at(self.clock.now + pause_s, lambda: self._burst(until))

    def _burst(self, until: float) -> None:
        self.card.run(self.draw.uniform(5, 25), lambda: self.compute_beside(until))

    # ---- measuring

    def note_work(self, chunk: Chunk, took_s: float) -> None:
        self.seen.chunks_s.append(took_s)
        self.seen.got_s[chunk.user] += chunk.work_s
        if self.seen.shares is None and chunk.user in self._archivists and self.clock.now > 600:
            with_work = {job.recording.user for job in self._waiting.values()}
            if not self._archivists <= with_work:
                self.seen.shares = {user: self.seen.got_s[user] for user in self._archivists}

    def _mark(self) -> None:
        since, busy_before, was_backlog = self._marked
        busy = self.card.busy_until_now()
        if was_backlog:
            self.seen.backlog_s += self.clock.now - since
            self.seen.busy_s += busy - busy_before
        self._marked = (self.clock.now, busy, bool(self._waiting))


class WithBroker(Platform):
    """The product's books. `classes`: whether classes and users count, or only who came first."""

    def __init__(self, day: list[Arrival], seed: int, learned: Learned | None = None, classes: bool = True) -> None:
        super().__init__(day, seed, learned)
        self._classes = classes
        self._books = Books({DEVICE: Terms(H100_80GB_MIB, SLOTS, NOTEBOOK_SHARE_MIB)}, Rules())
        self._books.at_once = {name: brick.setup.at_once for name, brick in self.bricks.items()}
        self._numbers = itertools.count()
        self._asked: dict[str, Chunk | Notebook] = {}
        self._elsewhere = {DEVICE: 0}
        self._looked_at = -1.0
        self._notebook_pids: dict[str, int] = {}
        self.clock.at(LOOKS_EVERY_S, self._tick)

    def submit(self, chunk: Chunk) -> None:
        brick = self.bricks[chunk.brick]
        chunk.batch = brick.batch()
        number = next(self._numbers)
        request = Request(
            id=f"r{number}",
            holder=chunk.brick,
            device=DEVICE,
            memory_mib=brick.setup.working_mib[chunk.batch],
            priority=chunk.priority if self._classes else PriorityClass.STANDARD,
            kind=LeaseKind.WORKING,
            asked_at=self.clock.now,
            order=number,
            tenant=chunk.brick,
            user=chunk.user if self._classes else "everybody",
            model=brick.setup.model,
        )
        self._asked[request.id] = chunk
        self._books.ask(request)
        self._move()

    def withdraw(self, job: Job) -> None:
        for request_id, chunk in list(self._asked.items()):
            if isinstance(chunk, Chunk) and chunk.job is job and request_id in self._books.waiting:
                del self._asked[request_id]
                self._books.give_back(request_id, self.clock.now)
                job.under_way[chunk.brick] -= 1
                job.left[chunk.brick].appendleft(chunk.work_s)

    def reserve(self, notebook: Notebook) -> None:
        number = next(self._numbers)
        request = Request(
            f"r{number}",
            f"n{number}",
            DEVICE,
            notebook.memory_mib,
            PriorityClass.STANDARD,
            LeaseKind.NOTEBOOK,
            self.clock.now,
            number,
            user=notebook.user,
            limit_s=notebook.lasts_s,
        )
        self._asked[request.id] = notebook
        self._books.ask(request)
        self._move()

    def next_job(self) -> Job | None:
        if not self._classes:
            return super().next_job()
        situation = self._situation()
        chosen = choose(situation)
        if chosen is not None:
            return self._waiting[chosen.id]
        if urgent := to_yield(situation):
            job = self._running[urgent.id]
            job.asked_to_stop = True
            self.clock.at(self.clock.now + self.draw.uniform(0, NOTICES_WITHIN_S), lambda: self._notices(job))
        return None

    def _notices(self, job: Job) -> None:
        if job.asked_to_stop and job.id in self._running:
            self._go_on(job)

    def promise(self, jobs: list[Job]) -> None:
        if not self._classes:
            super().promise(jobs)
            return
        needs = {job.id: self.demand(job) for job in self._waiting.values()}
        told = foretell(self._situation(), needs, SLOTS)
        for job in jobs:
            job.foretold_s = told[job.id].ends_in_s
            job.promised_at = self.clock.now + job.foretold_s * self.learned.delays.get(job.priority, 1.0)

    def _situation(self) -> Situation:
        while self._starts and self._starts[0][0] < self.clock.now - SHARE_WINDOW_S:
            self._starts.popleft()
        served: Counter[str] = Counter()
        for _, user, audio_s in self._starts:
            served[user] += audio_s  # type: ignore[assignment]
        return Situation(
            now=self.clock.now,
            cap=CAP,
            waiting=[
                Waiting(
                    job.id,
                    job.recording.user,
                    job.priority,
                    job.recording.at_s,
                    begun=job.begun,
                    work_s=job.recording.audio_s,
                )
                for job in self._waiting.values()
            ],
            running=[
                Running(
                    job.id,
                    job.recording.user,
                    job.priority,
                    left=self.demand(job),
                    asked_to_stop=job.asked_to_stop,
                    created_at=job.recording.at_s,
                    work_s=job.recording.audio_s,
                )
                for job in self._running.values()
            ],
            served_by_owner=served,
            last_start=self._last_start,
        )

    def _tick(self) -> None:
        """As the broker's own: what changes without a message."""
        for lease in self._books.expire(self.clock.now):
            self._notebook_ends(lease.request.holder)
        self._move()
        if self.clock.now <= self._last_s or self._asked or self._waiting or self._running or self._notebook_pids:
            self.clock.at(self.clock.now + LOOKS_EVERY_S, self._tick)

    def _move(self) -> None:
        if self.clock.now - self._looked_at >= LOOKS_EVERY_S:
            self._looked_at = self.clock.now
            self._elsewhere[DEVICE] = self._used_without_lease()
        move = self._books.move(self.clock.now, self._elsewhere)
        for loaded in move.evict:
            brick = self.bricks[loaded.holder]
            brick.leaving = True
            self._leave_if_idle(brick)
        for granted in move.granted:
            self._granted(granted)

    def _used_without_lease(self) -> int:
        pids = {brick.setup.name: brick.pid for brick in self.bricks.values()} | self._notebook_pids
        leased: Counter[int] = Counter()
        for lease in self._books.leases.values():
            leased[pids[lease.request.holder]] += lease.memory_mib
        return used_without_lease_mib(self.device.usage(leased.keys()), leased, {})

    def _granted(self, granted: Granted) -> None:
        lease = granted.lease
        asked = self._asked.pop(lease.id)
        if isinstance(asked, Notebook):
            self._notebook_begins(lease.request.holder, asked)
            return
        brick = self.bricks[asked.brick]
        brick.computing += 1
        try:
            load_s = brick.load()
            blocks = brick.allocate(asked.batch)
        except OutOfMemory:
            self._climb_down(brick, asked, lease.id)
            return
        self.clock.at(self.clock.now + load_s, lambda: self._compute(brick, asked, blocks, lease.id))

    def _compute(self, brick: Brick, chunk: Chunk, blocks: list[int], lease_id: str) -> None:
        self._books.has_loaded(brick.setup.name, brick.setup.name)
        chunk.started_at = chunk.started_at or self.clock.now
        began = self.clock.now
        self.clock.at(began, self._move)

        def ended() -> None:
            brick.free(blocks)
            if brick.is_fragmented() and brick.heap is not None:
                brick.heap.drop_caches()
            brick.limit = after_success(brick.limit, brick.setup.batches, chunk.batch, self.clock.now)
            self._ended(brick, lease_id)
            self.note_work(chunk, self.clock.now - began)
            chunk.ended(self.clock.now - began)
            self._move()

        self.card.run(chunk.work_s / brick.setup.speed[chunk.batch], ended)

    def _ended(self, brick: Brick, lease_id: str) -> None:
        brick.computing -= 1
        self._books.give_back(lease_id, self.clock.now)
        self._leave_if_idle(brick)

    def _climb_down(self, brick: Brick, chunk: Chunk, lease_id: str) -> None:
        """Drop caches, halve the batch, have others make room, come back later: in this order, this chunk alone."""
        self.seen.ooms += 1
        self._ended(brick, lease_id)
        chunk.tries += 1
        if brick.heap is not None:
            brick.heap.drop_caches()
        smaller = [batch for batch in brick.setup.batches if batch < chunk.batch]
        if chunk.tries > 1 and smaller:
            brick.limit = after_failure(brick.limit, brick.setup.batches, chunk.batch, self.clock.now)
        elif chunk.tries > 1:
            for loaded in self._books.make_room(DEVICE, PEAK_MIB, brick.setup.name, self.clock.now):
                self.bricks[loaded.holder].leaving = True
                self._leave_if_idle(self.bricks[loaded.holder])
        pause_s = 0.01 if chunk.tries <= 1 + len(brick.setup.batches) else RETRY_LATER_S
        self.clock.at(self.clock.now + pause_s, lambda: self.submit(chunk))

    def _leave_if_idle(self, brick: Brick) -> None:
        if brick.leaving and not brick.computing:
            brick.leaving = False
            brick.end_process()
            self._books.unloaded(brick.setup.name, brick.setup.name, self.clock.now)
            self.clock.at(self.clock.now, self._move)

    def _notebook_begins(self, holder: str, notebook: Notebook) -> None:
        pid = self._notebook_pids[holder] = next(self._pids)
        heap = self.device.open(pid)
        heap.allocate(int(notebook.memory_mib * 0.9) - heap.context_mib)
        self.compute_beside(self.clock.now + notebook.lasts_s)

    def _notebook_ends(self, holder: str) -> None:
        self.device.heaps[self._notebook_pids.pop(holder)].end()


class WithoutBroker(Platform):
    """Each brick takes what comes, one chunk at a time, and allocates when it does."""

    KEEPS_S = 300.0
    """A language model that nobody used for so long is unloaded, which is what Ollama does."""

    def submit(self, chunk: Chunk) -> None:
        brick = self.bricks[chunk.brick]
        chunk.batch = brick.setup.batches[-1]
        brick.waiting.append(chunk)
        self._next(brick)

    def reserve(self, notebook: Notebook) -> None:
        pid = next(self._pids)
        try:
            heap = self.device.open(pid)
            heap.allocate(int(notebook.memory_mib * 0.9) - heap.context_mib)
        except OutOfMemory:
            self.seen.notebooks_lost += 1
            if pid in self.device.heaps:
                self.device.heaps[pid].end()
            return
        self.compute_beside(self.clock.now + notebook.lasts_s)
        self.clock.at(self.clock.now + notebook.lasts_s, heap.end)

    def _next(self, brick: Brick) -> None:
        if brick.computing >= brick.setup.at_once or not brick.waiting:
            return
        chunk = brick.waiting.popleft()
        brick.computing += 1
        try:
            load_s = brick.load()
            blocks = brick.allocate(chunk.batch)
        except OutOfMemory:
            self.seen.ooms += 1
            brick.computing -= 1
            if brick.weights is None:
                brick.end_process()
            chunk.failed()
            self.clock.at(self.clock.now, lambda: self._next(brick))
            return
        self.clock.at(self.clock.now + load_s, lambda: self._compute(brick, chunk, blocks))

    def _compute(self, brick: Brick, chunk: Chunk, blocks: list[int]) -> None:
        chunk.started_at = began = self.clock.now

        def ended() -> None:
            brick.free(blocks)
            brick.computing -= 1
            brick.idle_since = self.clock.now
            if brick.setup.name in ("llm", "research", "staging"):
                self.clock.at(self.clock.now + self.KEEPS_S, lambda: self._unload_if_idle(brick))
            self.note_work(chunk, self.clock.now - began)
            chunk.ended(self.clock.now - began)
            self._next(brick)

        self.card.run(chunk.work_s, ended)

    def _unload_if_idle(self, brick: Brick) -> None:
        if not brick.computing and self.clock.now - brick.idle_since >= self.KEEPS_S:
            brick.end_process()


def _count(recording: Recording, brick: str) -> int:
    per_chunk_s = 600.0 if brick == "llm" else CHUNK_AUDIO_S
    return max(1, math.ceil(recording.audio_s / per_chunk_s))


def _chunks(recording: Recording, draw: random.Random) -> dict[str, deque[float]]:
    """Recognition goes with the speech, diarization with the time, a summary with what there is to read."""
    chunks = {"asr": deque(_works(60 / 109 * recording.speech, _count(recording, "asr"), draw))}
    if recording.priority is not PriorityClass.INTERACTIVE:
        chunks["diarize"] = deque(_works(60 / 77, _count(recording, "diarize"), draw))
    if recording.summary:
        chunks["llm"] = deque(_works(4.0, _count(recording, "llm"), draw))
    return chunks


def _works(mean_s: float, count: int, draw: random.Random) -> Iterator[float]:
    return (mean_s * draw.uniform(0.7, 1.3) for _ in range(count))


Maker = Callable[[list[Arrival], int, Learned], Platform]
PLATFORMS: dict[str, Maker] = {
    "": WithBroker,
    "fifo_": lambda day, seed, learned: WithBroker(day, seed, learned, classes=False),
    "nobroker_": WithoutBroker,
}
