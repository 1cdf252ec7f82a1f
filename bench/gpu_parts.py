"""What bench/gpu.py measures, part by part. Each ends within the seconds that it is given, or soon after."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import form
from gpu_card import Machine
from gpu_children import Ask, Plan, Profiled
from gpu_tenants import Hog, Ran, Tenant, Watch, command, job, lasting, some

from brickyard.gpu.client import BrokerClient
from brickyard.kit.errors import Unavailable
from brickyard.kit.processes import Supervisor

CHUNK_WINDOWS = 32
STORM_WINDOWS = 8
SMALL_CHUNK_WINDOWS = 2
"""In a chunk of the product, about a minute of audio."""
LEASES = 1000
GREEDY_S = 6.0
PULSE_S, PAUSE_S = 0.45, 0.6
"""A neighbour comes and goes faster than the broker looks at the card."""
SEEN_AFTER_S = 1.0
"""The broker looks at the card twice in that time."""
SETTLES_S = 60.0


@dataclass(frozen=True)
class Times:
    """Seconds for each part, and for each batch size."""

    batch: float
    alone: float
    together: float
    storm: float


FULL = Times(batch=1.0, alone=10.0, together=40.0, storm=25.0)
QUICK = Times(batch=0.2, alone=3.0, together=8.0, storm=8.0)


@dataclass(frozen=True)
class Oom:
    """One way to run out of memory: what was done about it how often, and how it ended."""

    what: str
    rungs: Mapping[str, int]
    ran: list[Ran]
    took_s: float


@dataclass
class Scene:
    """All that a part needs, and what the parts have found."""

    plan: Plan
    times: Times
    machine: Machine
    client: BrokerClient
    supervisor: Supervisor | None = None
    profiles: Mapping[str, Profiled] = field(default_factory=dict)
    leases_s: list[float] = field(default_factory=list)
    alone: list[Ran] = field(default_factory=list)
    together: list[Ran] = field(default_factory=list)
    ooms: list[Oom] = field(default_factory=list)
    finished: bool = False

    def __post_init__(self) -> None:
        self.tenants = {name: Tenant(name, self.plan.socket(name)) for name in self.plan.setups}
        self.watch = Watch(self.client, self.machine, self.pids)

    def pids(self) -> dict[str, int]:
        """Of the bricks that are alive now."""
        alive = self.supervisor.pids() if self.supervisor else {}
        return {name: alive[name] for name in self.tenants if name in alive}

    def batch(self, name: str) -> int:
        return self.plan.batch(self.profiles[name])

    @property
    def leave_mib(self) -> int:
        """What somebody without a lease leaves on the card: too little for one window of anybody's."""
        return min(found.working[1] for found in self.profiles.values()) // 2

    @property
    def ran(self) -> list[Ran]:
        return [*self.alone, *self.together, *(ran for oom in self.ooms for ran in oom.ran)]


async def profile(plan: Plan, env: dict[str, str]) -> dict[str, Profiled]:
    """Each model in a process of its own, which ends with it."""
    children = [await asyncio.create_subprocess_exec(*command("profile", plan, name), env=env) for name in plan.setups]
    try:
        ends = await asyncio.gather(*(child.wait() for child in children))
    finally:
        for child in children:
            with suppress(ProcessLookupError):
                child.kill()
    if any(ends):
        raise Unavailable("A model could not be measured; its process said why above.")
    return {name: Profiled.model_validate_json(plan.profile(name).read_text()) for name in plan.setups}


async def lease_costs(scene: Scene) -> None:
    """From asking to the grant, through the socket, while nobody else asks."""
    for _ in range(LEASES):
        began = time.perf_counter()
        async with scene.client.lease(memory_mib=1, device=scene.machine.device.name):
            scene.leases_s.append(time.perf_counter() - began)


async def warm(scene: Scene) -> None:
    """Every model is loaded, and every batch size has been used once."""
    for name, tenant in scene.tenants.items():
        ran = await job(tenant, some(1, Ask(windows=scene.batch(name), warm=True)))
        if ran.lost:
            raise Unavailable(f"{name} does not even run once: {ran.lost}")


async def alone(scene: Scene) -> None:
    for name, tenant in scene.tenants.items():
        form.note(f"    {name}")
        scene.alone.append(await job(tenant, lasting(scene.times.alone, Ask(windows=CHUNK_WINDOWS))))


async def together(scene: Scene) -> None:
    async with scene.watch:
        ask = Ask(windows=CHUNK_WINDOWS)
        jobs = (job(tenant, lasting(scene.times.together, ask)) for tenant in scene.tenants.values())
        scene.together.extend(await asyncio.gather(*jobs))


