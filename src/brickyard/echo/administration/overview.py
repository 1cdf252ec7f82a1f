"""The platform now: each part asked at once, none of them waited for long, and the whole kept for a moment."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from brickyard import __version__
from brickyard.bricks.client import Brick
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.llm.contract import LlmModels
from brickyard.echo.administration import store
from brickyard.echo.administration.schemas import (
    BrickView,
    CardView,
    DeviceView,
    LeaseRequestView,
    LeaseView,
    LlmModelView,
    LlmView,
    ModelView,
    Overview,
    Versions,
)
from brickyard.engines.catalog import ModelCard
from brickyard.gpu.wire import Message
from brickyard.kit.clock import Clock, utc_now
from brickyard.kit.errors import BrickyardError

KEPT_S = 2.0
ANSWERS_WITHIN_S = 0.5
MIB = 1 << 20
MEMORY = ("budget", "resident", "working", "notebook", "elsewhere", "free")

T = TypeVar("T")


@dataclass
class Platform:
    """Tells of everything, from one event loop. `broker`: asks for its status, see gpu/status.py; `bricks`: those with
    models of their own; `cards`: the installed models; `files_dir`: where recordings lie."""

    engine: sa.Engine
    broker: Callable[[], Message]
    bricks: Sequence[Brick]
    llm: Llm
    cards: Sequence[ModelCard]
    files_dir: Path
    clock: Clock = utc_now
    _kept: Overview | None = None
    _good_until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def overview(self) -> Overview:
        """Everybody who looks within two seconds sees the same."""
        async with self._lock:
            if self._kept is None or time.monotonic() >= self._good_until:
                self._kept = await self._look()
                self._good_until = time.monotonic() + KEPT_S
            return self._kept

    async def _look(self) -> Overview:
        (status, no_card), (llm, no_llm), bricks, kept = await asyncio.gather(
            _within(asyncio.to_thread(self.broker)),
            _within(self.llm.overview()),
            asyncio.gather(*(_brick(brick) for brick in (*self.bricks, self.llm))),
            asyncio.to_thread(store.read, self.engine, self.files_dir, self.clock()),
        )
        now = self.clock()
        reasons = {"card": no_card, "llm": no_llm}
        return Overview(
            at=now,
            versions=Versions(brickyard=__version__, python=platform.python_version(), postgresql=kept.postgresql),
            card=None if status is None else card_view(status, now),
            models=model_views(self.cards, () if status is None else status["weights"], now),
            bricks=bricks,
            llm=None if llm is None else llm_view(llm),
            queue=kept.queue,
            workers=kept.workers,
            storage=kept.storage,
            people=kept.people,
            reasons={part: reason for part, reason in reasons.items() if reason is not None},
        )


async def _within(asked: Awaitable[T]) -> tuple[T | None, str | None]:
    """What was asked for, or why there is no answer."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await asked, None
    except TimeoutError:
        return None, f"No answer within {ANSWERS_WITHIN_S:g} s: the process is starting, busy or away; see its log."
    except BrickyardError as error:
        return None, error.message


async def _brick(brick: Brick) -> BrickView:
    told, reason = await _within(brick.health())
    return BrickView(name=brick.name, is_up=told is not None, reason=reason)


def llm_view(told: LlmModels) -> LlmView:
    names = set(LlmModelView.model_fields)
    models = [LlmModelView(**one.model_dump(include=names)) for one in told.models]
    return LlmView(default=told.default, models=models, troubles=told.troubles)


def card_view(status: Message, now: datetime) -> CardView:
    """As the broker tells of itself, in bytes and moments."""
    return CardView(
        devices=[_device(device) for device in status["devices"]],
        leases=[_lease(lease, now) for lease in status["leases"]],
        waiting=[
            LeaseRequestView(**_request(request), place=request["place"], waits_s=request["waited_s"])
            for request in status["waiting"]
        ],
    )


def model_views(cards: Sequence[ModelCard], weights: Iterable[Message], now: datetime) -> list[ModelView]:
    """Every installed model, and each place where its weights are; what an LLM server has loaded comes last."""
    brick_of = {card.name: card.brick for card in cards}
    found = [_loaded(one, brick_of.get(one["model"], "llm"), now) for one in weights]
    resident = {view.name for view in found}
    installed = [ModelView(name=name, brick=brick, state="installed") for name, brick in brick_of.items()]
    views = [*found, *(view for view in installed if view.name not in resident)]
    return sorted(views, key=lambda view: (view.brick == "llm", view.brick, view.state == "installed", view.name))


def _loaded(told: Message, brick: str, now: datetime) -> ModelView:
    state: Literal["loading", "leaving", "loaded"] = "loaded"
    if told["loading"] or told["leaving"]:
        state = "loading" if told["loading"] else "leaving"
    return ModelView(
        name=told["model"],
        brick=brick,
        state=state,
        device=told["device"],
        resident_bytes=told["memory_mib"] * MIB,
        is_pinned=told["pinned"],
        loaded_at=now - timedelta(seconds=told["loaded_s"]),
        last_used_at=now - timedelta(seconds=told["idle_s"]),
    )


def _device(told: Message) -> DeviceView:
    sizes = {f"{part}_bytes": told[f"{part}_mib"] * MIB for part in MEMORY}
    return DeviceView(name=told["name"], slots=told["slots"], computing=told["computing"], **sizes)


def _lease(told: Message, now: datetime) -> LeaseView:
    ends_in_s = told["ends_in_s"]
    return LeaseView(
        **_request(told),
        since=now - timedelta(seconds=told["held_s"]),
        ends_at=None if ends_in_s is None else now + timedelta(seconds=ends_in_s),
    )


def _request(told: Message) -> dict[str, Any]:
    same = ("device", "holder", "tenant", "kind", "model")
    size = told["memory_mib"] * MIB
    return {name: told[name] for name in same} | {"user": told["user"] or "", "class": told["priority"], "bytes": size}
