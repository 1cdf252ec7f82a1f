"""`brickyard plan`: what fits on a card, at which batch sizes, how much audio that does in a day, and why."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table

from brickyard.engines import catalog, profiles
from brickyard.engines.profiles import DeviceKind, Profile, Source
from brickyard.gpu.devices import CpuDevice
from brickyard.gpu.fit import Candidate, Card, Limits
from brickyard.gpu.plan import Placed, Plan, assign, plan
from brickyard.kit.errors import BadInput, NotFound
from brickyard.kit.settings import Settings

CARDS = {"h100-80gb": 81_559, "h200": 143_771, "a6000": 49_140, "l40s": 46_068, "rtx4090": 24_564}
"""MiB in all, as published: what nvidia-smi shows."""

CARD_RESERVE_MIB = 2_800
"""A peak that others saw above the steady figure of one model; it ended the model beside it."""
CPU_RESERVE_MIB = 2_048
"""Assumed: the system, the database and the platform's own processes."""

PRODUCTION = (
    profiles.WHISPER_TURBO,
    profiles.PYANNOTE,
    profiles.LLM_27B,
    profiles.OCR_VLM,
    profiles.TRANSLATION,
)
HEARS_AUDIO = ("asr", "diarize")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `split_mib`: sizes of the parts of a divided card; `pinned`: models that have to stay."""

    card: str | None = None
    models: Sequence[str] = ()
    pinned: Sequence[str] = ()
    hours_a_day: float = 100.0
    notebooks: int | None = None
    split_mib: Sequence[int] = ()
    reserve_mib: int | None = None
    at_once: int = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan for each card, or for each part of a divided one. `figures`: the profiles by the names in the plans."""

    plans: tuple[Plan, ...]
    figures: dict[str, Profile]
    size_from: str
    hours_a_day: float
    divided: bool = False

    @property
    def audio_hours_a_day(self) -> float | None:
        return self._least(each.audio_hours_a_day for each in self.hearing)

    @property
    def audio_hours_a_working_day(self) -> float | None:
        return self._least(each.audio_hours_a_working_day for each in self.hearing)

    @property
    def hearing(self) -> list[Plan]:
        """Those with models that hear audio."""
        return [each for each in self.plans if _hears(each, self.figures)]

    def _least(self, hours: Iterable[float | None]) -> float | None:
        """Parts work at the same time, so the slowest sets the pace. None where one is not known."""
        known = [value for value in hours if value is not None]
        return min(known) if known and len(known) == len(self.hearing) else None


@dataclass(frozen=True, slots=True)
class _Found:
    """Cards to plan for. `cores`: how many chunks a CPU computes at full speed; None on a card."""

    cards: list[Card]
    kind: DeviceKind
    size_from: str
    cores: int | None = None


def sizes(text: str | None) -> list[int]:
    """The parts in `40000,20000,20000`, in MiB."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise BadInput(f"--split is {text!r}; name whole numbers of MiB with commas between them, e.g. 40000,20000.")
    return [int(part) for part in parts]


def make(wish: Wish, settings: Settings) -> Planned:
    """Raises NotFound for a card or model that is not known, TooLarge where the pinned models don't fit."""
    found = _found(wish)
    chosen = _profiles(wish, settings, found)
    figures = _by_short_name(chosen)
    wanted = _candidates(figures, wish, found.cores)
    limits = Limits(at_once=wish.at_once)
    shares = assign(found.cards, wanted, limits) if len(found.cards) > 1 else [wanted]
    plans = tuple(plan(card, share, limits) for card, share in zip(found.cards, shares, strict=True))
    return Planned(plans, figures, found.size_from, wish.hours_a_day, divided=bool(wish.split_mib))


# ---- which cards


def _found(wish: Wish) -> _Found:
    if wish.card is None:
        whole = _here(wish.reserve_mib)
    elif wish.card.lower() == "cpu":
        whole = _cpu(wish.reserve_mib)
    else:
        whole = _named(wish.card, wish.reserve_mib)
    return _Found(_parts(whole.cards, wish.split_mib), whole.kind, whole.size_from, whole.cores)


def _here(reserve_mib: int | None) -> _Found:
    """The cards of this host, else its CPU. The bindings of NVIDIA are loaded here and nowhere else."""
    from brickyard.gpu.devices import cuda

    devices = cuda.found()
    if not devices:
        return _cpu(reserve_mib)
    cards = [_card(f"{each.name} {each.model()}", each.total_mib(), reserve_mib, CARD_RESERVE_MIB) for each in devices]
    return _Found(cards, "cuda", "as found on this host")


def _cpu(reserve_mib: int | None) -> _Found:
    device = CpuDevice()
    card = _card("cpu", device.total_mib(), reserve_mib, CPU_RESERVE_MIB)
    return _Found([card], "cpu", "memory of this host", device.cores())


