from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.chunks import plan_chunks, settled
from brickyard.engines.base import Span

DURATION_S = 600.0

span_lists = st.lists(
    st.tuples(st.floats(0, DURATION_S), st.floats(0.01, 90)).map(lambda pair: Span(pair[0], pair[0] + pair[1])),
    max_size=60,
)


def covered(spans: list[Span], moment: float) -> bool:
    return any(span.start <= moment <= span.end for span in spans)


@given(span_lists)
def test_all_speech_is_in_some_chunk_and_nothing_else(spans: list[Span]) -> None:
    planned = [span for chunk in plan_chunks(spans, DURATION_S) for span in chunk.spans]
    moments = [moment for span in spans for moment in (span.start + 0.005, (span.start + span.end) / 2)]
    for moment in moments:
        assert covered(planned, moment) == (moment <= DURATION_S)
    for span in planned:
        assert covered(spans, (span.start + span.end) / 2)


@given(span_lists)
def test_spans_stay_in_order_and_apart(spans: list[Span]) -> None:
    planned = [span for chunk in plan_chunks(spans, DURATION_S) for span in chunk.spans]
    assert all(left.start < left.end <= right.start < right.end for left, right in pairwise(planned))


@given(span_lists, st.floats(5, 120), st.floats(1, 40))
def test_chunks_are_short_enough_and_hold_exactly_their_spans(spans: list[Span], target_s: float, max_s: float) -> None:
    chunks = plan_chunks(spans, DURATION_S, target_s, max_s)
    for chunk in chunks:
        assert chunk.duration <= target_s + 1e-6
        assert (chunk.start, chunk.end) == (chunk.spans[0].start, chunk.spans[-1].end)
        assert all(span.duration <= max_s + 1e-6 for span in chunk.spans)


def test_chunks_are_filled_and_cut_between_spans() -> None:
    spans = [Span(float(start), start + 8.0) for start in range(0, 120, 10)]
    assert [(chunk.start, chunk.end) for chunk in plan_chunks(spans, 130)] == [(0, 58), (60, 118)]


def test_a_long_silence_belongs_to_no_chunk() -> None:
    chunks = plan_chunks([Span(1, 2), Span(500, 501)], DURATION_S)
    assert [(chunk.start, chunk.end) for chunk in chunks] == [(1, 2), (500, 501)]


def test_local_spans_count_from_the_chunk() -> None:
    (chunk,) = plan_chunks([Span(100, 104), Span(105, 110)], DURATION_S)
    assert chunk.local_spans() == (Span(0, 4), Span(5, 10))


def test_a_span_that_is_too_long_is_divided_evenly() -> None:
    (chunk,) = plan_chunks([Span(0, 50)], DURATION_S, max_span_s=20)
    assert [span.duration for span in chunk.spans] == pytest.approx([50 / 3] * 3)


def test_no_speech_no_chunks() -> None:
    assert plan_chunks([], DURATION_S) == []


@given(st.lists(st.tuples(st.floats(0.05, 12), st.floats(0.3, 40)), max_size=60), st.floats(20, 130))
def test_speech_found_window_by_window_is_the_speech_of_the_whole(
    lengths: list[tuple[float, float]], window_s: float
) -> None:
    """Spans are cut by windows; what is settled of each window, put together, is every span, whole, once."""
    truth, position = [], 0.0
    for speech_s, silence_s in lengths:
        truth.append(Span(position, position + speech_s))
        position += speech_s + silence_s
    duration_s = position + 0.1
    found: list[Span] = []
    start_s = 0.0
    while start_s < duration_s:
        end_s = min(duration_s, start_s + window_s)
        seen = [Span(max(s.start, start_s), min(s.end, end_s)) for s in truth if s.start < end_s and s.end > start_s]
        kept, next_s = settled(seen, start_s, end_s, is_last=end_s >= duration_s)
        assert next_s > start_s, "each window must get on"
        found += kept
        start_s = next_s
    assert found == truth
