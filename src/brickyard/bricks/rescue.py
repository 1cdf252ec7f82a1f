"""Climbs the ladder: computes again, each time with more room, until it fits or there is nothing left to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from prometheus_client import Counter

from brickyard.bricks.background import Background
from brickyard.bricks.batches import Learned
from brickyard.bricks.ladder import Attempt, Rung, is_alone, next_rung
from brickyard.bricks.models import InThread, Models, Residence
from brickyard.bricks.recycling import Recycler
from brickyard.bricks.watchdog import Fragmentation, Holdings
from brickyard.gpu.client import BrokerClient, HeldLease
from brickyard.kit.errors import OutOfMemory, TooLarge, Unavailable
from brickyard.kit.logs import get
from brickyard.kit.metrics import registry

R = TypeVar("R")

OOMS = Counter(
    "brickyard_oom", "Allocations that failed, by what was done about it", ["brick", "model", "rung"], registry=registry
)

log = get(__name__)


@dataclass
class Rescue:
    """One for a brick."""

    brick: str
    broker: BrokerClient | None
    models: Models
    holdings: Holdings
    learned: Learned
    recycler: Recycler
    tolerated: Fragmentation
    background: Background
    in_thread: InThread

    async def load(self, residence: Residence[Any], lease: HeldLease | None) -> None:
        """Loads the weights, for which there is a lease. Raises as `compute` does."""
        await self._climb(residence, lease, Attempt(0), (), lambda _: self.in_thread(residence.load))

    async def compute(
        self, residence: Residence[Any], lease: HeldLease, batch: int, call: Callable[[int], Awaitable[R]]
    ) -> R:
        """What `call` gives at `batch`, or at the first smaller one for which there is room.

        Raises OutOfMemory where it is to be tried later, TooLarge where it can never fit, LeaseLost.
        """
        offer = residence.offer
        result, fitted = await self._climb(residence, lease, Attempt(batch), offer.batches, call)
        self.learned.worked(offer.name, offer.device, offer.batches, fitted)
        return result

    async def _climb(
        self,
        residence: Residence[Any],
        lease: HeldLease | None,
        attempt: Attempt,
        batches: Sequence[int],
        call: Callable[[int], Awaitable[R]],
    ) -> tuple[R, int]:
        while True:
            if lease is not None:
                lease.check()
            try:
                return await call(attempt.batch), attempt.batch
            except OutOfMemory as error:
                # Nothing may keep the error: its traceback holds on to what the failed attempt had in memory.
                said = error.message
            rung, following = next_rung(attempt, batches)
            self._tell(residence, attempt, rung, said)
            attempt = await self._step(residence, rung, attempt, following, said)

    async def _step(
        self, residence: Residence[Any], rung: Rung, failed: Attempt, following: Attempt, said: str
    ) -> Attempt:
        """Does what the rung says; the attempt to make then."""
        offer = residence.offer
        match rung:
            case Rung.HALVE_BATCH:
                self.learned.failed(offer.name, offer.device, offer.batches, failed.batch)
            case Rung.MAKE_ROOM:
                following = replace(following, alone=await self._make_room(residence))
            case Rung.GIVE_UP if await self._make_room(residence):
                # Asked a second time: somebody may have come and gone between the first answer and the last attempt.
                raise TooLarge(
                    f"{offer.name} does not fit {offer.device}, though nobody else uses that: {offer.weights_mib} MiB "
                    f"for its weights and {offer.working_mib(offer.batches[0])} MiB for a chunk are reckoned with. "
                    f"{said} Use a smaller model or a larger device."
                )
            case Rung.RETRY_LATER | Rung.GIVE_UP:
                raise OutOfMemory(
                    f"{offer.device} has no room for {offer.name} now, while others use it: {said} "
                    "It is tried again when they have given some of it back."
                )
            case Rung.DROP_CACHES:
                pass
        await self.models.drop_caches(offer.device, self.in_thread, held=residence)
        return following

    async def _make_room(self, residence: Residence[Any]) -> bool:
        """Lets idle models leave, our own first. Whether this model is alone on the device then."""
        offer = residence.offer
        await self._unload_own(residence)
        if self.broker is None:
            return False
        needed_mib = offer.weights_mib + offer.working_mib(offer.batches[0])
        try:
            room = await self.broker.make_room(offer.device, needed_mib)
            others_mib = room.others_mib - await self._counted_as_others_mib(offer.device)
        except Unavailable:
            return False
        use = self.holdings.use(offer.device)
        if use is not None and self.tolerated.is_too_much(use):
            # A new process may have the room that lies here in fragments.
            self.background.start("recycling failed", self.recycler.recycle("out of memory"))
            return False
        nobody_here = self.recycler.computing_now <= 1
        nothing_here = all(it is residence for it in self.models.loaded(offer.device))
        return nobody_here and nothing_here and is_alone(others_mib, needed_mib)

    async def _unload_own(self, residence: Residence[Any]) -> None:
        for other in self.models.loaded(residence.offer.device):
            if other is residence or other.users or other.offer.pinned:
                continue
            await other.close(lambda engine: self.in_thread(engine.close))
            if self.broker is not None:
                await self.broker.unloaded(other.offer.name)

    async def _counted_as_others_mib(self, device: str) -> int:
        """What this process has beyond its leases, which the broker counts as somebody else's."""
        use = self.holdings.use(device)
        if self.broker is None or use is None:
            return 0
        status = await self.broker.status()
        elsewhere_mib: int = next(it["elsewhere_mib"] for it in status["devices"] if it["name"] == device)
        return min(elsewhere_mib, max(0, use.held_mib - self.holdings.entitled_mib(device)))

    def _tell(self, residence: Residence[Any], failed: Attempt, rung: Rung, said: str) -> None:
        offer = residence.offer
        log.warning("out of memory", model=offer.name, device=offer.device, batch=failed.batch, rung=rung, reason=said)
        OOMS.labels(self.brick, offer.name, rung.value).inc()
        if self.broker is not None:
            told = self.broker.oom(offer.device, offer.name, failed.batch, rung.value)
            self.background.start("the broker was not told of it", told)