def _named(name: str, reserve_mib: int | None) -> _Found:
    if name.isdecimal() and int(name):
        return _Found([_card(f"card of {int(name):,} MiB", int(name), reserve_mib, CARD_RESERVE_MIB)], "cuda", "given")
    name = name.lower()
    if name not in CARDS:
        raise NotFound(f"There is no card {name!r}. Name one of {', '.join(CARDS)}, cpu, or its memory in MiB.")
    return _Found([_card(name, CARDS[name], reserve_mib, CARD_RESERVE_MIB)], "cuda", "published")


def _card(name: str, total_mib: int, reserve_mib: int | None, usual_mib: int) -> Card:
    reserve_mib = usual_mib if reserve_mib is None else reserve_mib
    if reserve_mib >= total_mib:
        raise BadInput(f"{name} has {total_mib:,} MiB, all within the reserve of {reserve_mib:,}; set --reserve lower.")
    return Card(name, total_mib, reserve_mib)


def _parts(cards: list[Card], split_mib: Sequence[int]) -> list[Card]:
    if not split_mib:
        return cards
    if len(cards) > 1:
        raise BadInput(f"--split divides one card, and there are {len(cards)} here; name one with --card.")
    (whole,) = cards
    if sum(split_mib) > whole.total_mib:
        raise BadInput(f"The parts have {sum(split_mib):,} MiB in all; {whole.name} has {whole.total_mib:,}.")
    named = [(f"{whole.name}, part {number}", mib) for number, mib in enumerate(split_mib, start=1)]
    return [_card(name, mib, whole.reserve_mib, whole.reserve_mib) for name, mib in named]


# ---- which models


def _profiles(wish: Wish, settings: Settings, found: _Found) -> list[Profile]:
    installed = catalog.installed(settings.model_store)
    if wish.models:
        chosen = [_profile(name, installed, found.kind) for name in wish.models]
    elif found.kind == "cuda":
        chosen = list(PRODUCTION)
    else:
        diarizers = [card for card in installed if (card.brick, card.engine) == ("diarize", "onnx")]
        cards = [catalog.recognizer_for(None, installed), *diarizers[:1]]
        chosen = [profiles.profile_of(card, found.kind) for card in cards]
    usual = 1 if found.kind == "cuda" and not wish.models else 0
    return chosen + [profiles.NOTEBOOK] * (usual if wish.notebooks is None else wish.notebooks)


def _profile(name: str, installed: Sequence[catalog.ModelCard], kind: DeviceKind) -> Profile:
    """That of an installed model of this name, else the known profile of this name."""
    own = [profiles.profile_of(card, kind) for card in installed if card.name == name]
    if kind == "cuda" and own[:1] and own[0] in profiles.ON_CPU:
        raise BadInput(f"{name} runs on the CPU and takes nothing of a card; plan it with --card cpu.")
    try:
        return own[0] if own else profiles.named(name, profiles.ON_CARDS if kind == "cuda" else profiles.ON_CPU)
    except NotFound as error:
        names = ", ".join(card.name for card in installed)
        raise NotFound(f"{error.message} Or name an installed model: {names or 'there are none'}.") from None


def _by_short_name(chosen: Sequence[Profile]) -> dict[str, Profile]:
    """What stands before the slash, where that tells the models apart; several notebooks are numbered."""
    short = Counter(profile.name.split("/")[0] for profile in chosen)
    numbers = itertools.count(1)
    figures: dict[str, Profile] = {}
    for profile in chosen:
        name = profile.name.split("/")[0]
        if profile.brick == "notebook" and short[name] > 1:
            name = f"{name} {next(numbers)}"
        elif short[name] > 1:
            name = profile.name
        if name in figures:
            raise BadInput(f"{name} was named twice; name each model once.")
        figures[name] = profile
    return figures


def _candidates(figures: dict[str, Profile], wish: Wish, cores: int | None) -> list[Candidate]:
    for name in wish.pinned:
        if not any(_is(name, short, profile) for short, profile in figures.items()):
            raise NotFound(f"{name!r} is to be pinned and is not among the models: {', '.join(figures)}.")
    bricks = Counter(profile.brick for profile in figures.values())
    return [_candidate(name, profile, wish, 1 / bricks[profile.brick], cores) for name, profile in figures.items()]


def _candidate(name: str, profile: Profile, wish: Wish, share: float, cores: int | None) -> Candidate:
    """An hour of audio is taken for one recording, which asks each kind of model once."""
    notebook = profile.brick == "notebook"
    batches = {batch for batch in profile.x_realtime if cores is None or batch <= cores}
    return Candidate(
        name=name,
        context_mib=profile.context_mib,
        weights_mib=profile.weights_mib,
        working=profile.working_mib,
        x_realtime={batch: profile.x_realtime[batch] for batch in batches},
        reload_s=profile.reload_s,
        pinned=notebook or any(_is(pinned, name, profile) for pinned in wish.pinned),
        audio_share=share if profile.brick in HEARS_AUDIO else 0.0,
        uses_a_day=0.0 if notebook else wish.hours_a_day * share,
        holds_working=profile.brick == "llm",
    )


