from __future__ import annotations

import pypdfium2
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.text.exports.paper import NO_GLYPH, pdf
from brickyard.text.exports.sheet import Paragraph, Sheet


def sheet(*paragraphs: Paragraph, title: str = "Meeting", language: str = "en") -> Sheet:
    return Sheet(title, "Transcript", language, [("Length", "01:00")], paragraphs)


def pages(made: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(made)
    return [page.get_textpage().get_text_bounded() for page in document]


def test_title_speakers_times_and_page_numbers() -> None:
    many = [Paragraph(f"This is paragraph {number}.", "Ada", f"{number:02}:00") for number in range(40)]
    made = pdf(sheet(Paragraph("Topic", is_heading=True), *many))
    found = pages(made)
    assert len(found) > 1
    for part in ("Meeting", "Length: 01:00", "Transcript", "Topic", "Ada", "00:00", "This is paragraph 0.", "1 / "):
        assert part in found[0]
    assert f"{len(found)} / {len(found)}" in found[-1]
    assert b"pdfaid" in made


def test_what_was_said_is_never_code() -> None:
    said = '#panic("x") $ *bold* @ref <label> #read("/etc/passwd") \\ // gone'
    [page] = pages(pdf(sheet(Paragraph(said), title="= #title")))
    assert said in page
    assert "= #title" in page


def test_cyrillic_and_greek_need_no_font_of_the_system() -> None:
    [page] = pages(pdf(sheet(Paragraph("Привет, Ελλάδα"))))
    assert "Привет, Ελλάδα" in page
    assert NO_GLYPH not in page


def test_a_letter_that_no_font_has_is_told_of() -> None:
    made = pdf(sheet(Paragraph("Look: \U000f0000")))
    assert NO_GLYPH in " ".join(pages(made)[0].split())
    assert b"pdfaid" not in made


def test_no_language_is_an_error() -> None:
    for language in ("", "x-unknown", "français", "zh"):
        assert pages(pdf(sheet(Paragraph("x"), language=language)))


@settings(max_examples=8)
@given(text=st.text(max_size=40))
def test_any_text_makes_a_document(text: str) -> None:
    assert pages(pdf(sheet(Paragraph(text, text, "00:00"), title=text)))


def test_typst_has_fonts_of_its_own() -> None:
    assert "Libertinus Serif" in typst.Fonts(include_system_fonts=False).families()
