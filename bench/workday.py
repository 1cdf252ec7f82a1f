"""A working day of 100 people on one card, drawn from a seed.

What it holds is an assumption, made to be hard: archives that fill the card from the morning on, people who want an
answer now, notebooks that keep a quarter of the memory each, a staging set-up and a research model on the same card.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from brickyard.gpu.lease import PriorityClass

ANALYSTS = 80
SCIENTISTS = 15
ARCHIVES = (40, 60, 80, 120, 200)
"""Recordings of an hour or so that five archivists have put in before the day begins."""

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A job: speech recognition beside diarization, then perhaps a summary. `speech`: share of the time that is."""

    at_s: float
    user: str
    priority: PriorityClass
    audio_s: float
    speech: float
    summary: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a shared service: chunks of so many seconds on a card of its own."""

    at_s: float
    user: str
    priority: PriorityClass
    brick: str
    chunks_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Notebook:
    """`memory_mib` for `lasts_s`; now and then it computes by itself, beside all rules but those of the memory."""

    at_s: float
    user: str
    memory_mib: int
    lasts_s: float


Arrival = Recording | Call | Notebook


def arrivals(seed: int, hours: float = 10.0, archives: float = 1.0) -> list[Arrival]:
    """In order of time: the first hours of a day of ten, and so much of the archives."""
    draw = random.Random(seed)
    day: list[Arrival] = []
    for number, recordings in enumerate(ARCHIVES):
        day += [
            Recording(0.0, f"archivist {number}", PriorityClass.BATCH, *_hour_or_so(draw), summary=False)
            for _ in range(round(archives * recordings))
        ]
    for number in range(ANALYSTS):
        user = f"analyst {number}"
        day += [_recording(draw, at_s, user) for at_s in _moments(draw, hours, a_day=1.2)]
        day += [_dictation(draw, at_s, user) for at_s in _moments(draw, hours, a_day=0.6)]
        day += [_call(draw, at_s, user) for at_s in _moments(draw, hours, a_day=15)]
    for number in range(SCIENTISTS):
        user = f"scientist {number}"
        day += [_notebook(draw, at_s, user) for at_s in _moments(draw, hours, a_day=0.5)]
        day += [_research(draw, at_s, user) for at_s in _moments(draw, hours, a_day=0.3)]
    day += [_staging(draw, at_s) for at_s in _moments(draw, hours, a_day=20)]
    return sorted(day, key=lambda arrival: arrival.at_s)


def _moments(draw: random.Random, hours: float, a_day: float) -> list[float]:
    """Twice as many around 10 and 15 o'clock as at the ends of a day from 8 to 18."""
    found = []
    at_s = draw.expovariate(2 * a_day / (10 * HOUR_S))
    while at_s < hours * HOUR_S:
        hour = at_s / HOUR_S
        busy = 0.5 + 0.5 * max(math.exp(-((hour - 2) ** 2) / 2), math.exp(-((hour - 7) ** 2) / 2))
        if draw.random() < busy:
            found.append(at_s)
        at_s += draw.expovariate(2 * a_day / (10 * HOUR_S))
    return found


def _hour_or_so(draw: random.Random) -> tuple[float, float]:
    return draw.uniform(0.7, 1.3) * HOUR_S, draw.uniform(0.6, 0.95)


def _recording(draw: random.Random, at_s: float, user: str) -> Recording:
    audio_s = min(3 * HOUR_S, draw.lognormvariate(math.log(35 * 60), 0.8))
    return Recording(at_s, user, PriorityClass.STANDARD, audio_s, draw.uniform(0.5, 0.95), draw.random() < 0.5)


def _dictation(draw: random.Random, at_s: float, user: str) -> Recording:
    return Recording(at_s, user, PriorityClass.INTERACTIVE, draw.uniform(30, 180), 0.9, summary=False)


def _call(draw: random.Random, at_s: float, user: str) -> Call:
    brick = draw.choices(("ocr", "translate", "llm"), weights=(3, 5, 4))[0]
    chunk_s = {"ocr": (0.4, 1.2), "translate": (0.2, 1.0), "llm": (1.0, 5.0)}[brick]
    count = draw.randint(1, 4) if brick != "llm" else 1
    chunks_s = tuple(draw.uniform(*chunk_s) for _ in range(count))
    return Call(at_s, user, PriorityClass.INTERACTIVE, brick, chunks_s)


def _notebook(draw: random.Random, at_s: float, user: str) -> Notebook:
    return Notebook(at_s, user, 20_000, draw.uniform(0.5, 3) * HOUR_S)


def _research(draw: random.Random, at_s: float, user: str) -> Call:
    return Call(at_s, user, PriorityClass.BATCH, "research", tuple(draw.uniform(2, 5) for _ in range(60)))


def _staging(draw: random.Random, at_s: float) -> Call:
    return Call(at_s, "staging", PriorityClass.BATCH, "staging", tuple(draw.uniform(0.5, 1.5) for _ in range(20)))
