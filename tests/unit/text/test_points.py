from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.points import Point, numbers_in, points

GOOD = '{"points": [{"section": "decisions", "text": "It moves.", "lines": [3, 4]}]}'
MOVES = [Point("It moves.", (3, 4), "decisions")]


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here is what you asked for:\n{GOOD}\nLet me know if I can help.",
        f"<think>Maybe [3] or {{4}}?</think>{GOOD}",
        '[{"section": "Decisions ", "text": "It moves.", "lines": [3, 4]}]',
        '{"section": "decisions", "text": "It moves.", "lines": [3, 4]}',
        '{"summary": [{"section": "decisions", "sentence": " It  moves. ", "citations": ["3", "[4]"]}]}',
        '{"points": [{"section": "decisions", "text": "It moves. [3]", "lines": "3-4"}]}',
        '{"points": [{"section": "decisions", "text": "It moves (lines 3, 4).", "lines": []}]}',
        '{"points": [{"section": "decisions", "text": "It moves.", "lines": [{"line": 3}, {"line": 4.0}]}]}',
        '{"points": [{"section": "decisions", "text": "It moves.", "lines": [3, 4]}, {"section": "act',
        '{"points": [17, {"text": ""}, {"section": "decisions", "text": "It moves.", "lines": [3, null, 4, true]}]}',
    ],
)
def test_points_are_found_however_they_are_wrapped(answer: str) -> None:
    found = points(answer)
    assert found is not None
    assert found == MOVES


@pytest.mark.parametrize("answer", ['{"points": []}', '```\n{"points": []}\n```', '{"decisions": []}'])
def test_nothing_to_say_is_an_answer(answer: str) -> None:
    assert points(answer) == []


@pytest.mark.parametrize(
    "answer", ["", "I can't do that.", "{", "[" * 100_000, '{"a": 1}', "[1, 2]", "null", "{}", '"x"']
)
def test_what_is_not_the_json_that_was_asked_for(answer: str) -> None:
    assert points(answer) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("12", (12,)),
        ("[12, 14]", (12, 14)),
        ("12-15", (12, 13, 14, 15)),
        ("L3–L4", (3, 4)),
        ("5 to 6", (5, 6)),
        ("", ()),
    ],
)
def test_line_numbers_as_models_write_them(text: str, numbers: tuple[int, ...]) -> None:
    assert numbers_in(text) == numbers


def test_a_range_over_everything_is_not_written_out() -> None:
    assert numbers_in("1-2700") == (1, 2700)
    assert numbers_in("9" * 5000) == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["points", "text", "lines", "section", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(json_values, st.integers(0, 300))
def test_any_json_and_any_part_of_it_is_read_without_error(value: Any, cut: int) -> None:
    for answer in (json.dumps(value), json.dumps(value)[:cut]):
        for point in points(answer) or []:
            assert point.text.strip()
            assert all(isinstance(number, int) for number in point.lines)


@given(st.text())
def test_any_text_is_read_without_error(answer: str) -> None:
    points(answer)


@given(st.lists(st.tuples(st.text("abc .", min_size=1).filter(str.strip), st.lists(st.integers(1, 99), unique=True))))
def test_what_was_written_is_read(written: list[tuple[str, list[int]]]) -> None:
    answer = json.dumps({"points": [{"text": text, "lines": lines} for text, lines in written]})
    assert points(answer) == [Point(" ".join(text.split()), tuple(lines)) for text, lines in written]
