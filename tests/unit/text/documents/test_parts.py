from __future__ import annotations

from brickyard.text.documents.parts import Part, readable


def test_white_space_and_what_has_no_letters_stay() -> None:
    assert [part.source for part in readable(" \n a b\t", "a b")] == [" \n ", "a b", "\t"]
    assert readable(" 12. ", "12.") == [Part(" 12. ")]
    assert readable("", "") == []


def test_an_unchanged_text_leaves_the_source() -> None:
    part = Part("a  b", "a b", str.upper)
    assert part.with_text("a b") == "a  b"
    assert part.with_text("c") == "C"
