from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.exports.sheet import SEGMENTS_A_PARAGRAPH, paragraphs_of, runs_right_to_left
from brickyard.text.spoken import Segment


def said(start: float, speaker: str | None, text: str) -> Segment:
    return Segment(start=start, end=start + 1, speaker=speaker, text=text)


def test_a_paragraph_for_each_stretch_of_a_speaker() -> None:
    found = paragraphs_of([said(0, "A", "one"), said(1, "A", "two"), said(3700, None, "three"), said(3701, "A", "  ")])
    assert [(one.times, one.speaker, one.text) for one in found] == [
        ("00:00", "A", "one two"),
        ("1:01:40", "", "three"),
    ]


@given(st.lists(st.tuples(st.sampled_from(["A", "B", None]), st.sampled_from(["x", "y z", " "])), max_size=60))
def test_nothing_is_lost_and_no_paragraph_is_too_long(lines: list[tuple[str | None, str]]) -> None:
    found = paragraphs_of(said(k, speaker, text) for k, (speaker, text) in enumerate(lines))
    assert " ".join(one.text for one in found).split() == " ".join(text for _, text in lines).split()
    assert all(len(one.text.split()) <= 2 * SEGMENTS_A_PARAGRAPH for one in found)


@pytest.mark.parametrize(
    ("text", "expected"), [("مرحبا", True), ("12 שלום", True), ("Hi مرحبا", False), ("日本", False), ("", False)]
)
def test_the_first_letter_says_the_direction(text: str, expected: bool) -> None:
    assert runs_right_to_left(text) is expected
