from __future__ import annotations

import io
import zipfile
from typing import Any

from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.text.exports.sheet import NOTHING_SAID, Paragraph, Sheet
from brickyard.text.exports.word import docx


def sheet(*paragraphs: Paragraph, title: str = "Meeting", **values: Any) -> Sheet:
    return Sheet(title, "Transcript", "en", [("Length", "01:00")], paragraphs, **values)


def texts(data: bytes) -> list[str]:
    return [paragraph.text for paragraph in Document(io.BytesIO(data)).paragraphs]


def test_title_facts_paragraphs_and_notes() -> None:
    made = docx(sheet(Paragraph("Topic", is_heading=True), Paragraph("Hello.", "Ada", "00:07"), notes=["A draft."]))
    assert texts(made) == ["Meeting", "Length: 01:00", "Transcript", "Topic", "Ada  00:07\nHello.", "A draft."]
    document = Document(io.BytesIO(made))
    assert [paragraph.style.name for paragraph in document.paragraphs][::3] == ["Title", "Heading 2"]
    assert (document.core_properties.title, document.core_properties.author) == ("Meeting", "")


def test_pages_are_numbered() -> None:
    with zipfile.ZipFile(io.BytesIO(docx(sheet()))) as archive:
        [footer] = [archive.read(name).decode() for name in archive.namelist() if "footer" in name]
    assert 'w:instr="PAGE"' in footer
    assert 'w:instr="NUMPAGES"' in footer


def test_arabic_runs_from_right_to_left() -> None:
    document = Document(io.BytesIO(docx(sheet(Paragraph("مرحبا", "A", "00:01"), Paragraph("Hello")))))
    arabic, english = document.paragraphs[-2:]
    assert all(run.font.rtl for run in arabic.runs)
    assert [("w:bidi" in one._p.xml) for one in (arabic, english)] == [True, False]


def test_nothing_said_is_said() -> None:
    assert texts(docx(sheet()))[-1] == NOTHING_SAID


@settings(max_examples=15)
@given(text=st.text(max_size=40), title=st.text(max_size=300))
def test_any_text_makes_a_document(text: str, title: str) -> None:
    assert len(texts(docx(sheet(Paragraph(text, text, "00:00"), title=title)))) == 4
