from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from brickyard.bricks.asr.contract import SegmentModel, TranscribeRequest, pairs, segment_model, spans
from brickyard.bricks.diarize.contract import ObserveRequest, TurnModel
from brickyard.engines.base import Segment, Span, Turn, Word

MS = 0.001
moments = st.integers(0, 3_600_000).map(lambda ms: round(ms * MS, 3))
confidences = st.none() | st.integers(0, 1000).map(lambda n: round(n * MS, 3))
words = st.builds(Word, moments, moments, st.text(max_size=8), confidences, st.booleans())
segments = st.builds(
    Segment,
    moments,
    moments,
    st.text(max_size=20),
    st.lists(words, max_size=4).map(tuple),
    confidences,
    st.sampled_from([None, "en"]),
)


@given(segments)
def test_a_segment_comes_through_json_as_it_was(segment: Segment) -> None:
    sent = segment_model(segment, 0.0).model_dump_json(exclude_defaults=True)
    assert SegmentModel.model_validate_json(sent).value() == segment


@given(segments, moments)
def test_times_are_counted_from_the_start_of_the_recording(segment: Segment, offset_s: float) -> None:
    moved = segment_model(segment, offset_s).value()
    assert (moved.start, moved.end) == pytest.approx((segment.start + offset_s, segment.end + offset_s), abs=MS)
    assert [w.start - o.start for w, o in zip(moved.words, segment.words, strict=True)] == pytest.approx(
        [offset_s] * len(segment.words), abs=MS
    )


def test_times_and_confidences_are_sent_in_thousandths() -> None:
    word = Word(0.12345, 0.98765, "so", 0.87654)
    sent = segment_model(Segment(0.12345, 0.98765, "so", (word,), 0.87654), 1.0)
    assert (sent.start, sent.end, sent.confidence) == (1.123, 1.988, 0.877)
    assert (sent.words[0].start, sent.words[0].end, sent.words[0].confidence) == (1.123, 1.988, 0.877)


@given(st.lists(st.tuples(moments, moments).map(lambda pair: Span(*pair))), moments)
def test_spans_are_sent_as_pairs_and_counted_from_the_chunk(found: list[Span], offset_s: float) -> None:
    assert spans(pairs(found)) == found
    moved = spans(pairs(found), offset_s)
    assert [span.start + offset_s for span in moved] == pytest.approx([span.start for span in found])


def test_a_turn_is_what_it_was() -> None:
    assert TurnModel(start=1.0, end=2.0, speaker=3).value() == Turn(1.0, 2.0, 3)


@pytest.mark.parametrize("wrong", [{"start": -1.0}, {"channel": 2}, {"channel": -1}, {"end": "soon"}])
def test_requests_beyond_a_recording_are_refused(wrong: dict[str, object]) -> None:
    fine = {"audio": "x.wav", "start": 0.0, "end": 1.0}
    ObserveRequest.model_validate(fine)
    with pytest.raises(ValidationError):
        ObserveRequest.model_validate({**fine, **wrong})
    with pytest.raises(ValidationError):
        TranscribeRequest.model_validate({**fine, "spans": [], **wrong})
