from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.visible import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\r\n\r\ntwo\tthree\u2028four", "one two three four"),
        ("\x1b[2Jcleared\x00", "[2Jcleared"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("\u2067a\u2069", "a"),
        ("half \ud83d a face", "half a face"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200fעברית", "\u200fעברית"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        (" \u0085 ", ""),
    ],
)
def test_what_people_see_stays(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text(st.characters()))
def test_any_text_comes_out_on_one_line_that_can_be_written(text: str) -> None:
    shown = one_line(text)
    assert len(shown.encode("utf-8").decode().splitlines()) <= 1
    assert one_line(shown) == shown
    assert shown == shown.strip()
    assert [letter for letter in shown if letter.isalnum()] == [letter for letter in text if letter.isalnum()]
