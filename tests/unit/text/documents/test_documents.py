"""Documents through `texts_of` and `with_texts`; each kind has a file of its own beside this one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.kit.errors import BadInput, TooLarge
from brickyard.text.documents import LARGEST_MIB, LARGEST_TEXT_MIB, Kind, kind_of, texts_of, with_texts

IN_TEXT_FORM = [Kind.txt, Kind.srt, Kind.vtt, Kind.html]
PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<b class='x>'>",
            "<script>",
            "</script>",
            "<pre>",
            "</pre>",
            "<!--",
            "-->",
            "<",
            ">",
            "&amp;",
        ),
        *("&", '"', "'", "hello", "Grüße", "1", "00:00:01,000 --> 00:00:02,000", "\r\n", "\n", "\r", "\n\n", " ", "\t"),
        *("{\\an8}", "<i>", "</i>", "- ", "WEBVTT", "NOTE", "\u2028", "\x0b", "\ufeff"),
    ]
)
MESSY = st.one_of(st.lists(PIECES).map("".join), st.text(st.characters(exclude_categories=["Cs"]))).filter(
    lambda text: "\0" not in text
)


@pytest.mark.parametrize("kind", IN_TEXT_FORM)
@given(source=MESSY)
def test_a_document_given_its_own_texts_is_the_same(kind: Kind, source: str) -> None:
    data = source.encode()
    texts = texts_of(kind, data)
    assert all(text == text.strip() and any(map(str.isalpha, text)) for text in texts)
    assert with_texts(kind, data, texts) == data


@pytest.mark.parametrize("kind", IN_TEXT_FORM)
@given(source=MESSY)
def test_new_texts_are_found_again(kind: Kind, source: str) -> None:
    data = source.encode()
    new = [f"Nº {number} über <b> & --> all" for number, _ in enumerate(texts_of(kind, data))]
    found = texts_of(kind, with_texts(kind, data, new))
    expected = [text.replace("-->", "->") if kind is Kind.srt else text for text in new]
    if kind is Kind.srt:  # there a tag in a text is a tag
        assert "".join(found).replace(" ", "").count("über") == len(expected)
    else:
        assert found == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encoding_stays(encoding: str) -> None:
    data = "Où est-ce ?\r\nIci.\r\n".encode(encoding)
    assert texts_of(Kind.txt, data) == ["Où est-ce ?", "Ici."]
    assert with_texts(Kind.txt, data, ["Where?", "Here."]) == "Where?\r\nHere.\r\n".encode(encoding)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="Save it as UTF-8"):
        texts_of(Kind.txt, b"caf\xe9")
    with pytest.raises(BadInput, match="no text"):
        texts_of(Kind.html, b"PK\x03\x04\0\0")


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_too_large_is_refused(kind: Kind) -> None:
    most_mib = LARGEST_MIB if kind is Kind.docx else LARGEST_TEXT_MIB
    with pytest.raises(TooLarge, match=f"at most {most_mib} "):
        texts_of(kind, b"a" * ((most_mib << 20) + 1))


def test_one_translation_too_few_is_noticed() -> None:
    with pytest.raises(ValueError, match="zip"):
        with_texts(Kind.txt, b"one\ntwo", ["eins"])


def test_kinds_go_by_the_ending() -> None:
    assert [kind_of(name) for name in ("a.TXT", "b.c.docx", "d.htm", "e.vtt")] == [
        Kind.txt,
        Kind.docx,
        Kind.html,
        Kind.vtt,
    ]
    for name in ("", "a", "a.pdf", ".txt"):
        with pytest.raises(BadInput, match=r"\.docx"):
            kind_of(name)
