from __future__ import annotations

import json
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from brickyard.bricks.llm.tally import TAIL_BYTES, Counts, Tally


def fed(*pieces: bytes, streams: bool = True, letters: int = 40) -> Counts:
    tally = Tally(streams, letters)
    for piece in pieces:
        tally.feed(piece)
    return tally.counts()


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens": 7,"completion_tokens":2,"total_tokens":9}}\n\n'


def test_both_apis_tell_at_the_end() -> None:
    assert fed(b'data: {"choices":[{}]}\n\n', USAGE, b"data: [DONE]\n\n") == Counts(7, 2, told=True)
    last = b'{"done":true,"load_duration":1500000000,"prompt_eval_count":7,"eval_count":2}\n'
    assert fed(b'{"done":false}\n', last) == Counts(7, 2, told=True, load_s=1.5)
    assert fed(b'{"usage":{"prompt_tokens":3}}', streams=False) == Counts(3, 0, told=True)


@given(st.lists(st.integers(1, len(USAGE) - 1), max_size=6))
def test_it_does_not_matter_how_the_answer_is_cut(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(USAGE)]
    assert fed(*(USAGE[a:b] for a, b in pairwise(bounds))) == Counts(7, 2, told=True)


def test_a_long_answer_is_not_kept() -> None:
    assert fed(b"x" * 10 * TAIL_BYTES, USAGE) == Counts(7, 2, told=True)
    assert not fed(USAGE, b"x" * TAIL_BYTES).told


def test_what_is_cut_off_is_counted_by_its_pieces() -> None:
    events, crlf = b'data: {"choices":[{}]}\n\n', b'data: {"choices":[{}]}\r\n\r\n'
    assert fed(events, events + events) == Counts(10, 3, told=False)
    assert fed(crlf, crlf + crlf) == Counts(10, 3, told=False)
    assert fed(b'{"response":"a"}\n{"response":"b"}\n', letters=41) == Counts(11, 2, told=False)
    assert fed() == Counts(10, 0, told=False)


def test_what_a_model_says_is_no_figure() -> None:
    said = json.dumps({"response": '"eval_count": 5, "prompt_tokens": 9', "done": False}).encode()
    assert not fed(said + b"\n").told
