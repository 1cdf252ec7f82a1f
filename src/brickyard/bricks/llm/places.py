"""Places at the servers, and the line of those who wait for one. The rules are in line.py."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from brickyard.bricks.llm import line
from brickyard.bricks.llm.line import DEFAULT_RULES, Desk, Rules, Scene, Waiting
from brickyard.bricks.llm.metrics import UNDER_WAY, WAITED, WAITING
from brickyard.gpu.lease import PriorityClass
from brickyard.gpu.shares import Shares
from brickyard.kit.errors import Busy, Unavailable

Desks = Callable[[Counter[str]], Sequence[Desk]]
"""The servers as they are now, given how many requests are under way at each."""

SHORTEST_S, LONGEST_S = 1.0, 60.0
"""When to come again, where the line is full."""
LATEST_COUNT = 0.2
"""How much the latest request changes what one is taken to last."""


class Places:
    """`longest_line`: how many may wait; one more is turned away. Used in one event loop."""

    def __init__(
        self,
        desks: Desks,
        longest_line: int,
        rules: Rules = DEFAULT_RULES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desks = desks
        self._longest_line = longest_line
        self._rules = rules
        self._clock = clock
        self._orders = itertools.count()
        self._waiting: dict[int, tuple[Waiting, asyncio.Future[str]]] = {}
        self._shares = Shares()
        self._users: Counter[str] = Counter()
        self._lasts_s: float | None = None
        self.under_way: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def place(
        self, model: str, priority: PriorityClass, user: str, *, native: bool = False
    ) -> AsyncIterator[str]:
        """Waits for a place at a server; its name. Raises Busy where the line is full."""
        asked = Waiting(next(self._orders), user, priority, model, self._clock(), native)
        self._shares.arrives(user, self._present())
        server = await self._wait(asked)
        began = self._clock()
        WAITED.labels(priority).observe(began - asked.asked_at)
        try:
            yield server
        finally:
            self._leave(server, user, self._clock() - began)

    def serve(self) -> None:
        """Gives free places to those who wait. To be called when a server comes or goes, too."""
        while self._waiting and (found := line.next_start(self._scene(), self._rules)):
            waiting, server = found
            self._take(server, waiting.user)
            self._out_of_line(waiting).set_result(server)
        if not self._waiting:
            return
        scene = self._scene()
        for waiting in scene.waiting:
            if not any(desk.could_take(waiting) for desk in scene.desks):
                gone = Unavailable(f"The LLM server that had {waiting.model} is gone. Try again when it is back.")
                self._out_of_line(waiting).set_exception(gone)

    async def _wait(self, asked: Waiting) -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[asked.order] = (asked, future)
        WAITING.labels(asked.priority).inc()
        self.serve()
        if len(self._waiting) > self._longest_line:
            self._turn_away(asked)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                # It was given a place in the very moment in which it left.
                self._leave(future.result(), asked.user, 0.0)
            raise
        finally:
            if asked.order in self._waiting:
                self._out_of_line(asked)

    def _turn_away(self, newcomer: Waiting) -> None:
        scene = self._scene()
        others = replace(scene, waiting=[one for one in scene.waiting if one.order != newcomer.order])
        unlucky = line.turned_away(newcomer, others, self._rules)
        self._out_of_line(unlucky).set_exception(
            Busy(
                f"{self._longest_line} requests wait already, the most that may. Try again later.",
                retry_after_s=self._retry_after_s(scene),
            )
        )

    def _out_of_line(self, waiting: Waiting) -> asyncio.Future[str]:
        WAITING.labels(waiting.priority).dec()
        return self._waiting.pop(waiting.order)[1]

    def _retry_after_s(self, scene: Scene) -> float:
        """By when half of the line will have gone, if requests go on lasting as long as they did."""
        places = sum(desk.parallel for desk in scene.desks) or 1
        expected_s = (self._lasts_s or 0.0) * len(self._waiting) / 2 / places
        return min(LONGEST_S, max(SHORTEST_S, expected_s))

    def _scene(self) -> Scene:
        return Scene(
            now=self._clock(),
            waiting=[waiting for waiting, _ in self._waiting.values()],
            desks=self._desks(self.under_way),
            under_way=self._users,
            served_s=self._shares.had_s,
        )

    def _present(self) -> set[str]:
        return {user for user, count in self._users.items() if count} | {w.user for w, _ in self._waiting.values()}

    def _take(self, server: str, user: str) -> None:
        self.under_way[server] += 1
        self._users[user] += 1
        UNDER_WAY.labels(server).inc()

    def _leave(self, server: str, user: str, had_s: float) -> None:
        self.under_way[server] -= 1
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]
        UNDER_WAY.labels(server).dec()
        self._shares.charge(user, had_s)
        before_s = had_s if self._lasts_s is None else self._lasts_s
        self._lasts_s = before_s + LATEST_COUNT * (had_s - before_s)
        self.serve()
