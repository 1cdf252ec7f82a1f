"""Chunks: the unit of accelerator work, and so of checkpoints, progress and preemption. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

from brickyard.engines.base import Span, Turn

SPEECH_WINDOW_S = 120.0
"""Speech is looked for in stretches of this length."""
SURE_AFTER_S = 1.0
"""Silence after which a span has surely ended; more than voice activity wants, with padding."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """From its first span of speech to its last; all times in seconds from the start of the recording."""

    start: float
    end: float
    spans: tuple[Span, ...]

    @property
    def duration(self) -> float:
        return self.end - self.start

    def local_spans(self) -> tuple[Span, ...]:
        """The spans from the chunk's own start, as engines want them."""
        return tuple(Span(span.start - self.start, span.end - self.start) for span in self.spans)


def plan_chunks(
    spans: Iterable[Span], duration_s: float, target_s: float = 60.0, max_span_s: float = 30.0
) -> list[Chunk]:
    """Groups spans into chunks of at most `target_s`, cut in the silence between spans.

    Spans may come unsorted, overlapping or beyond the recording; they leave in order, apart and inside. One
    longer than `max_span_s` is divided evenly: voice activity knows better places, so this is for spans that
    come from elsewhere.
    """
    longest_s = min(max_span_s, target_s)
    pieces = [piece for span in _tidy(spans, duration_s) for piece in _divide(span, longest_s)]
    groups: list[list[Span]] = []
    for piece in pieces:
        if groups and piece.end - groups[-1][0].start <= target_s:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [Chunk(group[0].start, group[-1].end, tuple(group)) for group in groups]


def settled(spans: Sequence[Span], start_s: float, end_s: float, is_last: bool) -> tuple[list[Span], float]:
    """What of the speech found between `start_s` and `end_s` will not change, and where to look on.

    Somebody may be speaking at the end, so unless it is the recording's, the last span there is looked at again from
    its start.
    """
    found = list(spans)
    if is_last or not found or found[-1].end < end_s - SURE_AFTER_S or found[-1].start <= start_s:
        return found, end_s
    return found[:-1], found[-1].start


async def chunks_of_speech(windows: AsyncIterator[Any], duration_s: float) -> AsyncIterator[tuple[int, float, Chunk]]:
    """(channel, seconds since the chunk before, chunk), each as soon as it is sure what belongs to it.

    `windows`: what was found, stretch by stretch, as {channel, spans: [(start, end)]}.

    The last chunk planned may still grow, so it waits for the next window.
    """
    channel, done_s = 0, 0.0
    open_spans: list[Span] = []
    async for window in windows:
        planned = plan_chunks(open_spans, duration_s)
        if window["channel"] == channel:
            planned = plan_chunks([*open_spans, *_spans(window)], duration_s)
            open_spans = list(planned.pop().spans) if planned else []
        else:
            open_spans = _spans(window)
        for chunk in planned:
            yield channel, chunk.end - done_s, chunk
            done_s = chunk.end
        if window["channel"] != channel:
            channel, done_s = window["channel"], 0.0
    for chunk in plan_chunks(open_spans, duration_s):
        yield channel, chunk.end - done_s, chunk
        done_s = chunk.end


def turns_of_channels(windows: Iterable[Any]) -> list[Turn]:
    """Where each channel is one speaker, they speak when their channel does. `windows` as for `chunks_of_speech`."""
    turns = [Turn(span.start, span.end, window["channel"]) for window in windows for span in _spans(window)]
    return sorted(turns, key=lambda turn: (turn.start, turn.speaker))


def windows_of(duration_s: float, window_s: float, overlap_s: float) -> list[tuple[float, float]]:
    """Windows over the whole recording, each beginning `overlap_s` before the end of the one before."""
    step_s = window_s - overlap_s
    count = max(1, int(-(-(duration_s - overlap_s) // step_s)))
    return [(i * step_s, min(duration_s, i * step_s + window_s)) for i in range(count)]


def _tidy(spans: Iterable[Span], duration_s: float) -> Sequence[Span]:
    tidy: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        start, end = max(0.0, span.start), min(duration_s, span.end)
        if end <= start:
            continue
        if tidy and start < tidy[-1].end:
            tidy[-1] = Span(tidy[-1].start, max(tidy[-1].end, end))
        else:
            tidy.append(Span(start, end))
    return tidy


def _divide(span: Span, longest_s: float) -> Iterator[Span]:
    parts = max(1, ceil(span.duration / longest_s - 1e-9))
    edges = [span.start + span.duration * part / parts for part in range(parts)] + [span.end]
    yield from (Span(start, end) for start, end in pairwise(edges))


def _spans(window: Any) -> list[Span]:
    return [Span(start, end) for start, end in window["spans"]]
