"""Where a transcript does not hold what was said: speech without words, loops, other languages, doubt. Pure.

Recognizers drop speech, repeat themselves when lost and slip into another language. What looks like that is decoded
again in another way, and the better of the two is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from brickyard.engines.base import Segment, Span
from brickyard.engines.plausibility import UNSPACED, mean_confidence
from brickyard.engines.words import repeated_share

LEAST_GAP_S = 1.5
"""Less speech without words than this is a breath, or voice activity that lasts too long."""
AROUND_A_WORD_S = 0.5
"""Recognizers end words early and begin them late by up to this."""
THIN_WORDS_PER_S = 0.6
THIN_FROM_S = 6.0
"""Where word times are interpolated, words stand over the whole speech: so few of them mean that some are missing."""
LOOP_WORDS = 16
LOOP_SHARE = 0.2
DOUBT_FROM_S = 1.0
MAIN_LANGUAGE_SHARE = 0.6
LONGEST_STRETCH_S = 30.0
APART_S = 1.0
BETTER_BY = 0.05


class FaultKind(StrEnum):
    """In the order of what readers miss most."""

    GAP = "gap"
    LOOP = "loop"
    LANGUAGE = "language"
    DOUBT = "doubt"


SEVERITY = {kind: rank for rank, kind in enumerate(FaultKind)}


@dataclass(frozen=True, slots=True)
class Fault:
    """`note`: for people, what was seen."""

    kind: FaultKind
    start: float
    end: float
    note: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is decoded again in one go: whole segments, and the faults in them."""

    start: float
    end: float
    faults: tuple[Fault, ...]

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def kinds(self) -> tuple[FaultKind, ...]:
        return tuple(sorted({fault.kind for fault in self.faults}, key=lambda kind: SEVERITY[kind]))


def faults(
    speech: Sequence[Span], segments: Sequence[Segment], language: str, least_confidence: float | None
) -> list[Fault]:
    """In order of time. `speech`: where voice was heard; `segments` of the same channel, both sorted.

    `least_confidence` is on the engine's own scale; None where that is not known.
    """
    found = [
        *_gaps(speech, segments),
        *_thin(segments, language),
        *_loops(segments),
        *_flips(segments),
        *_doubts(segments, least_confidence),
    ]
    return sorted(found, key=lambda fault: (fault.start, fault.end))


def covered_s(speech: Sequence[Span], segments: Sequence[Segment]) -> float:
    """Seconds of speech that have words."""
    return sum(span.duration for span in speech) - sum(gap.duration for gap in _uncovered(speech, segments))


def stretches(found: Sequence[Fault], segments: Sequence[Segment], most_s: float) -> list[Stretch]:
    """What to decode again, in order of time: neighbouring faults together, at most `most_s` in all, worst first."""
    grown = sorted((_grown(fault, segments) for fault in found), key=lambda one: (one.start, one.end))
    joined: list[Stretch] = []
    for one in grown:
        last = joined[-1] if joined else None
        if last and one.start < last.end:
            joined[-1] = Stretch(last.start, max(last.end, one.end), (*last.faults, *one.faults))
        elif last and one.start - last.end < APART_S and one.end - last.start <= LONGEST_STRETCH_S:
            joined[-1] = Stretch(last.start, one.end, (*last.faults, *one.faults))
        else:
            joined.append(one)
    chosen: list[Stretch] = []
    left_s = most_s
    for one in sorted(joined, key=lambda one: (SEVERITY[one.kinds[0]], one.start)):
        if one.duration <= left_s:
            chosen.append(one)
            left_s -= one.duration
    return sorted(chosen, key=lambda one: one.start)


def inside(segments: Sequence[Segment], stretch: Stretch) -> list[Segment]:
    return [segment for segment in segments if stretch.start <= (segment.start + segment.end) / 2 <= stretch.end]


def speech_inside(speech: Sequence[Span], stretch: Stretch) -> list[Span]:
    """What of the speech lies in the stretch."""
    cut = [Span(max(span.start, stretch.start), min(span.end, stretch.end)) for span in speech]
    return [span for span in cut if span.duration > 0]


def quality(speech: Sequence[Span], segments: Sequence[Segment]) -> float:
    """0…1: the share of speech that has words, times the recognizer's trust in them, less what repeats itself."""
    total_s = sum(span.duration for span in speech)
    if total_s <= 0 or not segments:
        return 0.0
    confidence = mean_confidence(segments)
    words = [word for segment in segments for word in segment.text.split()]
    looping = repeated_share(words) if len(words) >= LOOP_WORDS else 0.0
    trust = 0.5 if confidence is None else confidence
    return max(0.0, covered_s(speech, segments) / total_s * trust * (1 - looping))


