"""Every way to divide models into those that stay on a card and those that take turns there, and the best of them.

Pure: plain values in, a choice out. Memory is in MiB. What is wanted:

    always  what is held and what the chunks computed at once add at their peak is within the card's budget
    first   as many hours of audio a day as can be
    then    as few loads of models as can be

Each division is weighed with every batch size worth having, so a larger card never gets a worse plan. Models that take
turns are loaded one at a time, each in a process of its own that ends with its turn, since an unloaded one keeps memory
until it ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest

from brickyard.kit.errors import BadInput

HOUR_S = 3600.0
DAY_H = 24.0
# Less than this is not worth the memory of a larger batch.
LEAST_GAIN = 1.03
# Divisions double with each model that may take turns.
MOST_MOVABLE = 10


@dataclass(frozen=True, slots=True)
class Card:
    """`reserve_mib` is planned for nobody: it is for peaks above what profiles tell."""

    name: str
    total_mib: int
    reserve_mib: int = 0

    @property
    def budget_mib(self) -> int:
        return self.total_mib - self.reserve_mib


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is wanted.

    `working` and `x_realtime` are by batch size; `x_realtime` is empty where no speed is known. `audio_share`: how
    much of every hour of audio it hears, 0 for what hears none. `uses_a_day`: how often it is called for, which is how
    often it is loaded at worst where it takes turns. `reload_s` is None where nobody measured it. `holds_working`:
    its batch is the length of a context whose memory is held as long as the model is loaded; more is better.
    """

    name: str
    context_mib: int
    weights_mib: int
    working: Mapping[int, int] = field(default_factory=dict)
    x_realtime: Mapping[int, float] = field(default_factory=dict)
    reload_s: float | None = None
    pinned: bool = False
    audio_share: float = 0.0
    uses_a_day: float = 0.0
    holds_working: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """`at_once`: models that compute at the same time. Where no reload was measured, `start_s` is assumed for a new
    process, and `read_mib_s` for its weights."""

    at_once: int = 2
    start_s: float = 10.0
    read_mib_s: float = 500.0


