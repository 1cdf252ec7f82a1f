"""The processes of bench/gpu.py: the product's broker, bricks that compute with random weights, and one who takes
memory without a lease. `python gpu_children.py ROLE PLAN [MODEL]`; all are started by gpu.py.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpu_models
import uvicorn
from fastapi import Request
from gpu_card import Machine, TorchMemory, first_card, simulated, working_mib
from gpu_models import BATCHES, REAL, TINY, Setup
from pydantic import BaseModel

from brickyard.bricks.batches import Learned, best
from brickyard.bricks.compute import Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.models import Offer
from brickyard.bricks.recycling import Recycler
from brickyard.bricks.server import application
from brickyard.engines.base import MemoryUse
from brickyard.gpu.broker import Broker
from brickyard.gpu.client import BrokerClient
from brickyard.gpu.serving import serve
from brickyard.kit import logs
from brickyard.kit.errors import OutOfMemory
from brickyard.kit.processes import end_with_parent

STEADY_AFTER_S = 5.0
"""A brick may be recycled this soon; the product waits longer, for bricks that fall over again and again."""
GATE_OPENS_WITHIN_S = 30.0
SIMULATED_BATCH = 16
WARM_PASSES = 2
LEAST_PASSES = 3


class Plan(BaseModel):
    """What all processes of one run have to know. `pass_s`: how long each batch size is timed."""

    simulated: bool
    folder: Path
    pass_s: float

    @property
    def broker(self) -> Path:
        return self.folder / "broker.sock"

    @property
    def card(self) -> Path:
        """Where the simulated card listens."""
        return self.folder / "card.sock"

    @property
    def setups(self) -> Mapping[str, Setup]:
        return {setup.name: setup for setup in (TINY if self.simulated else REAL)}

    def machine(self) -> Machine:
        if self.simulated:
            return simulated(self.card, os.getpid())
        return Machine("cuda:0", first_card(), TorchMemory())

    def socket(self, model: str) -> Path:
        return self.folder / f"{model}.sock"

    def weights(self, model: str) -> Path:
        return self.folder / f"{model}.pt"

    def profile(self, model: str) -> Path:
        return self.folder / f"{model}.json"

    def batch(self, found: Profiled) -> int:
        """The size that the product chooses, by what was measured. Tiny models are too quick to choose by."""
        return SIMULATED_BATCH if self.simulated else best(sorted(found.working), found.x_realtime)


class Profiled(BaseModel):
    """One model alone on the card, MiB and seconds. `working`: what a chunk adds at its peak to what the runtime
    holds, `live` to what it uses, by batch size, as `x_realtime`."""

    weights_mib: int
    disk_s: float
    pinned_s: float | None = None
    context_mib: int = 0
    working: dict[int, int] = {}
    live: dict[int, int] = {}
    x_realtime: dict[int, float] = {}


class Ask(BaseModel):
    """One chunk: so many windows. `cold`: nothing is cached when it is begun, so the card has to be asked for all that
    it needs. After that `wait_s` passes, and it is waited for the file `gate`, before it is computed. `warm`: one pass
    of every batch size instead."""

    windows: int
    cold: bool = False
    warm: bool = False
    wait_s: float = 0.0
    gate: Path | None = None
    user: str = "bench"


class Done(BaseModel):
    """`held_mib` and `live_mib`: what the runtime held and used at its peaks meanwhile."""

    audio_s: float
    batch: int
    held_mib: int
    live_mib: int
    computed_s: float = 0.0


class Squeeze(BaseModel):
    mib: int | None


@dataclass
class Speech:
    """A recognizer without any recordings: it keeps the promise of engines.base.Engine."""

    setup: Setup
    machine: Machine
    context_mib: int
    tensors: Mapping[str, Any]
    name = "random-weights"
    parallel = False
    batches: tuple[int, ...] = BATCHES
    frees_memory = False
    """The CUDA context stays until the process ends."""

    def __post_init__(self) -> None:
        memory = self.machine.memory
        with memory.room(0):
            memory.hold_weights(self.setup.weights_mib)
            self._model = gpu_models.loaded_model(self.setup, self.tensors, self.machine.where)
        self.tensors = {}
        self._heard = gpu_models.features(self.setup, self._model, max(self.batches))

    def compute(self, windows: int, batch: int) -> None:
        """As many passes as the windows need."""
        for start in range(0, windows, batch):
            size = min(batch, windows - start)
            with self.machine.memory.room(working_mib(self.setup, size)):
                gpu_models.decode(self.setup, self._model, self._heard[:size])

    def drop_caches(self) -> None:
        self.machine.memory.drop()

    def memory(self) -> MemoryUse:
        use = self.machine.memory.use()
        return MemoryUse(self.context_mib + use.held_mib, self.context_mib + use.allocated_mib)

    def close(self) -> None:
        del self._model
        self.machine.memory.hold_weights(0)
        self.drop_caches()


# ---- the figures of one model


def profile(plan: Plan, model: str) -> None:
    """Imports go on beside each other; then one after another has the card to itself."""
    setup = plan.setups[model]
    gpu_models.runtime()
    with (plan.folder / "card.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        plan.profile(model).write_text(_profiled(plan, setup).model_dump_json())


def _profiled(plan: Plan, setup: Setup) -> Profiled:
    machine, file = plan.machine(), plan.weights(setup.name)
    memory, used_before_mib = machine.memory, machine.device.usage(()).used_mib
    gpu_models.save(gpu_models.random_model(setup, machine.where), file)
    memory.drop()
    gpu_models.forget_pages(file)
    engine, disk_s = _timed(lambda: Speech(setup, machine, 0, gpu_models.read(file)))
    memory.drop()
    weights_mib = memory.use().held_mib
    found = Profiled(
        context_mib=0, weights_mib=weights_mib, working={}, live={}, x_realtime={}, disk_s=disk_s, pinned_s=None
    )
    for batch in BATCHES:
        try:
            _measure(engine, batch, found, plan.pass_s)
        except OutOfMemory:
            break
    held_mib = machine.held_mib(os.getpid())
    all_mib = machine.device.usage(()).used_mib - used_before_mib if held_mib is None else held_mib
    found.context_mib = all_mib - memory.use().held_mib
    engine.close()
    if not plan.simulated:
        pinned = {name: tensor.pin_memory() for name, tensor in gpu_models.read(file).items()}
        _, found.pinned_s = _timed(lambda: Speech(setup, machine, 0, pinned))
    return found


def _measure(engine: Speech, batch: int, found: Profiled, pass_s: float) -> None:
    memory = engine.machine.memory
    memory.drop()
    before = memory.use()
    memory.begin()
    for _ in range(WARM_PASSES):
        engine.compute(batch, batch)
    peak = memory.peak()
    found.working[batch] = max(1, peak.held_mib - before.held_mib)
    found.live[batch] = peak.allocated_mib - before.allocated_mib
    took: list[float] = []
    while len(took) < LEAST_PASSES or sum(took) < pass_s:
        took.append(_timed(lambda: engine.compute(batch, batch))[1])
    found.x_realtime[batch] = batch * engine.setup.window_s / statistics.median(took)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


# ---- those who share the card


def broker(plan: Plan) -> None:
    asyncio.run(serve(Broker([plan.machine().device]), plan.broker))


def brick(plan: Plan, model: str) -> None:
    setup, machine = plan.setups[model], plan.machine()
    offer = offered(plan, setup, machine)
    compute = Compute(
        model,
        BrokerClient(plan.broker, model),
        learned=Learned(plan.folder / f"{model}-learned.json"),
        recycler=Recycler(model, steady_after_s=STEADY_AFTER_S),
    )
    app = application(compute, lambda: Health(brick=model, engine=Speech.name))

    @app.post("/chunk")
    async def chunk(request: Request, ask: Ask) -> Done:
        computed = await compute.run_chunk(request, offer, "standard", ask.user, Chunk(ask))
        return computed.result.model_copy(update={"computed_s": computed.computed_s})

    @app.post("/squeeze")
    async def squeeze(squeeze: Squeeze) -> Squeeze:
        machine.memory.limit(squeeze.mib)
        return squeeze

    gpu_models.parameters(setup)  # imports what loading would otherwise have to wait for
    uvicorn.run(app, uds=str(plan.socket(model)), log_config=None, access_log=False, timeout_graceful_shutdown=3)


def offered(plan: Plan, setup: Setup, machine: Machine) -> Offer[Speech]:
    """With the figures that were measured. The context comes and goes with the weights, as in the product."""
    found = Profiled.model_validate_json(plan.profile(setup.name).read_text())
    file, batches = plan.weights(setup.name), tuple(sorted(found.working))
    return Offer(
        setup.name,
        machine.device.name,
        lambda: Speech(setup, machine, found.context_mib, gpu_models.read(file), batches),
        weights_mib=found.context_mib + found.weights_mib,
        working_mib=lambda batch: found.working[batch],
        batches=batches,
        batch=plan.batch(found),
        context_mib=found.context_mib,
        reload_s=found.disk_s,
    )


@dataclass
class Chunk:
    """What is computed under a lease, in the computing thread, as often as the ladder wants it."""

    ask: Ask
    begun: bool = False

    def __call__(self, engine: Speech, batch: int) -> Done:
        ask, memory = self.ask, engine.machine.memory
        if not self.begun:
            self._begin(engine)
        sizes = engine.batches[: engine.batches.index(batch) + 1] if ask.warm else ()
        for size in sizes:
            engine.compute(size, size)
        if not ask.warm:
            engine.compute(ask.windows, batch)
        peak = memory.peak()
        return Done(
            audio_s=(sum(sizes) or ask.windows) * engine.setup.window_s,
            batch=batch,
            held_mib=peak.held_mib,
            live_mib=peak.allocated_mib,
        )

    def _begin(self, engine: Speech) -> None:
        self.begun = True
        if self.ask.cold:
            engine.drop_caches()
        engine.machine.memory.begin()
        time.sleep(self.ask.wait_s)
        give_up = time.monotonic() + GATE_OPENS_WITHIN_S
        while self.ask.gate and not self.ask.gate.exists() and time.monotonic() < give_up:
            time.sleep(0.001)


def hog(plan: Plan) -> None:
    """Does as the lines say that come in: `take 64` leaves 64 MiB free, `give` gives all back. It has nothing
    of the card before, not even a context."""
    memory = plan.machine().memory
    print("ready", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["take", leave_mib]:
                print(memory.take(int(leave_mib)), flush=True)
            case ["give"]:
                memory.give()
                print(0, flush=True)


ROLES: Mapping[str, Callable[..., None]] = {"profile": profile, "broker": broker, "brick": brick, "hog": hog}


def main() -> None:
    role, plan, *model = sys.argv[1:]
    logs.configure("-".join((role, *model)), json_lines=False)
    if role in ("broker", "brick"):
        end_with_parent()
    ROLES[role](Plan.model_validate_json(Path(plan).read_text()), *model)


if __name__ == "__main__":
    main()
