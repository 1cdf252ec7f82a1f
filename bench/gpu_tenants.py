"""Those who share the card in bench/gpu.py, seen from outside: bricks that are kept alive, jobs of many chunks for
them, somebody who takes memory without asking, and a look at what everybody holds.

Bricks, broker and supervisor are the product's, and so is the loop that takes a job through its chunks.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import form
import httpx
from gpu_card import Machine
from gpu_children import Ask, Done, Plan, Squeeze

from brickyard.bricks.client import Brick
from brickyard.bricks.runner import Computed, chunks_as_they_come
from brickyard.gpu.client import BrokerClient
from brickyard.jobs.context import StepContext
from brickyard.kit.errors import BrickyardError
from brickyard.kit.processes import Child, Supervisor

CHILDREN = Path(__file__).with_name("gpu_children.py")
LOOKS_EVERY_S = 0.1
STARTS_WITHIN_S = 120.0


class Tenant(Brick):
    async def chunk(self, ask: Ask) -> Done:
        return await self.ask("POST", "/chunk", ask, Done)

    async def squeeze(self, mib: int | None) -> None:
        await self.ask("POST", "/squeeze", Squeeze(mib=mib), Squeeze)


@dataclass
class Kept:
    """The checkpoints of one job, in memory: the part of jobs.checkpoints.Checkpoints that chunks need."""

    done: list[Done] = field(default_factory=list)
    last_at: float = 0.0

    def chunks(self, step: str, following: int = 0) -> dict[int, Any]:
        return {}

    def save(self, step: str, index: int, result: Done, work_s: float, busy_s: float, *, device_s: float) -> None:
        self.done.append(result)
        self.last_at = time.monotonic()

    def wanted(self) -> None:
        return None


@dataclass(frozen=True)
class Ran:
    """One job. `lost`: why it failed, where it did."""

    tenant: str
    done: list[Done]
    wall_s: float
    lost: str = ""

    @property
    def x_realtime(self) -> float:
        return sum(done.audio_s for done in self.done) / self.wall_s


async def job(tenant: Tenant, asks: AsyncIterator[Ask]) -> Ran:
    """Through the product's own loop: chunks that find no memory are asked for again until they are computed."""
    kept, began = Kept(), time.monotonic()
    context = StepContext(cast(Any, None), tenant.name, {}, cast(Any, kept))

    async def compute(ask: Ask) -> Computed:
        done = await tenant.chunk(ask)
        return Computed(done, done.computed_s)

    lost = ""
    try:
        await chunks_as_they_come(context, asks, lambda ask: float(ask.windows), compute)
    except BrickyardError as error:
        lost = f"{error.code}: {error.message}"
        form.note(f"    LOST: a job of {tenant.name}: {lost}")
    return Ran(tenant.name, kept.done, max(1e-9, (kept.last_at or time.monotonic()) - began), lost)


async def some(count: int, ask: Ask) -> AsyncIterator[Ask]:
    for _ in range(count):
        yield ask


async def lasting(seconds: float, ask: Ask) -> AsyncIterator[Ask]:
    """The same chunk, until the time is up; at least one."""
    over_at = time.monotonic() + seconds
    yield ask
    while time.monotonic() < over_at:
        yield ask


class Hog:
    """A process on the card without a lease."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def take(self, leave_mib: int) -> int:
        return await self._say(f"take {leave_mib}")

    async def give(self) -> None:
        await self._say("give")

    @asynccontextmanager
    async def greedy(self, leave_mib: int, seconds: float) -> AsyncIterator[None]:
        """While the block runs, but no longer than this, whatever becomes free is taken at once."""
        eating = asyncio.create_task(self._eat(leave_mib, seconds))
        try:
            yield
        finally:
            await eating

    async def _eat(self, leave_mib: int, seconds: float) -> None:
        over_at = time.monotonic() + seconds
        while time.monotonic() < over_at:
            await self.take(leave_mib)
            await asyncio.sleep(0.02)
        await self.give()

    async def _say(self, line: str) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n".encode())
        return int(await self._process.stdout.readline())


@dataclass(frozen=True)
class Peak:
    """MiB. `leased`: weights and chunks together."""

    held: int = 0
    leased: int = 0

    def with_(self, held: int, leased: int) -> Peak:
        return Peak(max(self.held, held), max(self.leased, leased))

    @property
    def ratio(self) -> float | None:
        return self.held / self.leased if self.leased else None


class Watch:
    """While it is open: the most that each tenant holds by the card's account, and the most that it has leased; and
    how much power and time of the card is used."""

    def __init__(self, client: BrokerClient, machine: Machine, pids: Callable[[], Mapping[str, int]]) -> None:
        self._client = client
        self._machine = machine
        self._pids = pids
        self.by_tenant: dict[str, Peak] = {}
        self.together = Peak()
        self.watts: list[float] = []
        self.busy_percent: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def _look(self) -> None:
        pids = self._pids()
        before = _leased(await self._client.status())
        usage = await asyncio.to_thread(self._machine.device.usage, set(pids.values()))
        status = await self._client.status()
        after = _leased(status)
        told = {holder["holder"]: holder["held_mib"] or 0 for holder in status["holders"]}
        held = {name: usage.by_pid.get(pid, told.get(name, 0)) for name, pid in pids.items()}
        leased = {name: max(before[name], after[name]) for name in pids}
        for name in pids:
            self.by_tenant[name] = self.by_tenant.get(name, Peak()).with_(held[name], leased[name])
        self.together = self.together.with_(sum(held.values()), sum(leased.values()))
        reading = await asyncio.to_thread(self._machine.reading)
        if reading is not None and reading.power_w is not None:
            self.watts.append(reading.power_w)
        if reading is not None and reading.utilisation_percent is not None:
            self.busy_percent.append(reading.utilisation_percent)


def _leased(status: Mapping[str, Any]) -> Counter[str]:
    leased: Counter[str] = Counter()
    for lease in status["leases"]:
        leased[lease["holder"]] += lease["memory_mib"]
    return leased


# ---- starting them


def command(role: str, plan: Plan, *model: str) -> list[str]:
    return [sys.executable, str(CHILDREN), role, str(plan.folder / "plan.json"), *model]


def environment(visible: str | None) -> dict[str, str]:
    """Every process sees one card and no other; a program that reads models finds no network to ask."""
    own = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **own, **({"CUDA_VISIBLE_DEVICES": visible} if visible else {})}


@contextmanager
def serving(plan: Plan, env: dict[str, str]) -> Iterator[Supervisor]:
    """The broker and one brick for each model, kept alive while the block runs."""
    supervisor = Supervisor(plan.folder / "logs", env)
    try:
        supervisor.start([Child("broker", command("broker", plan), plan.broker.exists)])
        bricks = [
            Child(name, command("brick", plan, name), _answers(plan.socket(name)), ready_within_s=STARTS_WITHIN_S)
            for name in plan.setups
        ]
        supervisor.start(bricks)
        yield supervisor
    finally:
        supervisor.stop()


@asynccontextmanager
async def hog(plan: Plan, env: dict[str, str]) -> AsyncIterator[Hog]:
    pipe = asyncio.subprocess.PIPE
    with (plan.folder / "logs" / "hog.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command("hog", plan), env=env, stdin=pipe, stdout=pipe, stderr=log
        )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n", "see hog.log"
        yield Hog(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _answers(socket: Path) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), timeout=5.0) as client:
                return client.get("http://brick/health").is_success
        except httpx.TransportError:
            return False

    return answers
