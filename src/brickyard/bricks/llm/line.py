"""Who is served next, by which server, and who is turned away. Pure: plain values in, a decision out.

**The line.** Classes first; waiting raises a request by one class after every `ages_after_s`. Among equals the user
with fewest requests under way goes first, then the one who has had least, then the class as given, then arrival. Who
has waited for `longest_wait_s` goes before all who have not.

**The server.** It has the model and a free place; one that has the model loaded comes first, then the one with fewest
requests under way. Who waits for a busy server holds up nobody whose model is elsewhere.

**Turning away.** The line has an end. A newcomer is turned away there, unless somebody of a lower class waits, or
somebody of its own class whose user has two requests more in the line: then the last of those goes instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from brickyard.gpu.lease import TOP_RANK, PriorityClass


@dataclass(frozen=True, slots=True)
class Rules:
    ages_after_s: float = 20.0
    longest_wait_s: float = 180.0


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Waiting:
    """`order` counts requests in the order of their arrival. `native`: only an Ollama understands it."""

    order: int
    user: str
    priority: PriorityClass
    model: str
    asked_at: float
    native: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """One server. `parallel`: how many requests it works on at once. `native`: it is an Ollama."""

    name: str
    models: frozenset[str]
    loaded: frozenset[str] = frozenset()
    under_way: int = 0
    parallel: int = 1
    native: bool = True

    def takes(self, waiting: Waiting) -> bool:
        """Now: it has a free place."""
        return self.under_way < self.parallel and self.could_take(waiting)

    def could_take(self, waiting: Waiting) -> bool:
        return waiting.model in self.models and (self.native or not waiting.native)


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment. `under_way`: requests by user; `served_s`: seconds of the servers that each user has had."""

    now: float
    waiting: Sequence[Waiting]
    desks: Sequence[Desk]
    under_way: Mapping[str, int] = field(default_factory=dict)
    served_s: Mapping[str, float] = field(default_factory=dict)


def rank(waiting: Waiting, now: float, rules: Rules = DEFAULT_RULES) -> int:
    """The class of the request, raised by its waiting."""
    waited_s = max(0.0, now - waiting.asked_at)
    if waited_s >= rules.longest_wait_s:
        return TOP_RANK + 1
    return min(TOP_RANK, waiting.priority.rank + int(waited_s // rules.ages_after_s))


def line(scene: Scene, rules: Rules = DEFAULT_RULES) -> list[Waiting]:
    """First the one to be served first."""

    def place(waiting: Waiting) -> tuple[float, ...]:
        its_rank = rank(waiting, scene.now, rules)
        overdue = its_rank > TOP_RANK
        has = 0 if overdue else scene.under_way.get(waiting.user, 0)
        had_s = 0.0 if overdue else scene.served_s.get(waiting.user, 0.0)
        return (-its_rank, has, had_s, -waiting.priority.rank, waiting.order)

    return sorted(scene.waiting, key=place)


def next_start(scene: Scene, rules: Rules = DEFAULT_RULES) -> tuple[Waiting, str] | None:
    """Who starts now, and on which server; None where nobody can."""
    for waiting in line(scene, rules):
        desk = desk_for(waiting, scene.desks)
        if desk is not None:
            return waiting, desk.name
    return None


def desk_for(waiting: Waiting, desks: Iterable[Desk]) -> Desk | None:
    able = [desk for desk in desks if desk.takes(waiting)]
    return min(able, key=lambda desk: (waiting.model not in desk.loaded, desk.under_way), default=None)


def turned_away(newcomer: Waiting, scene: Scene, rules: Rules = DEFAULT_RULES) -> Waiting:
    """Who leaves a line that is full: the newcomer or one of those who wait."""
    backwards = list(reversed(line(scene, rules)))
    lower = [waiting for waiting in backwards if waiting.priority.rank < newcomer.priority.rank]
    if lower:
        least = min(waiting.priority.rank for waiting in lower)
        return next(waiting for waiting in lower if waiting.priority.rank == least)
    has = Counter(waiting.user for waiting in scene.waiting)
    greedy = [
        waiting
        for waiting in backwards
        if waiting.priority is newcomer.priority and has[waiting.user] >= has[newcomer.user] + 2
    ]
    return max(greedy, key=lambda waiting: has[waiting.user], default=newcomer)
