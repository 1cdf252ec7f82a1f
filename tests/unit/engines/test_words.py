from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import Span, Word
from brickyard.engines.words import clean, interpolate, repeated_share, segments, sentences, without_loops


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("In short,, the  period", "In short, the period"),
        (" , well then .", "well then."),
        ("Yes ,.", "Yes."),
        ("What?, No", "What? No"),
        ("Wait... what", "Wait... what"),
        ("at 3.14 or 10:30, say", "at 3.14 or 10:30, say"),
        ("-", ""),
        ("Already fine.", "Already fine."),
    ],
)
def test_clean(raw: str, tidy: str) -> None:
    assert clean(raw) == tidy


@given(st.text())
def test_clean_text_stays_clean(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_phrase_said_over_and_over_is_kept_once() -> None:
    assert without_loops(["So", "I", "think", "I", "think", "I", "think,", "I", "think.", "yes"]) == [
        "So",
        "I",
        "think",
        "yes",
    ]
    assert without_loops(["Hello?"] * 5) == ["Hello?"]


def test_what_people_repeat_is_kept() -> None:
    assert without_loops(["no", "no", "no", "I", "said", "no"]) == ["no", "no", "no", "I", "said", "no"]
    assert without_loops(["no"] * 6, most=7) == ["no"] * 6


def test_repeated_share() -> None:
    assert repeated_share(["a", "b"] * 10) == pytest.approx(0.9)
    assert repeated_share(["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst", "of", "times"]) == 0
    assert repeated_share([]) == 0


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(float(i), i + 0.9, word) for i, word in enumerate(text.split()))


def test_sentences_end_at_full_stops_but_not_at_titles_and_initials() -> None:
    found = sentences(words_of('Mr. J. S. Bach came. "Who?" I asked. It was about 3.14 miles'))
    texts = [" ".join(word.text for word in sentence) for sentence in found]
    assert texts == ["Mr. J. S. Bach came.", '"Who?"', "I asked.", "It was about 3.14 miles"]


texts = st.lists(st.from_regex(r"[a-z]{1,9}[,.?]?", fullmatch=True), min_size=1, max_size=40).map(" ".join)
span_lists = st.lists(st.tuples(st.floats(0.05, 5), st.floats(0, 3)), min_size=1, max_size=8).map(
    lambda pairs: [
        Span(sum(map(sum, pairs[:i])) + gap, sum(map(sum, pairs[:i])) + gap + length)
        for i, (length, gap) in enumerate(pairs)
    ]
)


@given(texts, span_lists)
def test_interpolated_words_fill_the_spans_in_order(text: str, spans: list[Span]) -> None:
    words = interpolate(text, spans)
    assert " ".join(word.text for word in words) == text
    assert words[0].start == pytest.approx(spans[0].start)
    assert words[-1].end == pytest.approx(spans[-1].end)
    assert all(word.start <= word.end for word in words)
    assert all(left.end <= right.start + 1e-6 for left, right in pairwise(words))
    for word in words:
        assert any(span.start - 1e-6 <= word.start <= span.end + 1e-6 for span in spans)
        assert any(span.start - 1e-6 <= word.end <= span.end + 1e-6 for span in spans)


@given(texts, span_lists)
def test_segments_lose_no_word(text: str, spans: list[Span]) -> None:
    words = interpolate(text, spans)
    assert tuple(word for segment in segments(words, 0.5, "en") for word in segment.words) == words


def test_a_pause_in_the_text_is_held_to_the_pause_in_the_sound() -> None:
    # By length alone "Yes," would end at 0.6 s; the silence says 1.0.
    words = interpolate("Yes, of course I do.", [Span(0, 1), Span(2, 5)])
    assert [(word.start, word.end) for word in words][:2] == [(0, 1), (2, pytest.approx(2.56, abs=0.01))]


def test_longer_words_take_longer() -> None:
    short, long = interpolate("a considerable", [Span(0, 3)])
    assert short.end - short.start < long.end - long.start


def test_no_words_no_times() -> None:
    assert interpolate("", [Span(0, 1)]) == ()
    assert interpolate("word", []) == ()


def test_a_segment_is_cut_where_a_clause_meets_a_pause() -> None:
    words = interpolate("Ever tried, ever failed, no matter", [Span(0, 1), Span(2, 3), Span(4, 5)])
    assert [segment.text for segment in segments(words, None, None)] == ["Ever tried,", "ever failed,", "no matter"]


def test_a_run_of_words_without_a_full_stop_is_cut_to_the_size_of_a_subtitle() -> None:
    words = interpolate(" ".join(["word"] * 40), [Span(0, 20)])
    found = segments(words, None, None)
    assert [len(segment.words) for segment in found] == [10] * 4
    assert all(segment.end - segment.start <= 8 for segment in found)
