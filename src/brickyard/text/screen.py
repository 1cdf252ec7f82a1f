"""From what single pictures of a video say to timed spans of text. Pure.

A line that stays keeps one span, however often it is read and however it jitters: readings are taken for the same line
where they stand close in time, say nearly the same and agree in their figures. What flickers up once is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby

from pydantic import BaseModel

Box = tuple[float, float, float, float]

GAP_S = 3.5
"""A line may be unread for this long, as when something passes before it, and still be the same one."""
ALIKE = 0.75
ALIKE_WHEN_SURE = 0.92
"""Two sure readings that differ by more than this are two texts; unsure ones may differ by more."""
SURE = 0.95
SHORT_LETTERS = 4
"""Shorter texts must be equal, and in the same place, to be one."""
SAME_PLACE = 0.06
"""In parts of the picture."""
SHORT_S = 5.0
"""A short text that was read once only must be there for so long."""
FLICKER_S = 1.5
FLICKER_CONFIDENCE = 0.9
LEAST_LETTERS = 2
TICKS = 4
TICK_S = 3.0


@dataclass(frozen=True, slots=True)
class ReadLine:
    """`box`: left, top, right, bottom as parts of the picture, 0…1; None where the reader does not tell."""

    text: str
    confidence: float
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture that shows what was to be seen from `start` to `end`, in seconds."""

    start: float
    end: float
    lines: Sequence[ReadLine]


class TextSpan(BaseModel):
    """A text on screen. Times are in seconds; `confidence` is that of its best reading; `box` as when it was first."""

    start: float
    end: float
    text: str
    confidence: float
    box: Box | None = None


@dataclass(slots=True)
class _Track:
    """A line over time. `weights`: seconds and confidence behind each wording."""

    start: float
    end: float
    box: Box | None
    text: str
    key: str
    sure: float
    readings: int = 0
    weights: dict[str, float] = field(default_factory=dict)

    def add(self, line: ReadLine, reading: Reading) -> None:
        self.end = max(self.end, reading.end)
        self.box = line.box or self.box
        self.text, self.key = line.text, _key(line.text)
        self.sure = max(self.sure, line.confidence)
        self.readings += 1
        seconds = max(reading.end - reading.start, 0.1)
        self.weights[line.text] = self.weights.get(line.text, 0.0) + seconds**0.5 * line.confidence**4

    def span(self, box: Box | None) -> TextSpan:
        start, end = round(self.start, 3), round(self.end, 3)
        return TextSpan(start=start, end=end, text=self.best, confidence=round(self.sure, 3), box=box)

    @property
    def best(self) -> str:
        return max(self.weights, key=lambda text: (self.weights[text], text))

    @property
    def flickers(self) -> bool:
        """Whether it is texture, or something passing by, rather than text that is meant to be read."""
        letters = sum(letter.isalnum() for letter in self.best)
        length_s = self.end - self.start
        if letters < LEAST_LETTERS:
            return True
        if self.readings == 1 and letters < SHORT_LETTERS and length_s < SHORT_S:
            return True
        return length_s < FLICKER_S and self.sure < FLICKER_CONFIDENCE


def spans_of(readings: Iterable[Reading]) -> list[TextSpan]:
    """The texts of a video, in order of their beginning, from its readings in order of time."""
    ended: list[tuple[_Track, Box | None]] = []
    tracks: list[tuple[_Track, Box | None]] = []
    for reading in readings:
        ended += [pair for pair in tracks if reading.start - pair[0].end > GAP_S]
        tracks = [pair for pair in tracks if reading.start - pair[0].end <= GAP_S]
        tracks += _follow([track for track, _ in tracks], reading)
    spans = [track.span(box) for track, box in [*ended, *tracks] if not track.flickers]
    return _without_ticking(sorted(spans, key=_order))


def _follow(tracks: Sequence[_Track], reading: Reading) -> list[tuple[_Track, Box | None]]:
    """Gives each line to the track it fits best, one to one; what is left over begins new ones."""
    lines = [line for line in reading.lines if line.text.strip()]
    fits = sorted(
        (
            (likeness, t, number)
            for number, line in enumerate(lines)
            for t, track in enumerate(tracks)
            if (likeness := _fit(track, line)) > 0
        ),
        key=lambda fit: (-fit[0], fit[1], fit[2]),
    )
    taken_tracks: set[int] = set()
    taken_lines: set[int] = set()
    for _, t, number in fits:
        if t not in taken_tracks and number not in taken_lines:
            taken_tracks.add(t)
            taken_lines.add(number)
            tracks[t].add(lines[number], reading)
    return [_begun(line, reading) for number, line in enumerate(lines) if number not in taken_lines]


def _begun(line: ReadLine, reading: Reading) -> tuple[_Track, Box | None]:
    track = _Track(reading.start, reading.end, line.box, line.text, "", 0.0)
    track.add(line, reading)
    return track, line.box


def _fit(track: _Track, line: ReadLine) -> float:
    """How well a line goes on with a track, 0 where it does not: alike in words, then near in place."""
    key = _key(line.text)
    distance = _distance(track.box, line.box)
    nearness = 0.1 * (1 - min(1.0, distance))
    if key == track.key and (len(key) > SHORT_LETTERS or distance <= SAME_PLACE):
        return 1.0 + nearness
    if min(len(key), len(track.key)) <= SHORT_LETTERS or _figures(key) != _figures(track.key):
        return 0.0
    needed = ALIKE_WHEN_SURE if min(track.sure, line.confidence) >= SURE else ALIKE
    matcher = SequenceMatcher(None, key, track.key, autojunk=False)
    if matcher.real_quick_ratio() < needed or matcher.quick_ratio() < needed:
        return 0.0
    likeness = matcher.ratio()
    return likeness + nearness if likeness >= needed else 0.0


def _key(text: str) -> str:
    """What readers get wrong most, and what says least, does not count: case and spaces."""
    return "".join(text.casefold().split())


def _figures(key: str) -> list[str]:
    return re.findall(r"\d", key)


def _distance(one: Box | None, other: Box | None) -> float:
    """Between the left ends of two lines, which stay where they are while a line is read shorter or longer."""
    if one is None or other is None:
        return 0.0
    return float(abs(one[0] - other[0]) + abs(one[1] + one[3] - other[1] - other[3]) / 2)


def _order(span: TextSpan) -> tuple[float, float, float, str]:
    left, top = (span.box[0], span.box[1]) if span.box else (0.0, 0.0)
    return span.start, top, left, span.text


def _without_ticking(spans: Sequence[TextSpan]) -> list[TextSpan]:
    """A clock or counter is one span, with what it showed first, rather than one for each second."""
    kept = list(spans)
    by_form = sorted(
        (span for span in spans if re.search(r"\d", span.text)), key=lambda span: (_form(span), span.start)
    )
    for _, group in groupby(by_form, key=_form):
        for run in _runs(list(group)):
            if len(run) < TICKS:
                continue
            kept = [span for span in kept if not any(span is tick for tick in run)]
            kept.append(run[0].model_copy(update={"end": run[-1].end}))
    return sorted(kept, key=_order)


def _form(span: TextSpan) -> str:
    return re.sub(r"\d+", "0", _key(span.text))


def _runs(spans: Sequence[TextSpan]) -> Iterator[list[TextSpan]]:
    """Short spans in the same place, each soon after the one before."""
    run: list[TextSpan] = []
    for span in spans:
        if span.end - span.start > TICK_S:
            continue
        if run and (span.start - run[-1].end > GAP_S or _distance(run[-1].box, span.box) > SAME_PLACE):
            yield run
            run = []
        run.append(span)
    if run:
        yield run
