from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import SAMPLE_RATE, Span
from brickyard.engines.units import Unit, UnitRule, plan_units

RULE = UnitRule(unit_s=10, gap_s=1, longest_s=14, shortest_s=1.2)
SILENCE = np.zeros(60 * SAMPLE_RATE, np.float32)

span_lists = st.lists(st.tuples(st.floats(0.05, 12), st.floats(0.05, 3)), max_size=12).map(
    lambda pairs: [
        Span(sum(map(sum, pairs[:i])) + gap, sum(map(sum, pairs[:i])) + gap + length)
        for i, (length, gap) in enumerate(pairs)
    ]
)


@given(span_lists)
def test_every_span_is_in_one_unit_and_units_stay_apart(spans: list[Span]) -> None:
    units = plan_units(SILENCE, spans, RULE)
    assert [span.start for unit in units for span in unit.spans] == [span.start for span in spans if span.start < 60]
    assert all(left.end <= right.start + 1e-9 for left, right in pairwise(units))
    assert all(0 <= unit.start <= unit.spans[0].start < unit.spans[-1].end <= unit.end <= 60 for unit in units)


def test_neighbours_share_a_unit_until_it_is_full() -> None:
    units = plan_units(SILENCE, [Span(0, 4), Span(4.5, 8), Span(8.2, 12), Span(15, 19)], RULE)
    assert [(unit.start, unit.end) for unit in units] == [(0, 8), (8.2, 12), (15, 19)]


def test_a_short_call_takes_in_the_silence_around_it_but_no_more_than_half() -> None:
    alone, near, _ = plan_units(SILENCE, [Span(5, 5.4), Span(10, 10.4), Span(10.6, 30)], UnitRule(10, 0.1, 40, 1.2))
    assert (alone.start, alone.end) == (pytest.approx(4.6), pytest.approx(5.8))
    assert (near.start, near.end) == (pytest.approx(9.6), pytest.approx(10.5))


def test_a_long_span_is_cut_where_it_is_quietest() -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 20 * SAMPLE_RATE).astype(np.float32)
    audio[int(8.9 * SAMPLE_RATE) : int(9.1 * SAMPLE_RATE)] = 0
    first, second = plan_units(audio, [Span(1, 19)], RULE)
    assert first.end == second.start == pytest.approx(9.0, abs=0.1)


def test_samples_that_are_not_numbers_become_silence_in_a_copy() -> None:
    audio = np.array([1, np.nan, np.inf, -np.inf], np.float32)
    assert Unit(0, 1, ()).cut(audio).tolist() == [1, 0, 0, 0]
    assert np.isnan(audio[1])