def _is(wanted: str, name: str, profile: Profile) -> bool:
    return name.startswith(wanted) or profile.name.startswith(wanted)


def _hears(each: Plan, figures: dict[str, Profile]) -> bool:
    return any(figures[model.name].brick in HEARS_AUDIO for model in each.models)


# ---- for people and for programs


def as_json(planned: Planned) -> dict[str, Any]:
    return {
        "audio_hours_wanted_a_day": planned.hours_a_day,
        "audio_hours_a_day": planned.audio_hours_a_day,
        "audio_hours_a_working_day": planned.audio_hours_a_working_day,
        "size_from": planned.size_from,
        "plans": [
            {
                **asdict(each),
                "budget_mib": each.card.budget_mib,
                "free_mib": each.free_mib,
                "swap_share_of_day": each.swap_share_of_day,
            }
            for each in planned.plans
        ],
        "figures": {
            name: {"profile": profile.name, "source": profile.source.value, "note": profile.note}
            for name, profile in planned.figures.items()
        },
    }


def show(planned: Planned, console: Console) -> None:
    for each in planned.plans:
        _show_plan(each, planned, console)
    if len(planned.plans) > 1:
        console.print(f"[bold]All together[/bold]\n{_whole(planned)}")
    _show_figures(planned, console)


def _whole(planned: Planned) -> str:
    audio = _audio(planned.audio_hours_a_day, planned.audio_hours_a_working_day, planned.hours_a_day)
    slower = "A part computes slower than the whole card, whose speeds are shown." if planned.divided else ""
    return f"{audio}\n{slower}\n" if slower else f"{audio}\n"


def _show_plan(each: Plan, planned: Planned, console: Console) -> None:
    card = each.card
    console.print(
        f"[bold]{card.name}[/bold]: {card.total_mib:,} MiB ({planned.size_from}), {card.reserve_mib:,} of it in "
        f"reserve for peaks. At most {each.peak_mib:,} MiB are held; {each.free_mib:,} stay free.\n"
    )
    figures = ("batch", "holds MiB", "at work", "× real time", "loads a day")
    left, right = ("model", "place"), (Column(name, justify="right", no_wrap=True) for name in figures)
    columns = (*(Column(name, no_wrap=True) for name in left), *right, Column("figures", no_wrap=True))
    table = Table(*columns, box=None, pad_edge=False)
    for model in each.models:
        table.add_row(*_row(model, planned.figures[model.name]))
    console.print(table)
    console.print()
    if _hears(each, planned.figures):
        console.print(_audio(each.audio_hours_a_day, each.audio_hours_a_working_day, planned.hours_a_day))
    for line in _loads(each), *each.notes:
        console.print(line)
    console.print("\n[bold]Why[/bold]")
    for model in each.models:
        console.print(Padding(f"{model.name}: {' '.join(model.why)}", (0, 0, 0, 2)))
    console.print()


def _row(model: Placed, profile: Profile) -> list[str]:
    working = "" if model.batch is None else f"+ {model.working_mib:,}"
    speed = "" if model.x_realtime is None else f"{model.x_realtime:g}"
    loads = "" if not model.loads_a_day else f"{model.loads_a_day:g}"
    batch = "" if model.batch is None else f"{model.batch}{' k' if profile.brick == 'llm' else ''}"
    return [model.name, model.place.value, batch, f"{model.resident_mib:,}", working, speed, loads, _mark(profile)]


def _mark(profile: Profile) -> str:
    colour = {Source.MEASURED: "green", Source.PUBLISHED: "blue", Source.ASSUMED: "yellow"}[profile.source]
    return f"[{colour}]{profile.source.value}[/{colour}]"


def _audio(a_day: float | None, a_working_day: float | None, wanted: float | None = None) -> str:
    if a_day is None or a_working_day is None:
        return "Hours of audio a day: not known."
    said = f"Audio: {a_day:,.0f} hours in a day of 24 hours, {a_working_day:,.0f} in one of 8."
    if wanted is None or not a_day:
        return said
    return f"{said} The {wanted:g} hours wanted are {wanted / a_day:.0%} of a day."


def _loads(each: Plan) -> str:
    if not each.swap_s_a_day:
        return "Nothing takes turns: no time is lost to loading."
    return f"Loading takes up to {each.swap_s_a_day / 60:,.0f} minutes a day, {each.swap_share_of_day:.1%} of it."


def _show_figures(planned: Planned, console: Console) -> None:
    console.print("[bold]Where the figures come from[/bold]")
    different = {profile.name: profile for profile in planned.figures.values()}
    for profile in different.values():
        console.print(Padding(f"{profile.name}: {_mark(profile)}. {profile.note}", (0, 0, 0, 2)))
    if any(profile.source is not Source.MEASURED for profile in different.values()):
        console.print("Published speeds are those of the card they were taken on. What is assumed is to be measured.")
