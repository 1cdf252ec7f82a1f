from __future__ import annotations

from brickyard.text.documents import Kind, texts_of, with_texts


def test_lines_keep_their_places() -> None:
    data = b"  Title\n\n\n1.\nFirst line.\r\nSecond line."
    assert texts_of(Kind.txt, data) == ["Title", "First line.", "Second line."]
    assert with_texts(Kind.txt, data, ["T", "one\ntwo", "three"]) == b"  T\n\n\n1.\none two\r\nthree"