@dataclass(frozen=True, slots=True)
class Option:
    """A batch size that may be chosen."""

    batch: int | None
    working_mib: int
    x_realtime: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to divide the models. `options` holds one for each model on the card, by its name."""

    resident: tuple[Candidate, ...]
    swapping: tuple[Candidate, ...]
    options: Mapping[str, Option]
    limits: Limits

    @property
    def on_card(self) -> tuple[Candidate, ...]:
        return (*self.resident, *self.swapping)

    def peak_mib(self) -> int:
        """The most that is held at any time: by the residents alone, or with one of those that take turns."""
        turns: list[tuple[Candidate, ...]] = [(), *((candidate,) for candidate in self.swapping)]
        return max(self._held_mib((*self.resident, *turn)) for turn in turns)

    def swap_s(self) -> float:
        return sum(candidate.uses_a_day * reload_s(candidate, self.limits) for candidate in self.swapping)

    def audio_s(self) -> float:
        """Seconds of the card for an hour of audio, as far as speeds are known."""
        speeds = ((candidate, self.options[candidate.name].x_realtime) for candidate in self.on_card)
        return sum(candidate.audio_share * HOUR_S / speed for candidate, speed in speeds if speed)

    def with_option(self, name: str, option: Option) -> Choice:
        return replace(self, options={**self.options, name: option})

    def with_resident(self, candidate: Candidate) -> Choice:
        left = tuple(other for other in self.swapping if other is not candidate)
        return replace(self, resident=(*self.resident, candidate), swapping=left)

    def _held_mib(self, loaded: Sequence[Candidate]) -> int:
        held = sum(candidate.context_mib + candidate.weights_mib for candidate in loaded)
        held += sum(self.options[candidate.name].working_mib for candidate in loaded if candidate.holds_working)
        chunks = (self.options[candidate.name].working_mib for candidate in loaded if not candidate.holds_working)
        return held + sum(nlargest(self.limits.at_once, chunks))


def best(card: Card, pinned: Sequence[Candidate], movable: Sequence[Candidate], limits: Limits) -> Choice:
    """The best choice for those that can run beside the pinned ones, which have to fit by themselves.

    Raises BadInput for more than ten that may move.
    """
    if len(movable) > MOST_MOVABLE:
        raise BadInput(f"{len(movable)} models are not pinned; plan at most {MOST_MOVABLE} on a card, or pin some.")
    served = [each for each in movable if smallest(pinned, (each,), limits).peak_mib() <= card.budget_mib]
    return _with_longer_contexts(min(_choices(card, pinned, served, limits), key=_order), card)


def options(candidate: Candidate) -> list[Option]:
    """Batch sizes worth having, smallest first. Speed grows with the batch up to where a step gains under 3 %.

    Where no speed is known nothing speaks for a larger batch than the smallest, except that a longer context is
    of use in itself.
    """
    if not candidate.working:
        return [Option(None, 0, max(candidate.x_realtime.values(), default=None))]
    if not candidate.x_realtime:
        known = [Option(batch, candidate.working[batch]) for batch in sorted(candidate.working)]
        return known if candidate.holds_working else known[:1]
    worth: list[Option] = []
    for batch in sorted(candidate.x_realtime):
        larger = [known for known in candidate.working if known >= batch]
        speed = candidate.x_realtime[batch]
        if not larger or (worth and speed < LEAST_GAIN * (worth[-1].x_realtime or 0)):
            break
        worth.append(Option(batch, candidate.working[min(larger)], speed))
    return worth or [Option(max(candidate.working), candidate.working[max(candidate.working)])]


def smallest(resident: Sequence[Candidate], swapping: Sequence[Candidate], limits: Limits) -> Choice:
    first = {candidate.name: options(candidate)[0] for candidate in (*resident, *swapping)}
    return Choice(tuple(resident), tuple(swapping), first, limits)


def _choices(card: Card, pinned: Sequence[Candidate], served: Sequence[Candidate], limits: Limits) -> Iterator[Choice]:
    """All that fit. At least one does: nobody but the pinned stays, and each of the served fits beside them."""
    for stays in itertools.product((True, False), repeat=len(served)):
        resident = [*pinned, *(each for each, stay in zip(served, stays, strict=True) if stay)]
        swapping = [each for each, stay in zip(served, stays, strict=True) if not stay]
        least = smallest(resident, swapping, limits)
        if least.peak_mib() <= card.budget_mib:
            yield from (each for each in _batches(least) if each.peak_mib() <= card.budget_mib)


def _batches(least: Choice) -> Iterator[Choice]:
    """Every batch size of those that hear audio; contexts are made longer afterwards, with what is left."""
    names = [candidate.name for candidate in least.on_card]
    ways = [options(candidate) if candidate.audio_share else options(candidate)[:1] for candidate in least.on_card]
    for way in itertools.product(*ways):
        yield replace(least, options=dict(zip(names, way, strict=True)))


def _order(choice: Choice) -> tuple[float, float, float, int, int]:
    """The least is the best. What is left equal is decided by the order in which models were named."""
    loads = sum(candidate.uses_a_day for candidate in choice.swapping)
    of_day = hours(DAY_H, choice.audio_s(), choice.swap_s())
    return (-of_day, loads, choice.swap_s(), len(choice.swapping), choice.peak_mib())


def _with_longer_contexts(choice: Choice, card: Card) -> Choice:
    for candidate in choice.on_card:
        if not candidate.holds_working:
            continue
        longer = [choice.with_option(candidate.name, option) for option in options(candidate)]
        choice = [each for each in longer if each.peak_mib() <= card.budget_mib][-1]
    return choice


def hours(of_h: float, audio_s: float, swap_s: float) -> float:
    return max(0.0, of_h * HOUR_S - swap_s) / audio_s if audio_s else 0.0


def reload_s(candidate: Candidate, limits: Limits) -> float:
    if candidate.reload_s is not None:
        return candidate.reload_s
    return limits.start_s + candidate.weights_mib / limits.read_mib_s
