"""What becomes of each model on a card, how much audio that does in a day, and why, in words. Pure, like `fit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from brickyard.gpu.fit import (
    DAY_H,
    HOUR_S,
    LEAST_GAIN,
    Candidate,
    Card,
    Choice,
    Limits,
    Option,
    best,
    hours,
    options,
    reload_s,
    smallest,
)
from brickyard.kit.errors import BadInput, TooLarge

WORKING_DAY_H = 8.0


class Place(StrEnum):
    RESIDENT = "resident"
    SWAPS = "swaps"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Placed:
    """What becomes of one model. `batch` is None for what does no chunks and for what is left out.

    `reload_s` and `reload_assumed` say what one load takes and whether that is only assumed.
    """

    name: str
    place: Place
    batch: int | None
    resident_mib: int
    working_mib: int
    x_realtime: float | None
    loads_a_day: float
    reload_s: float
    reload_assumed: bool
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`peak_mib` is the most that is ever held. Hours of audio are None where a speed is not known.

    `card_s_per_audio_h` counts the models that hear audio, one after the other, and no others.
    """

    card: Card
    models: tuple[Placed, ...]
    peak_mib: int
    card_s_per_audio_h: float | None
    swap_s_a_day: float
    audio_hours_a_day: float | None
    audio_hours_a_working_day: float | None
    notes: tuple[str, ...]

    @property
    def free_mib(self) -> int:
        return self.card.budget_mib - self.peak_mib

    @property
    def swap_share_of_day(self) -> float:
        return self.swap_s_a_day / (DAY_H * HOUR_S)


