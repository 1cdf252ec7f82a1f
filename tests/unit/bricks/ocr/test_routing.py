from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.bricks.ocr.routing import (
    SURE,
    ReaderCard,
    doubtful,
    is_better,
    others,
    reader_for,
    sureness,
)
from brickyard.engines.base import TextLine
from brickyard.engines.scripts import LANGUAGES
from brickyard.kit.errors import Unsupported

RAPID = ReaderCard("rapidocr", frozenset({"Latn", "Hans"}), unread=frozenset({"vi"}))
TESSERACT = ReaderCard("tesseract", frozenset({"Cyrl", "Grek", "Latn"}), frozenset({"ru", "uk", "el", "en", "vi"}))
BOTH = [RAPID, TESSERACT]


def line(text: str, confidence: float, width: float = 0.5) -> TextLine:
    return TextLine(text, confidence, (0.1, 0.1, 0.1 + width, 0.15))


@pytest.mark.parametrize(
    ("languages", "engine", "name"),
    [
        ([], "auto", "rapidocr"),
        (["en", "zh"], "auto", "rapidocr"),
        (["ru"], "auto", "tesseract"),
        (["ru", "en"], "auto", "tesseract"),
        (["vi"], "auto", "tesseract"),
        (["en"], "tesseract", "tesseract"),
        ([], "tesseract", "tesseract"),
    ],
)
def test_a_reader_is_chosen_by_script(languages: list[str], engine: str, name: str) -> None:
    assert reader_for(languages, engine, BOTH).name == name


@pytest.mark.parametrize(
    ("languages", "engine", "readers", "said"),
    [
        (["ru", "zh"], "auto", BOTH, "Cyrl, Grek, Hans, Latn"),
        (["ru"], "rapidocr", BOTH, "tesseract"),
        (["ru"], "auto", [RAPID], "tesseract-ocr-rus"),
        ([], "tesseract", [RAPID], "not installed here; installed: rapidocr"),
        ([], "auto", [], "none"),
        (["xx"], "auto", BOTH, "xx"),
    ],
)
def test_what_nobody_reads_is_refused_with_what_would_do(
    languages: list[str], engine: str, readers: list[ReaderCard], said: str
) -> None:
    with pytest.raises(Unsupported, match=said):
        reader_for(languages, engine, readers)


@given(st.lists(st.sampled_from(sorted(LANGUAGES)), max_size=4), st.permutations(BOTH))
def test_who_is_chosen_can_read_it(languages: list[str], readers: list[ReaderCard]) -> None:
    try:
        chosen = reader_for(languages, "auto", readers)
    except Unsupported:
        assert not any(reader.reads(languages) for reader in readers)
    else:
        assert chosen.reads(languages)


def test_only_scripts_that_the_first_lacks_are_tried() -> None:
    assert others(RAPID, BOTH) == [(TESSERACT, ["ru", "uk"]), (TESSERACT, ["el"])]
    assert others(TESSERACT, BOTH) == []


def test_letters_count_and_what_was_not_read_counts_by_its_length() -> None:
    assert sureness([line("abcdefghi", 1.0), line("x", 0.0)]) == pytest.approx(0.9)
    assert sureness([line("abcdefghij", 1.0), line("", 0.0)]) == pytest.approx(1 / 3), "as wide as twenty letters"
    assert sureness([]) == 0.0


def test_the_doubtful_image_with_most_text_comes_first() -> None:
    few, many, sure = [line("abcdefgh", 0.8)], [line("abcdefgh", 0.8)] * 3, [line("abcdefgh", 0.99)]
    assert doubtful([few, sure, many, []]) == [2, 0]


def test_a_speck_is_not_worth_other_scripts() -> None:
    assert doubtful([[line("ab", 0.6, width=0.1)]]) == []
    assert doubtful([[line("", 0.0, width=0.5)]]) == [0], "a whole line that cannot be read is"


@given(
    st.lists(
        st.lists(st.builds(line, st.text(max_size=20), st.floats(0, 1), st.floats(0, 0.9)), max_size=5), max_size=5
    )
)
def test_what_is_sure_is_never_doubted(readings: list[list[TextLine]]) -> None:
    found = doubtful(readings)
    assert len(set(found)) == len(found)
    assert all(readings[index] and sureness(readings[index]) < SURE for index in found)


def test_another_reading_must_be_good_and_better() -> None:
    assert is_better([line("Портовая", 0.96)], [line("Nopmobar", 0.87)])
    assert not is_better([line("Портовая", 0.6)], [line("Nopmobar", 0.5)]), "not good"
    assert not is_better([line("Портовая", 0.8)], [line("Nopmobar", 0.87)]), "not better"
    assert not is_better([], [])
