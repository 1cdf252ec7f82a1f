from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.translate.wording import Done, translated
from brickyard.text.glossary import Term

ADDRESS = "https://example.org/Path_1?q=2"


def run(
    texts: list[str], engine: Callable[[str], str] = str.upper, terms: list[Term] | None = None
) -> tuple[list[Done], list[str]]:
    """What came out, and every sentence that the engine was given."""
    asked: list[str] = []

    async def through(sentences: list[str]) -> list[str]:
        asked.extend(sentences)
        return [engine(sentence) for sentence in sentences]

    return asyncio.run(translated(texts, "en", through, terms or [])), asked


def said(texts: list[str], engine: Callable[[str], str] = str.upper, terms: list[Term] | None = None) -> list[str]:
    return [done.text for done in run(texts, engine, terms)[0]]


def test_sentences_go_one_by_one_and_what_is_between_them_stays() -> None:
    text = "  Mr. Smith came.  He left!\n\nOne line\n"
    done, asked = run([text])
    assert done == [Done(text.upper())]
    assert asked == ["Mr. Smith came.", "He left!", "One line"]


def test_texts_without_letters_are_not_asked_for() -> None:
    assert run(["", " \n ", "12 - 5", "?!"]) == ([Done(""), Done(" \n "), Done("12 - 5"), Done("?!")], [])


def test_addresses_and_terms_are_kept_from_the_engine() -> None:
    text = f"See {ADDRESS}, or write to joe.smith@example.org about the net income."
    done, asked = run([text], terms=[Term("net income", "beneficio neto")])
    assert done == [Done(f"SEE {ADDRESS}, OR WRITE TO joe.smith@example.org ABOUT THE beneficio neto.")]
    assert "example" not in asked[0]
    assert "income" not in asked[0]


def test_where_the_engine_loses_a_mark_the_sentence_goes_in_pieces() -> None:
    text = f"See {ADDRESS} for more, or joe@example.org for less."
    found = said([text], lambda sentence: re.sub(r"[A-Z]*Q[A-Z]*\d+[A-Z]*Q[A-Z]* ?", "", sentence).upper())
    assert found == [f"SEE {ADDRESS} FOR MORE, OR joe@example.org FOR LESS."]


def test_numbers_that_an_engine_changes_are_put_right() -> None:
    done, asked = run(
        ["It cost 1,250 euros.", "Two of 3."], lambda sentence: sentence.replace("1,250", "1,520").upper()
    )
    assert done == [Done("IT COST 1,250 EUROS."), Done("TWO OF 3.")]
    assert len(asked) == 3


def test_numbers_that_can_not_be_put_right_are_told() -> None:
    done, _ = run(["It cost 1,250 euros.", "Fine."], lambda sentence: re.sub(r"\d", "", sentence).upper())
    assert [each.doubts for each in done] == [("numbers",), ()]


def test_an_engine_that_says_nothing_drops_nothing() -> None:
    done, _ = run(["One. Two."], lambda sentence: "" if sentence == "One." else sentence.upper())
    assert done == [Done("One. TWO.", ("untranslated",))]


@given(st.text(st.sampled_from("aB .!?\n12,@:/<>zq…。好"), max_size=80))
def test_an_engine_that_repeats_gives_the_text_back(text: str) -> None:
    assert said([text], str) == [text]
