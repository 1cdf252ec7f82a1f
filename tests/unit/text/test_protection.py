from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.text.glossary import Term
from brickyard.text.protection import Form, Marked, has_letters, mark

TERMS = [Term("Acme", "Acme"), Term("pump", "pump")]
PARTS = st.sampled_from(
    ["the", "Acme", "pump", "pumps", "https://a.b/c?d=e_f.", "joe@x.org,", "😀", "👩🏽‍🚀",
     "<b>", "</b>", "<br/>", "{\\an8}",
     "12", "3rd", "ZQ1ZQ", "zq", "<", "&", "\n", "  ", "¿qué?", "'s", "(www.x.org/y)", "<!-- no -->"]
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=12).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda gap: gap.join(parts)))
FORMS: list[Form] = ["text", "tags"]


@given(TEXTS | st.text(max_size=60), st.sampled_from(FORMS), st.booleans())
def test_a_text_whose_marks_come_back_as_they_are_is_the_same(text: str, form: Form, numbers: bool) -> None:
    marked = mark(text, TERMS, form, numbers=numbers)
    assert marked.restored(marked.text, form).casefold() == text.casefold()
    assert marked.is_whole(marked.text, marked.text)


@given(TEXTS, st.sampled_from(FORMS))
def test_what_lies_between_marks_has_no_marks(text: str, form: Form) -> None:
    marked = mark(text, TERMS, form)
    for start, end in marked.pieces(marked.text):
        assert has_letters(marked.text[start:end])
        assert marked.numbers(marked.text[start:end]) == []


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("See https://a.b/c, or mail joe@x.org.", "text", "See ZQ0ZQ, or mail ZQ1ZQ."),
        ("a <b>big</b> word", "tags", "a ZQ0ZQ big ZQ1ZQ word"),
        ("a <b>big</b> word", "text", "a <b>big</b> word"),
        ("2 < 3 and 4 > 1", "tags", "2 < 3 and 4 > 1"),
        ("hi😀😀there", "text", "hi ZQ0ZQ there"),
        ("Acme's pumps", "text", "ZQ0ZQ's pumps"),
        ("fish &amp; <i>chips</i>", "html", "fish & ZQ0ZQ chips ZQ1ZQ"),
        ("buy <a href='https://acme.org/pump'>a pump</a>", "tags", "buy ZQ0ZQ a ZQ1ZQ ZQ2ZQ"),
        ("ZQ1ZQ and joe@x.org", "text", "ZQ1ZQ and QZ0QZ"),
    ],
)
def test_what_is_protected_leaves_a_mark(text: str, form: Form, expected: str) -> None:
    marked = mark(text, TERMS, form)
    assert marked.text == expected
    assert marked.restored(marked.text, form) == text


def test_terms_come_back_as_the_glossary_says() -> None:
    marked = mark("The pump of Acme", [Term("pump", "bomba"), Term("Acme", "R&D")], "html")
    assert marked.restored("Las ZQ1ZQ de ZQ0ZQ < 3", "html") == "Las R&amp;D de bomba &lt; 3"


def test_marks_that_moved_keep_their_distance() -> None:
    marked = mark("red <b>house</b> of joe@x.org", [], "tags")
    assert marked.text == "red ZQ0ZQ house ZQ1ZQ of ZQ2ZQ"
    assert marked.restored("casa  ZQ0ZQ roja ZQ1ZQ de ZQ2ZQ.", "tags") == "casa  <b>roja</b> de joe@x.org."
    assert marked.restored("de ZQ2ZQla ZQ0ZQ casa ZQ1ZQ", "tags") == "de joe@x.org la <b>casa</b>"


@pytest.mark.parametrize(
    ("translation", "is_whole"),
    [
        ("ZQ0ZQ casa ZQ1ZQ ZQ2ZQ", True),
        ("zq2zq ZQ 0 ZQ casa ZQ1ZQ", True),
        ("ZQ1ZQ casa ZQ0ZQ ZQ2ZQ", False),
        ("ZQ0ZQ casa ZQ1ZQ", False),
        ("ZQ0ZQ casa ZQ1ZQ ZQ2ZQ ZQ2ZQ", False),
        ("ZQ0ZQ casa ZQ1ZQ ZQ2ZQ ZQx", False),
        ("ZQ0ZQ casa ZQ1ZQ ZQ7ZQ", False),
    ],
)
def test_a_lost_doubled_or_broken_mark_and_tags_out_of_order_are_noticed(translation: str, is_whole: bool) -> None:
    marked = mark("<b>house</b> joe@x.org", [], "tags")
    assert marked.is_whole(marked.text, translation) == is_whole


def test_tags_around_a_sentence_stay_outside_and_terms_inside() -> None:
    marked = mark("<p><b>Acme</b> is big. 😀</p>", TERMS, "tags")
    start, end = marked.edges(marked.text)
    assert marked.text[start:end] == "ZQ2ZQ ZQ3ZQ is big."
    assert marked.edges("ZQ0ZQ ZQ1ZQ") == (len("ZQ0ZQ ZQ1ZQ"), len("ZQ0ZQ ZQ1ZQ"))


def test_numbers_are_protected_with_what_hangs_on_them() -> None:
    marked = mark("On the 3rd, 1,234.50 at 10:45-11:00 in A4", numbers=True)
    assert [each.instead for each in marked.marks] == ["3rd", "1,234.50", "10:45-11:00", "A4"]


def test_a_text_full_of_signs_of_the_marks_is_left_alone() -> None:
    text = "zq qz xqz zxq qxz zqxz qzxq xzqx joe@x.org"
    marked = mark(text)
    assert (marked.text, marked.marks) == (text, ())
    assert marked.restored(text, "text") == text


def test_no_text_takes_long() -> None:
    for part in ("<a", "<!--", "a@", "http://", "😀", "a.", "{\\", "1,", "<b>"):
        assert isinstance(mark(part * 20_000, TERMS, "html", numbers=True), Marked)