def plan(card: Card, wanted: Sequence[Candidate], limits: Limits | None = None) -> Plan:
    """The best plan for what is wanted; what can't run beside the pinned models is left out, and why is said.

    Raises TooLarge where the pinned models alone don't fit, with what is missing, and BadInput for a name given
    twice or more than ten models that are not pinned.
    """
    limits = limits or Limits()
    names = [candidate.name for candidate in wanted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{', '.join(twice)} was named twice; name each model once.")
    pinned = [candidate for candidate in wanted if candidate.pinned]
    if message := _refusal(card, smallest(pinned, (), limits)):
        raise TooLarge(message)
    movable = [candidate for candidate in wanted if not candidate.pinned]
    return _described(card, wanted, best(card, pinned, movable, limits))


def assign(cards: Sequence[Card], wanted: Sequence[Candidate], limits: Limits | None = None) -> list[list[Candidate]]:
    """Which models go on which part of a divided card: the largest first, each to the part that has most room left.

    What stays on no part beside the others goes to the largest part, where it takes turns or is left out.
    """
    limits = limits or Limits()
    parts: list[list[Candidate]] = [[] for _ in cards]

    def left_mib(index: int, candidate: Candidate) -> int:
        return cards[index].budget_mib - smallest((*parts[index], candidate), (), limits).peak_mib()

    def size(candidate: Candidate) -> tuple[bool, int, str]:
        return (not candidate.pinned, -smallest((candidate,), (), limits).peak_mib(), candidate.name)

    for candidate in sorted(wanted, key=size):
        roomiest = max(range(len(cards)), key=lambda index: (left_mib(index, candidate), -index))
        largest = max(range(len(cards)), key=lambda index: (cards[index].budget_mib, -index))
        parts[roomiest if left_mib(roomiest, candidate) >= 0 else largest].append(candidate)
    order = {candidate.name: place for place, candidate in enumerate(wanted)}
    return [sorted(part, key=lambda candidate: order[candidate.name]) for part in parts]


# ---- in words


def _refusal(card: Card, pinned: Choice) -> str | None:
    """Why the pinned models can't all stay, or None."""
    peak_mib = pinned.peak_mib()
    if peak_mib <= card.budget_mib:
        return None
    names = ", ".join(candidate.name for candidate in pinned.resident) or "nothing"
    return (
        f"The pinned models need {peak_mib:,} MiB at their smallest batches ({names}); {card.name} has "
        f"{card.budget_mib:,} MiB to plan with ({card.total_mib:,} less {card.reserve_mib:,} in reserve): "
        f"{peak_mib - card.budget_mib:,} MiB are missing. Pin less, have fewer notebooks, or take a larger card."
    )


def _described(card: Card, wanted: Sequence[Candidate], choice: Choice) -> Plan:
    swap_s, audio_s = choice.swap_s(), choice.audio_s()
    unheard = [each for each in wanted if each.audio_share and each.name not in choice.options]
    unknown = [each for each in choice.on_card if each.audio_share and choice.options[each.name].x_realtime is None]
    known = bool(audio_s or unheard) and not unknown
    may_s = 0.0 if unheard else audio_s
    return Plan(
        card=card,
        models=tuple(_placed(candidate, card, choice) for candidate in wanted),
        peak_mib=choice.peak_mib(),
        card_s_per_audio_h=audio_s if known and not unheard else None,
        swap_s_a_day=swap_s,
        audio_hours_a_day=hours(DAY_H, may_s, swap_s) if known else None,
        audio_hours_a_working_day=hours(WORKING_DAY_H, may_s, swap_s) if known else None,
        notes=tuple(_notes(choice, unheard, unknown)),
    )


def _placed(candidate: Candidate, card: Card, choice: Choice) -> Placed:
    resident_mib = candidate.context_mib + candidate.weights_mib
    load_s, assumed = reload_s(candidate, choice.limits), candidate.reload_s is None
    if candidate.name not in choice.options:
        why = (_why_left_out(candidate, card, choice),)
        return Placed(candidate.name, Place.LEFT_OUT, None, resident_mib, 0, None, 0.0, load_s, assumed, why)
    option = choice.options[candidate.name]
    swaps = candidate in choice.swapping
    reasons = (_why_there(candidate, card, choice), *_why_batch(candidate, card, choice))
    return Placed(
        name=candidate.name,
        place=Place.SWAPS if swaps else Place.RESIDENT,
        batch=option.batch,
        resident_mib=resident_mib,
        working_mib=option.working_mib,
        x_realtime=option.x_realtime,
        loads_a_day=candidate.uses_a_day if swaps else 0.0,
        reload_s=load_s,
        reload_assumed=assumed,
        why=reasons,
    )


def _why_there(candidate: Candidate, card: Card, choice: Choice) -> str:
    if candidate.pinned:
        return "It stays because it is pinned."
    assumed = " (assumed)" if candidate.reload_s is None else ""
    cost = f"{candidate.uses_a_day:g} loads a day of {reload_s(candidate, choice.limits):.1f} s{assumed}"
    if candidate not in choice.swapping:
        return f"It stays: taking turns would cost up to {cost}."
    missing_mib = choice.with_resident(candidate).peak_mib() - card.budget_mib
    return f"It takes turns, for up to {cost}: {missing_mib:,} MiB more would let it stay at these batch sizes."


def _why_left_out(candidate: Candidate, card: Card, choice: Choice) -> str:
    pinned = tuple(each for each in choice.resident if each.pinned)
    missing_mib = smallest(pinned, (candidate,), choice.limits).peak_mib() - card.budget_mib
    beside = f" beside {', '.join(each.name for each in pinned)}" if pinned else ""
    return f"It can't run here{beside}: {missing_mib:,} MiB are missing, at its smallest batch."


def _why_batch(candidate: Candidate, card: Card, choice: Choice) -> Iterator[str]:
    option = choice.options[candidate.name]
    if option.batch is None:
        return
    larger = [each for each in options(candidate) if (each.batch or 0) > option.batch]
    if larger:
        missing_mib = choice.with_option(candidate.name, larger[0]).peak_mib() - card.budget_mib
        what = f"Batch {larger[0].batch} would be of use, but {missing_mib:,} MiB are missing for it."
        yield what if missing_mib > 0 else "A larger batch would make no more audio possible."
        return
    if option.x_realtime is None:
        yield "The longest context that is known fits." if candidate.holds_working else _no_speed(candidate, option)
        return
    beyond = [batch for batch in sorted(candidate.x_realtime) if batch > option.batch]
    if not beyond:
        yield f"Batch {option.batch} is the largest whose speed is known."
        return
    gain = candidate.x_realtime[beyond[0]] / option.x_realtime
    small = f"would give only {gain - 1:.1%} more speed"
    yield f"Batch {beyond[0]} {small if gain < LEAST_GAIN else 'is faster, but its memory is not known'}."


def _no_speed(candidate: Candidate, option: Option) -> str:
    if candidate.audio_share:
        return f"No speed is known, so nothing speaks for more than its smallest batch, {option.batch}."
    return f"No speed is known; planned with batch {option.batch}."


def _notes(choice: Choice, unheard: Sequence[Candidate], unknown: Sequence[Candidate]) -> Iterator[str]:
    speeds = [(each, choice.options[each.name].x_realtime) for each in choice.on_card if each.audio_share]
    parts = [f"{each.audio_share * HOUR_S / speed:.0f} s for {each.name}" for each, speed in speeds if speed]
    if parts:
        yield f"An hour of audio takes of the card: {' + '.join(parts)} = {choice.audio_s():.0f} s."
    if unknown:
        yield f"How much audio it does is not known: no speed is known for {', '.join(each.name for each in unknown)}."
    if unheard:
        yield f"No audio is served as wanted: {', '.join(each.name for each in unheard)} can't run."
    assumed = [each.name for each in choice.swapping if each.reload_s is None]
    if assumed:
        takes = f"{choice.limits.start_s:g} s to start and {choice.limits.read_mib_s:g} MiB a second"
        yield f"Loads of {', '.join(assumed)} were not measured; {takes} are assumed."
    if choice.swapping:
        yield "Loads are counted at worst: that each use finds another model in its place."
