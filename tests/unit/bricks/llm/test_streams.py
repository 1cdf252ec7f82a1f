from __future__ import annotations

import json
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from brickyard.bricks.llm.streams import EVENTS, LINES, WithoutUsage, error_within
from brickyard.kit.errors import Unavailable

WORD = b'data: {"choices":[{"delta":{"content":"usage"}}],"usage":null}'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7}}'
DONE = b"data: [DONE]"


def passed(data: list[bytes]) -> bytes:
    kept = WithoutUsage()
    return b"".join([*(kept.feed(piece) for piece in data), kept.rest()])


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@given(cuts=st.lists(st.integers(0, 250), max_size=8))
def test_only_the_usage_is_left_out_however_the_stream_is_cut(end: bytes, cuts: list[int]) -> None:
    whole = end.join([WORD, WORD, USAGE, DONE, b""])
    bounds = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    assert passed(pieces) == end.join([WORD, WORD, DONE, b""])


def test_what_is_whole_goes_on_at_once() -> None:
    kept = WithoutUsage()
    assert kept.feed(WORD + b"\n\n") == WORD + b"\n\n"
    assert kept.feed(b"data: {") == b""
    assert kept.feed(b"}\n\n") == b"data: {}\n\n"


def test_a_stream_that_ends_without_a_mark_loses_nothing() -> None:
    assert passed([WORD + b"\n\n", b"data: cut"]) == WORD + b"\n\ndata: cut"
    assert passed([b"data: cut"]) == b"data: cut"


def test_errors_are_told_in_the_form_of_the_stream() -> None:
    error = Unavailable("gone")
    event = error_within(EVENTS + "; charset=utf-8", error)
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert json.loads(event[6:])["error"] == {
        "message": "gone",
        "type": "server_error",
        "param": None,
        "code": "unavailable",
    }
    assert error_within(LINES, error) == b'{"error": "gone"}\n'
    assert error_within("application/json", error) == b""
