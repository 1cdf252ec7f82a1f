"""Units: what a recognizer gets at once, neighbouring spans and the silence between them. Pure.

Recognizers do better with a few sentences than with each call on its own, and worse beyond a length of their
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from brickyard.engines.base import SAMPLE_RATE, Audio, Span
from brickyard.engines.silero import FRAME, FRAME_S, split_frames


@dataclass(frozen=True, slots=True)
class UnitRule:
    """Spans up to `gap_s` apart share a unit of up to `unit_s`; one longer than `longest_s` is cut up.

    A unit shorter than `shortest_s` takes in some of the silence around it.
    """

    unit_s: float
    gap_s: float
    longest_s: float
    shortest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unit:
    """From `start` to `end`, in seconds of the chunk; `spans` are where in it somebody speaks."""

    start: float
    end: float
    spans: tuple[Span, ...]

    def cut(self, audio: Audio) -> Audio:
        """The unit's audio, a copy in which all samples are finite."""
        cut = audio[int(self.start * SAMPLE_RATE) : int(self.end * SAMPLE_RATE)]
        return np.nan_to_num(cut, copy=True, nan=0.0, posinf=0.0, neginf=0.0)


def plan_units(audio: Audio, spans: Sequence[Span], rule: UnitRule) -> list[Unit]:
    """Every span in exactly one unit, whole or in pieces; units are in order and apart."""
    duration_s = len(audio) / SAMPLE_RATE
    inside = [Span(max(0.0, span.start), min(duration_s, span.end)) for span in spans]
    ordered = sorted((span for span in inside if span.duration > 0), key=lambda span: span.start)
    groups: list[list[Span]] = []
    for piece in (piece for span in ordered for piece in _pieces(audio, span, rule)):
        near = groups and piece.start - groups[-1][-1].end <= rule.gap_s
        if near and piece.end - groups[-1][0].start <= rule.unit_s:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [_unit(groups, index, duration_s, rule.shortest_s) for index in range(len(groups))]


def _unit(groups: Sequence[Sequence[Span]], index: int, duration_s: float, shortest_s: float) -> Unit:
    group = groups[index]
    start, end = group[0].start, group[-1].end
    missing = max(0.0, shortest_s - (end - start)) / 2
    before = groups[index - 1][-1].end if index else 0.0
    after = groups[index + 1][0].start if index + 1 < len(groups) else duration_s
    # Half of the silence to a neighbour at most, so that two short units do not hear each other.
    room_before = (start - before) / 2 if index else start - before
    room_after = (after - end) / 2 if index + 1 < len(groups) else after - end
    return Unit(start - min(missing, room_before), end + min(missing, room_after), tuple(group))


def _pieces(audio: Audio, span: Span, rule: UnitRule) -> list[Span]:
    """The span, or where it is too long its pieces, cut where it is quietest."""
    if span.duration <= rule.longest_s:
        return [span]
    cut = Unit(span.start, span.end, (span,)).cut(audio)
    frames = cut[: len(cut) // FRAME * FRAME].reshape(-1, FRAME)
    loudness = np.sqrt(np.mean(np.square(frames), axis=1))
    runs = split_frames((0, len(frames)), np.ones(len(frames), np.float32), loudness, rule.unit_s)
    edges = [span.start, *(span.start + last * FRAME_S for _, last in list(runs)[:-1]), span.end]
    return [Span(start, end) for start, end in pairwise(edges)]