def is_better(new: float, old: float) -> bool:
    """By enough: what was there first stays where it makes no difference."""
    return new > old + BETTER_BY


def replaced(segments: Sequence[Segment], start: float, end: float, by: Sequence[Segment]) -> list[Segment]:
    """The segments with those between the two moments exchanged, in order of time."""
    kept = [segment for segment in segments if not start <= (segment.start + segment.end) / 2 <= end]
    return sorted([*kept, *by], key=lambda segment: (segment.start, segment.end))


def heard_s(segments: Iterable[Segment]) -> dict[str, float]:
    """Seconds that each language was heard, where the recognizer told any."""
    heard: dict[str, float] = {}
    for segment in segments:
        if segment.language:
            heard[segment.language] = heard.get(segment.language, 0.0) + segment.end - segment.start
    return heard


def main_language(segments: Iterable[Segment]) -> str | None:
    """The one heard in most of the time; None where no segment tells, or none prevails."""
    heard = heard_s(segments)
    if not heard:
        return None
    best = max(heard, key=lambda code: heard[code])
    return best if heard[best] > MAIN_LANGUAGE_SHARE * sum(heard.values()) else None


def _uncovered(speech: Sequence[Span], segments: Sequence[Segment]) -> Iterator[Span]:
    """The speech in which no word is, piece by piece."""
    words = sorted(
        (start - AROUND_A_WORD_S, end + AROUND_A_WORD_S)
        for segment in segments
        for start, end in ([(w.start, w.end) for w in segment.words] or [(segment.start, segment.end)])
    )
    first = 0
    for span in speech:
        at = span.start
        while first < len(words) and words[first][1] <= span.start:
            first += 1
        for start, end in words[first:]:
            if start >= span.end:
                break
            if start > at:
                yield Span(at, start)
            at = max(at, end)
        if at < span.end:
            yield Span(at, span.end)


def _gaps(speech: Sequence[Span], segments: Sequence[Segment]) -> Iterator[Fault]:
    for gap in _uncovered(speech, segments):
        if gap.duration >= LEAST_GAP_S:
            yield Fault(FaultKind.GAP, gap.start, gap.end, f"{gap.duration:.1f} s of speech without words")


def _thin(segments: Sequence[Segment], language: str) -> Iterator[Fault]:
    if language in UNSPACED:
        return
    for segment in segments:
        duration_s = segment.end - segment.start
        is_interpolated = not segment.words or segment.words[0].approximate
        if is_interpolated and duration_s >= THIN_FROM_S and len(segment.text.split()) < THIN_WORDS_PER_S * duration_s:
            note = f"{len(segment.text.split())} words in {duration_s:.1f} s of speech"
            yield Fault(FaultKind.GAP, segment.start, segment.end, note)


def _loops(segments: Sequence[Segment]) -> Iterator[Fault]:
    """Segment by segment, with as many of the next as it takes to see a repetition."""
    at = 0
    while at < len(segments):
        words: list[str] = []
        end = at
        while end < len(segments) and len(words) < LOOP_WORDS:
            words += segments[end].text.split()
            end += 1
        if len(words) >= LOOP_WORDS and (share := repeated_share(words)) > LOOP_SHARE:
            note = f"{share:.0%} of the words repeat each other"
            yield Fault(FaultKind.LOOP, segments[at].start, max(one.end for one in segments[at:end]), note)
            at = end
        else:
            at += 1


def _flips(segments: Sequence[Segment]) -> Iterator[Fault]:
    main = main_language(segments)
    if main is None:
        return
    for segment in segments:
        if segment.language and segment.language != main:
            note = f"in '{segment.language}', while most is in '{main}'"
            yield Fault(FaultKind.LANGUAGE, segment.start, segment.end, note)


def _doubts(segments: Sequence[Segment], least: float | None) -> Iterator[Fault]:
    if least is None:
        return
    for segment in segments:
        is_long = segment.end - segment.start >= DOUBT_FROM_S
        if is_long and segment.confidence is not None and segment.confidence < least:
            note = f"the recognizer is {segment.confidence:.0%} sure of its words"
            yield Fault(FaultKind.DOUBT, segment.start, segment.end, note)


def _grown(fault: Fault, segments: Sequence[Segment]) -> Stretch:
    """Up to the ends of the segments that the fault touches, so that none is replaced by half."""
    touched = [one for one in segments if one.start < fault.end and one.end > fault.start]
    start = min([fault.start, *(one.start for one in touched)])
    end = max([fault.end, *(one.end for one in touched)])
    return Stretch(start, end, (fault,))
