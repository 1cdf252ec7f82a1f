from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import SAMPLE_RATE, Audio, Span
from brickyard.engines.silero import FRAME, FRAME_S, SileroVad, SpanRule, spans_of, split_frames
from tests.unit.engines.speech import from_wheel, load

RULE = SpanRule()


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="module")
def beckett() -> Audio:
    return from_wheel("beckett.wav")


def test_each_phrase_of_a_slow_reader_is_a_span(vad: SileroVad, beckett: Audio) -> None:
    spans = vad.speech_spans([beckett])
    # Where the six phrases begin, by ear.
    for start, span in zip([0.2, 1.75, 3.4, 4.8, 6.5, 8.0], spans, strict=True):
        assert span.start - 0.05 <= start <= span.start + 0.35


def test_how_the_audio_is_cut_into_blocks_does_not_matter(vad: SileroVad, beckett: Audio) -> None:
    odd = [beckett[first : first + 7777] for first in range(0, len(beckett), 7777)]
    assert vad.speech_spans(odd) == vad.speech_spans([beckett])


def test_state_is_carried_from_block_to_block(vad: SileroVad, beckett: Audio) -> None:
    vad.reset()
    whole = vad.probabilities(beckett[: 100 * FRAME])
    vad.reset()
    halves = [vad.probabilities(beckett[first : first + 50 * FRAME]) for first in (0, 50 * FRAME)]
    assert np.allclose(np.concatenate(halves), whole, atol=1e-4)


@pytest.mark.parametrize("gain", [0.1, 0.01, 0.001])
def test_quiet_speech_is_found_as_well_as_loud(vad: SileroVad, beckett: Audio, gain: float) -> None:
    found = sum(span.duration for span in vad.speech_spans([beckett * np.float32(gain)]))
    assert found == pytest.approx(sum(span.duration for span in vad.speech_spans([beckett])), rel=0.05)


@pytest.mark.parametrize("level", [0.3, 0.01, 0.0001])
def test_noise_is_not_speech_however_quiet(vad: SileroVad, level: float) -> None:
    noise = np.random.default_rng(0).standard_normal(20 * SAMPLE_RATE) * level
    assert vad.speech_spans([noise.astype(np.float32)]) == []


def test_silence_and_nothing_at_all_hold_no_speech(vad: SileroVad) -> None:
    assert vad.speech_spans([np.zeros(SAMPLE_RATE * 3, np.float32)]) == []
    assert vad.speech_spans([]) == []
    assert vad.speech_spans([np.zeros(0, np.float32)]) == []


def test_samples_that_are_not_numbers_count_as_silence(vad: SileroVad, beckett: Audio) -> None:
    broken, silent = beckett.copy(), beckett.copy()
    broken[1000:2000], broken[2000:3000], silent[1000:3000] = np.nan, np.inf, 0
    assert vad.speech_spans([broken]) == vad.speech_spans([silent])


def test_a_recording_after_another_starts_afresh(vad: SileroVad, beckett: Audio) -> None:
    first = vad.speech_spans([beckett])
    vad.speech_spans([from_wheel("endgame_nagg_nell.wav")])
    assert vad.speech_spans([beckett]) == first


def test_both_calls_that_open_a_telephone_conversation_are_found(vad: SileroVad, shared_data: Path) -> None:
    spans = vad.speech_spans([load(shared_data / "sample.wav")])
    covered = [any(span.start <= moment <= span.end for span in spans) for moment in (6.9, 7.9)]
    assert covered == [True, True]
    assert spans[0].start > 6


frames = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=400)


@given(frames)
def test_spans_are_in_order_apart_and_inside(speech: list[float]) -> None:
    duration_s = len(speech) * FRAME_S
    edges = [0.0]
    for span in spans_of(np.array(speech, np.float32), np.ones(len(speech), np.float32), duration_s, RULE):
        edges += [span.start, span.end]
        assert span.duration > 0
    edges.append(duration_s)
    assert all(left <= right + 1e-9 for left, right in pairwise(edges))


@given(frames)
def test_no_clearly_voiced_stretch_is_lost(speech: list[float]) -> None:
    spans = spans_of(
        np.array(speech, np.float32),
        np.ones(len(speech), np.float32),
        len(speech) * FRAME_S,
        SpanRule(min_speech_s=0, max_span_s=1),
    )
    for index, probability in enumerate(speech):
        if probability >= RULE.threshold:
            middle = (index + 0.5) * FRAME_S
            assert any(span.start <= middle <= span.end for span in spans)


@given(st.integers(1, 2000), st.floats(0.5, 20), st.integers(0, 2**32))
def test_split_pieces_follow_on_each_other_and_none_is_too_long(count: int, max_span_s: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    speech, loudness = random.random((2, count), np.float32)
    pieces = list(split_frames((0, count), speech, loudness, max_span_s))
    assert [first for first, _ in pieces] == [0, *(last for _, last in pieces[:-1])]
    assert pieces[-1][1] == count
    assert all(0 < last - first <= max(2, int(max_span_s / FRAME_S)) for first, last in pieces)


def test_a_long_span_is_cut_where_it_is_least_voiced() -> None:
    speech, loudness = np.full(500, 0.95, np.float32), np.full(500, 0.1, np.float32)
    loudness[248:253] = 0.001
    spans = spans_of(speech, loudness, 16.0, SpanRule(max_span_s=10))
    assert [round(span.start, 1) for span in spans] == [0.0, 8.0]


def test_padding_shares_a_short_silence_and_drops_a_click() -> None:
    speech = np.array([0.9] * 20 + [0.0] * 11 + [0.9] * 20 + [0.0] * 30 + [0.9] + [0.0] * 30, np.float32)
    spans = spans_of(speech, speech, len(speech) * FRAME_S, SpanRule(padding_s=0.5, min_silence_s=0.3))
    assert len(spans) == 2
    assert spans[0].end == pytest.approx(spans[1].start)
    assert spans[1] == Span(pytest.approx(25.5 * FRAME_S), pytest.approx(51 * FRAME_S + 0.5))
