from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brickyard.text.sentences import LONGEST_LETTERS, put_together, sentences

TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from(
        ["Mr. Smith", "said:", '"No!"', "3.5 km", "e.g.", "a)", "\n\n", "\n", "He left.", "你好。", "?", "x" * 90]
    ),
    max_size=40,
).map(" ".join)


def split(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Mr. Smith came. He left!  Why?", ["Mr. Smith came.", "He left!", "Why?"]),
        ("en", "It cost 3.50 at ZQ0ZQ. Yes", ["It cost 3.50 at ZQ0ZQ.", "Yes"]),
        ("en", "  A title\n\nAnd a text\n", ["A title", "And a text"]),
        ("fr", "M. Dupont est là. Il mange.", ["M. Dupont est là.", "Il mange."]),
        ("pt", "Olá. Tudo bem? Sim", ["Olá.", "Tudo bem?", "Sim"]),
        ("zh", "你好。世界！好", ["你好。", "世界！", "好"]),
        ("xx", "Nobody knows it. It goes on.", ["Nobody knows it.", "It goes on."]),
        ("en", " \n ", []),
    ],
)
def test_sentences_are_found(language: str, text: str, expected: list[str]) -> None:
    assert split(text, language) == expected


@given(TEXTS, st.sampled_from(["en", "fr", "pt", "zh", "ru"]))
@example("a) b) " * 40, "en")
@example(". " * 100, "en")
def test_nothing_is_lost_and_none_is_too_long(text: str, language: str) -> None:
    places = sentences(text, language)
    after = 0
    for start, end in places:
        assert after <= start < end
        assert not text[after:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert end - start <= LONGEST_LETTERS
        after = end
    assert not text[after:].strip()


@given(TEXTS)
def test_a_text_put_together_out_of_its_own_sentences_is_the_same(text: str) -> None:
    places = sentences(text, "en")
    assert put_together(text, places, [text[start:end] for start, end in places]) == text


def test_a_long_sentence_is_divided_after_punctuation_or_between_words() -> None:
    text = "one two three, " * 40
    parts = split(text, "en")
    assert len(parts) > 1
    assert all(part.endswith(",") for part in parts)
    assert all(len(part) == LONGEST_LETTERS for part in split("x" * (2 * LONGEST_LETTERS), "en"))


def test_what_would_keep_pysbd_busy_for_minutes_goes_by_the_simple_rule() -> None:
    """1,200 such letters take it seconds, and time grows with the cube of their number."""
    assert "".join(split("a) b) " * 2000, "en")).count(")") == 4000


def test_sentences_without_spaces_get_them_where_their_translations_need_some() -> None:
    text = "你好。世界！"
    assert put_together(text, sentences(text, "zh"), ["Hello.", "World!"]) == "Hello. World!"
    assert put_together(text, sentences(text, "zh"), ["こん。", "ち！"]) == "こん。ち！"
