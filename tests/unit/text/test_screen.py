from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.screen import Box, Reading, ReadLine, TextSpan, spans_of

TOP: Box = (0.1, 0.1, 0.6, 0.16)
MIDDLE: Box = (0.1, 0.45, 0.6, 0.51)


def line(text: str, confidence: float = 0.98, box: Box | None = TOP) -> ReadLine:
    return ReadLine(text, confidence, box)


def each_second(*shown: Sequence[ReadLine]) -> list[Reading]:
    return [Reading(float(second), second + 1.0, lines) for second, lines in enumerate(shown)]


def told(spans: Sequence[TextSpan]) -> list[tuple[float, float, str]]:
    return [(span.start, span.end, span.text) for span in spans]


def test_a_line_that_stays_is_one_span() -> None:
    [span] = spans_of(
        each_second([], [line("Harbour project")], [line("Harbour project")], [line("Harbour project")], [])
    )
    assert (span.start, span.end, span.text, span.box) == (1.0, 4.0, "Harbour project", TOP)


def test_a_picture_that_lasts_gives_a_span_that_lasts() -> None:
    assert told(spans_of([Reading(3.0, 60.0, [line("Harbour project")])])) == [(3.0, 60.0, "Harbour project")]


def test_readings_that_jitter_are_one_line_with_its_best_wording() -> None:
    readings = each_second(
        [line("Harb0ur project", 0.7)],
        [line("Harbour project", 0.97)],
        [line("Harbour project", 0.96)],
        [line("Harbour projekt", 0.8)],
        [line("HARBOUR  PROJECT", 0.8)],
    )
    # A figure read where a letter stands is taken for another text, and is too short-lived and unsure to stay.
    assert told(spans_of(readings)) == [(1.0, 5.0, "Harbour project")]


def test_a_line_that_was_missed_once_goes_on() -> None:
    shown = [line("Harbour project")]
    assert told(spans_of(each_second(shown, [], [], shown, shown))) == [(0.0, 5.0, "Harbour project")]


def test_a_line_that_comes_again_later_is_another_span() -> None:
    shown = [line("Harbour project")]
    assert told(spans_of(each_second(shown, shown, [], [], [], [], [], shown, shown))) == [
        (0.0, 2.0, "Harbour project"),
        (7.0, 9.0, "Harbour project"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Page 3 of 12", "Page 4 of 12"),
        ("Chapter one: the harbour", "Chapter two: the harbour"),
        ("yes", "yet"),
        ("Costs in March", "Noise in May"),
    ],
)
def test_texts_that_really_differ_are_two_spans(first: str, second: str) -> None:
    readings = each_second([line(first)], [line(first)], [line(second)], [line(second)])
    assert told(spans_of(readings)) == [(0.0, 2.0, first), (2.0, 4.0, second)]


def test_the_same_words_in_two_places_are_two_spans() -> None:
    both = [line("yes", box=TOP), line("yes", box=MIDDLE)]
    assert [span.box for span in spans_of(each_second(both, both, both))] == [TOP, MIDDLE]


def test_text_that_scrolls_is_one_span() -> None:
    readings = each_second(
        *([line("Directed by the pilots", box=(0.3, y, 0.7, y + 0.05))] for y in (0.9, 0.6, 0.3, 0.1))
    )
    assert told(spans_of(readings)) == [(0.0, 4.0, "Directed by the pilots")]


def test_what_flickers_up_unsurely_is_left_out() -> None:
    shown = line("Harbour project")
    readings = each_second([shown], [shown, line("lIl1 |l", 0.6, MIDDLE)], [shown], [shown, line(".", 0.99, MIDDLE)])
    assert told(spans_of(readings)) == [(0.0, 4.0, "Harbour project")]


def test_a_few_letters_that_were_read_once_must_stay_for_a_while() -> None:
    assert spans_of([Reading(46.0, 49.0, [line("tk")]), Reading(49.0, 60.0, [])]) == []
    assert told(spans_of([Reading(46.0, 60.0, [line("tk")])])) == [(46.0, 60.0, "tk")]
    assert told(spans_of(each_second([line("tk")], [line("tk")], []))) == [(0.0, 2.0, "tk")]


def test_what_is_sure_may_be_short() -> None:
    assert told(spans_of(each_second([], [line("Intermission")], []))) == [(1.0, 2.0, "Intermission")]


def test_a_clock_is_one_span() -> None:
    shown = [[line(f"12:00:{second:02}"), line("Harbour project", box=MIDDLE)] for second in range(20)]
    assert told(spans_of(each_second(*shown))) == [(0.0, 20.0, "12:00:00"), (0.0, 20.0, "Harbour project")]


def test_a_reader_that_tells_no_places_is_followed_by_words_alone() -> None:
    readings = each_second(*[[line("Harbour project", box=None), line("Room B-217", box=None)]] * 3)
    assert [span.text for span in spans_of(readings)] == ["Harbour project", "Room B-217"]


LINES = st.builds(
    ReadLine,
    st.text(st.sampled_from("abcdeAB 0123"), max_size=12),
    st.floats(0, 1),
    st.none() | st.sampled_from([TOP, MIDDLE]),
)


@given(st.lists(st.lists(LINES, max_size=4), max_size=12))
def test_spans_say_what_was_read_when_it_was_read(shown: list[list[ReadLine]]) -> None:
    readings = each_second(*shown)
    spans = spans_of(readings)
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    for span in spans:
        assert 0 <= span.start < span.end <= len(shown)
        assert any(span.text == line.text for reading in readings for line in reading.lines if reading.end > span.start)
        assert any(reading.start == span.start and reading.lines for reading in readings)


@given(st.lists(st.sampled_from(["Harbour project", "Room for pilots", "Winter timetable"]), max_size=30))
def test_sure_text_is_never_lost(shown: list[str]) -> None:
    """Every second in which something was read surely lies in a span that says it."""
    spans = spans_of(each_second(*[[line(text)] for text in shown]))
    for second, text in enumerate(shown):
        assert any(span.text == text and span.start <= second < span.end for span in spans)
