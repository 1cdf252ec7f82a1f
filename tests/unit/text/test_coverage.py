from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import Segment, Span, Word
from brickyard.text import coverage
from brickyard.text.coverage import Fault, FaultKind

seconds = st.integers(0, 600).map(float)


@st.composite
def pieces(draw: st.DrawFn) -> list[Span]:
    edges = sorted(draw(st.lists(seconds, unique=True, max_size=30)))
    return [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]


@st.composite
def said(draw: st.DrawFn) -> list[Segment]:
    texts = st.sampled_from(["one two three", "no " * 20, "a", "so it goes on and on and on"])
    languages = st.sampled_from([None, "en", "fr"])
    confidences = st.none() | st.floats(0, 1)
    return [
        Segment(p.start, p.end, draw(texts).strip(), (), draw(confidences), draw(languages)) for p in draw(pieces())
    ]


def sentence(start: float, end: float, text: str = "so it is", **more: object) -> Segment:
    texts = text.split()
    step = (end - start) / len(texts)
    words = tuple(Word(start + k * step, start + (k + 1) * step, one) for k, one in enumerate(texts))
    return Segment(start, end, text, words, **more)


def kinds(found: list[Fault]) -> list[str]:
    return [fault.kind.value for fault in found]


@given(pieces(), said(), st.none() | st.floats(0, 1), st.floats(0, 300))
def test_what_is_decoded_again_holds_whole_segments_within_the_limit(
    speech: list[Span], segments: list[Segment], least: float | None, most_s: float
) -> None:
    found = coverage.faults(speech, segments, "en", least)
    chosen = coverage.stretches(found, segments, most_s)
    assert sum(stretch.duration for stretch in chosen) <= most_s + 1e-6
    assert all(one.end <= other.start for one, other in pairwise(chosen))
    for stretch in chosen:
        touched = [s for s in segments if s.start < stretch.end and s.end > stretch.start]
        assert all(stretch.start <= s.start and s.end <= stretch.end for s in touched)
        assert sorted(touched, key=lambda s: s.start) == coverage.inside(segments, stretch)
        assert all(fault in found for fault in stretch.faults)
    if most_s >= 1e6:
        assert {fault for stretch in chosen for fault in stretch.faults} == set(found)


@given(pieces(), said(), st.none() | st.floats(0, 1))
def test_without_a_limit_every_fault_is_looked_at(
    speech: list[Span], segments: list[Segment], least: float | None
) -> None:
    found = coverage.faults(speech, segments, "en", least)
    chosen = coverage.stretches(found, segments, 1e9)
    assert {fault for stretch in chosen for fault in stretch.faults} == set(found)


@given(pieces(), said())
def test_covered_speech_is_no_more_than_speech(speech: list[Span], segments: list[Segment]) -> None:
    total_s = sum(span.duration for span in speech)
    assert -1e-6 <= coverage.covered_s(speech, segments) <= total_s + 1e-6
    assert 0 <= coverage.quality(speech, segments) <= 1
    assert coverage.covered_s(speech, []) == pytest.approx(0)


def test_good_speech_has_no_faults() -> None:
    segments = [sentence(0, 3, confidence=0.9, language="en"), sentence(4, 6, confidence=0.8, language="en")]
    assert coverage.faults([Span(0, 3), Span(4, 6)], segments, "en", 0.5) == []


def test_speech_without_words_is_a_gap_with_its_times() -> None:
    [gap] = coverage.faults([Span(0, 3), Span(10, 16)], [sentence(0, 3), sentence(10, 11)], "en", None)
    assert (gap.kind, gap.start, gap.end) == (FaultKind.GAP, 11.5, 16)
    assert gap.note == "4.5 s of speech without words"


def test_a_breath_is_no_gap() -> None:
    assert coverage.faults([Span(0, 5)], [sentence(0, 2), sentence(3.4, 5)], "en", None) == []


def test_few_interpolated_words_over_long_speech_are_a_gap() -> None:
    few = Segment(0, 20, "only this", (Word(0, 10, "only", approximate=True), Word(10, 20, "this", approximate=True)))
    assert kinds(coverage.faults([Span(0, 20)], [few], "en", None)) == ["gap"]
    assert coverage.faults([Span(0, 20)], [few], "zh", None) == []


def test_a_loop_is_seen_over_several_segments() -> None:
    segments = [sentence(float(k), k + 1.0, "thank you so much") for k in range(6)]
    found = coverage.faults([Span(0, 6)], segments, "en", None)
    assert kinds(found) == ["loop"]
    assert (found[0].start, found[0].end) == (0, 4)


def test_a_short_flip_of_language_is_seen_but_two_equal_languages_are_none() -> None:
    english = [sentence(k * 10.0, k * 10 + 9.0, "it " * 12, language="en") for k in range(3)]
    flip = sentence(30, 33, "où est la gare", language="fr")
    speech = [Span(0, 33)]
    assert kinds(coverage.faults(speech, [*english, flip], "en", None))[-1] == "language"
    assert "language" not in kinds(
        coverage.faults(speech, [english[0], sentence(10, 19, "là " * 12, language="fr")], "", None)
    )


def test_doubt_is_on_the_engines_own_scale() -> None:
    unsure = [sentence(0, 3, confidence=0.4)]
    assert kinds(coverage.faults([Span(0, 3)], unsure, "en", 0.5)) == ["doubt"]
    assert coverage.faults([Span(0, 3)], unsure, "en", 0.3) == []
    assert coverage.faults([Span(0, 3)], unsure, "en", None) == []


def test_the_worst_goes_first_where_not_all_fits() -> None:
    segments = [sentence(0, 10, "it is " * 8, confidence=0.1), sentence(50, 51)]
    found = coverage.faults([Span(0, 10), Span(50, 60)], segments, "en", 0.5)
    [chosen] = coverage.stretches(found, segments, 12.0)
    assert chosen.kinds == (FaultKind.GAP,)


def test_words_where_there_were_none_are_better_and_a_loop_is_not() -> None:
    speech = [Span(0, 10)]
    old = [sentence(0, 3, "that is how", confidence=0.8)]
    whole = [sentence(0, 10, "that is how it has always been in this house", confidence=0.8)]
    loop = [sentence(0, 10, "no " * 30, confidence=0.8)]
    assert coverage.is_better(coverage.quality(speech, whole), coverage.quality(speech, old))
    assert not coverage.is_better(coverage.quality(speech, loop), coverage.quality(speech, old))
    assert not coverage.is_better(coverage.quality(speech, whole), coverage.quality(speech, whole))


@given(said(), seconds, seconds)
def test_replacing_takes_out_what_lies_between_and_nothing_else(segments: list[Segment], a: float, b: float) -> None:
    start, end = min(a, b), max(a, b)
    new = Segment(start, end, "new")
    after = coverage.replaced(segments, start, end, [new])
    gone = [s for s in segments if s not in after]
    assert new in after
    assert all(start <= (s.start + s.end) / 2 <= end for s in gone)
    assert after == sorted(after, key=lambda s: (s.start, s.end))