# ---- out of memory, on purpose


async def out_of_memory(scene: Scene, hog: Hog) -> None:
    """A size that failed is not tried again for a day, so most ways have a model of their own."""
    first, second, third = scene.tenants
    ways: dict[str, Callable[[], Awaitable[list[Ran]]]] = {
        "a tenant may have less than its lease": lambda: _squeezed(scene, third),
        "somebody new fills the card for a moment, nobody else has a lease": lambda: _at_that_moment(scene, third, hog),
        "somebody fills the card, idle models can leave": lambda: _surprised(scene, first, hog),
        "somebody fills the card and takes what idle models leave": lambda: _crowded_out(scene, second, hog),
        "somebody comes and goes while all three compute": lambda: _stormy(scene, hog),
    }
    for what, provoke in ways.items():
        await warm(scene)
        form.note(f"    {what}")
        before, began = await _ooms(scene), time.monotonic()
        ran = await provoke()
        took_s = time.monotonic() - began
        scene.ooms.append(Oom(what, await _ooms(scene) - before, ran, took_s))


async def _squeezed(scene: Scene, name: str) -> list[Ran]:
    """Its runtime is told to stop at the weights and a quarter of the batch that the lease is for."""
    found, batch, tenant = scene.profiles[name], scene.batch(name), scene.tenants[name]
    fits = max((size for size in found.working if 4 * size <= batch), default=min(found.working))
    await tenant.squeeze(found.weights_mib + found.working[fits])
    try:
        return [await job(tenant, some(3, Ask(windows=batch, cold=True)))]
    finally:
        await tenant.squeeze(None)


async def _at_that_moment(scene: Scene, name: str, hog: Hog) -> list[Ran]:
    """Between the lease and the chunk somebody takes all that is free, whom the broker cannot have seen yet,
    and who has had nothing of the card before."""
    await scene.client.make_room(scene.machine.device.name, scene.machine.device.total_mib())
    await asyncio.sleep(SEEN_AFTER_S)
    running, gate = await _begun(scene, name)
    await hog.take(scene.leave_mib)
    gate.touch()
    await asyncio.wait({running}, timeout=1.0)
    await hog.give()
    return [await running]


async def _surprised(scene: Scene, name: str, hog: Hog) -> list[Ran]:
    """The broker knows of it when the chunk finds no room, which there is once idle models have left."""
    running, gate = await _begun(scene, name)
    await hog.take(scene.leave_mib)
    await asyncio.sleep(SEEN_AFTER_S)
    gate.touch()
    await asyncio.wait({running}, timeout=SETTLES_S)
    await hog.give()
    return [await running]


async def _crowded_out(scene: Scene, name: str, hog: Hog) -> list[Ran]:
    """There is room only once that somebody has gone."""
    running, gate = await _begun(scene, name)
    async with hog.greedy(scene.leave_mib, GREEDY_S):
        await asyncio.sleep(SEEN_AFTER_S)
        gate.touch()
    return [await running]


async def _stormy(scene: Scene, hog: Hog) -> list[Ran]:
    ask = Ask(windows=STORM_WINDOWS, cold=True, wait_s=0.2)
    jobs = asyncio.gather(*(job(tenant, lasting(scene.times.storm, ask)) for tenant in scene.tenants.values()))
    over_at = time.monotonic() + scene.times.storm
    try:
        while time.monotonic() < over_at:
            await hog.take(scene.leave_mib)
            await asyncio.sleep(PULSE_S)
            await hog.give()
            await asyncio.sleep(PAUSE_S)
        return await jobs
    finally:
        jobs.cancel()


async def _begun(scene: Scene, name: str) -> tuple[asyncio.Task[Ran], Path]:
    """A job of one chunk that has its lease by now, and the gate at which it waits to be computed."""
    gate = scene.plan.folder / f"gate-{time.monotonic_ns()}"
    ask = Ask(windows=scene.batch(name), cold=True, gate=gate)
    running = asyncio.create_task(job(scene.tenants[name], some(1, ask)))
    async with asyncio.timeout(SETTLES_S):
        while not running.done():
            leases = (await scene.client.status())["leases"]
            if any(lease["holder"] == name and lease["kind"] == "working" for lease in leases):
                break
            await asyncio.sleep(0.02)
    return running, gate


async def _ooms(scene: Scene) -> Counter[str]:
    await asyncio.sleep(0.1)  # bricks tell of them beside their work
    status = await scene.client.status()
    return Counter(status["totals"]["ooms"])
