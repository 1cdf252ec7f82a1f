"""One card in numbers: time that is shared by what computes, memory that fragments, and bricks that allocate for real.

The books, the policies of leases and jobs, and the forecast are the product's own; simulated are the card, the engines
and the people. Memory figures are those of the product's profiles. How much faster several chunks at once go in sum is
published by OpenTranscribe (39.0 × real time at 1 job, 45.9 at 4, 39.2 at 8, 30.8 at 16). Assumed: weights load at
2 GB a second after 1 s; a chunk allocates 75 to 100 % of its profile's figure in five blocks, and one in 500 a peak of
2,800 MiB more, the size of a peak that was published.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from brickyard.bricks.batches import Limit, size
from brickyard.engines import profiles
from brickyard.engines.profiles import Profile
from brickyard.gpu.devices import SimulatedDevice
from brickyard.gpu.devices.simulated import Heap
from brickyard.gpu.lease import Model, PriorityClass
from brickyard.kit.errors import OutOfMemory

H100_80GB_MIB = 81_559
SUMMED_SPEED = {1: 1.0, 4: 45.9 / 39.0, 8: 39.2 / 39.0, 16: 30.8 / 39.0}
PEAK_MIB = 2_800
ONE_IN = 500


@dataclass(frozen=True, slots=True)
class Setup:
    """A brick: its model, the batch it would like, and those it can fall back to, smallest first."""

    name: str
    weights_mib: int
    context_mib: int
    working_mib: dict[int, int]
    speed: dict[int, float]
    """By batch, against the largest."""
    at_once: int = 1
    pinned: bool = False

    @property
    def batches(self) -> list[int]:
        return sorted(self.working_mib)

    @property
    def reload_s(self) -> float:
        return 1.0 + self.weights_mib / 2000

    @property
    def model(self) -> Model:
        return Model(self.name, self.weights_mib + self.context_mib, self.reload_s, self.pinned)


def setup(name: str, profile: Profile, largest: int = 1, weights_mib: int | None = None, **more: Any) -> Setup:
    batches = [batch for batch in profile.working_mib if batch <= largest] or [min(profile.working_mib)]
    fastest = profile.x_realtime.get(max(batches), 1.0)
    return Setup(
        name,
        weights_mib or profile.weights_mib,
        profile.context_mib,
        {batch: profile.working_mib[batch] for batch in batches},
        {batch: profile.x_realtime.get(batch, fastest) / fastest for batch in batches},
        **more,
    )


SETUPS = {
    "asr": setup("asr", profiles.WHISPER_TURBO, largest=8),
    "diarize": setup("diarize", profiles.PYANNOTE, largest=16),
    "ocr": setup("ocr", profiles.OCR_VLM),
    "translate": setup("translate", profiles.TRANSLATION),
    "llm": setup("llm", profiles.LLM_27B, largest=8, at_once=4, pinned=True),
    "research": setup("research", profiles.LLM_27B, largest=32, weights_mib=24_000),
    "staging": setup("staging", profiles.LLM_27B, largest=8, weights_mib=6_000),
}


class Clock:
    """Things that happen at a moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, moment: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(moment, self.now), next(self._numbers), what))

    def step(self) -> bool:
        if not self._events:
            return False
        self.now, _, what = heapq.heappop(self._events)
        what()
        return True


class Card:
    """What computes at a time shares the card evenly; the more there is, the faster or slower the sum (see above)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done = 0.0
        """Seconds of work that one who was there all the time would have got."""
        self._since = 0.0
        self._running: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._version = 0
        self.busy_s = 0.0

    def run(self, seconds: float, then: Callable[[], None]) -> None:
        self._advance()
        heapq.heappush(self._running, (self._done + seconds, next(self._numbers), then))
        self._plan()

    def busy_until_now(self) -> float:
        self._advance()
        return self.busy_s

    def _advance(self) -> None:
        passed = self._clock.now - self._since
        self._since = self._clock.now
        if self._running:
            self.busy_s += passed
            self._done += passed * _speed(len(self._running))

    def _plan(self) -> None:
        self._version += 1
        if not self._running:
            return
        version = self._version
        left = max(0.0, self._running[0][0] - self._done) / _speed(len(self._running))
        self._clock.at(self._clock.now + left, lambda: self._end_first(version))

    def _end_first(self, version: int) -> None:
        if version != self._version:
            return
        self._advance()
        _, _, then = heapq.heappop(self._running)
        self._plan()
        then()


def _speed(together: int) -> float:
    """Of each one of so many that compute together."""
    known = sorted(SUMMED_SPEED)
    above = next((n for n in known if n >= together), known[-1])
    below = max((n for n in known if n <= together), default=known[0])
    share = 0.0 if above == below else (together - below) / (above - below)
    return (SUMMED_SPEED[below] * (1 - share) + SUMMED_SPEED[above] * share) / together


@dataclass(eq=False)
class Chunk:
    """`work_s`: on a card of its own, at the largest batch. `ended` is told how long it computed."""

    brick: str
    user: str
    priority: PriorityClass
    work_s: float
    ended: Callable[[float], None]
    failed: Callable[[], None]
    asked_at: float = 0.0
    started_at: float | None = None
    batch: int = 0
    tries: int = 0
    job: object = None


@dataclass(eq=False)
class Brick:
    """One process: weights that are loaded or not, and a heap that keeps what it frees."""

    setup: Setup
    device: SimulatedDevice
    draw: random.Random
    pid: int
    waiting: deque[Chunk] = field(default_factory=deque)
    heap: Heap | None = None
    weights: int | None = None
    computing: int = 0
    idle_since: float = 0.0
    leaving: bool = False
    limit: Limit | None = None

    def batch(self) -> int:
        return size(self.limit, self.setup.batches, self.setup.batches[-1])

    def load(self) -> float:
        """Seconds that loading takes, 0 where the weights are there. Raises OutOfMemory."""
        if self.weights is not None:
            return 0.0
        if self.heap is None:
            self.heap = self.device.open(self.pid)
        self.weights = self.heap.allocate(self.setup.weights_mib)
        return self.setup.reload_s

    def allocate(self, batch: int) -> list[int]:
        """Blocks for one chunk. Raises OutOfMemory, and then holds none."""
        assert self.heap is not None
        wanted = self.setup.working_mib[batch] * self.draw.uniform(0.75, 1.0)
        if self.draw.randrange(ONE_IN) == 0:
            wanted += PEAK_MIB
        cuts = sorted(self.draw.random() for _ in range(4))
        sizes = [max(1, int(wanted * (b - a))) for a, b in itertools.pairwise([0.0, *cuts, 1.0])]
        blocks: list[int] = []
        try:
            for size in sizes:
                blocks.append(self.heap.allocate(size))
        except OutOfMemory:
            self.free(blocks)
            raise
        return blocks

    def free(self, blocks: list[int]) -> None:
        assert self.heap is not None
        for block in blocks:
            self.heap.free(block)

    def end_process(self) -> None:
        """What a runtime keeps after unloading only the end of its process gives back."""
        if self.heap is not None:
            self.heap.end()
        self.heap = self.weights = None

    def is_fragmented(self) -> bool:
        held = self.heap.held_mib if self.heap else 0
        loose = self.heap.fragmentation_mib if self.heap else 0
        return loose > 512 and loose > 0.25 * held
