from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from brickyard.kit.errors import BadInput
from brickyard.text.documents import Kind, texts_of, with_texts

LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])), max_size=5)


def made() -> Any:
    document = Document()
    document.add_heading("The title", 1)
    paragraph = document.add_paragraph("Some are ")
    paragraph.add_run("bold").bold = True
    paragraph.add_run(" here, most are not.")
    document.add_paragraph("left\tright")
    document.add_paragraph("12")
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "In a table"
    document.sections[0].header.paragraphs[0].text = "Above"
    document.sections[0].footer.paragraphs[0].text = "Below"
    return document


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def opened(data: bytes) -> Any:
    return Document(io.BytesIO(data))


def test_texts_of_body_tables_headers_and_footers() -> None:
    texts = texts_of(Kind.docx, saved(made()))
    assert texts[:5] == ["The title", "Some are bold here, most are not.", "left", "right", "In a table"]
    assert sorted(texts[5:]) == ["Above", "Below"]


def test_paragraphs_keep_their_form() -> None:
    data = saved(made())
    new = opened(with_texts(Kind.docx, data, [text.upper() for text in texts_of(Kind.docx, data)]))
    assert [paragraph.text for paragraph in new.paragraphs] == [
        "THE TITLE",
        "SOME ARE BOLD HERE, MOST ARE NOT.",
        "LEFT\tRIGHT",
        "12",
    ]
    assert new.paragraphs[0].style.name == "Heading 1"
    assert [run.text for run in new.paragraphs[1].runs if run.bold] == [""]
    assert new.tables[0].cell(0, 0).text == "IN A TABLE"
    assert new.sections[0].header.paragraphs[0].text == "ABOVE"
    assert new.sections[0].footer.paragraphs[0].text == "BELOW"


@settings(max_examples=25)
@given(lines=LINES)
def test_a_document_given_its_own_texts_is_the_same(lines: list[str]) -> None:
    document = Document()
    for line in lines:
        document.add_paragraph(line)
    data = saved(document)
    again = with_texts(Kind.docx, data, texts_of(Kind.docx, data))
    assert [paragraph.text for paragraph in opened(again).paragraphs] == [
        paragraph.text for paragraph in opened(data).paragraphs
    ]


def test_what_xml_cannot_have_is_left_out() -> None:
    document = Document()
    document.add_paragraph(" one ")
    assert opened(with_texts(Kind.docx, saved(document), ["a\0b\x1b\nc"])).paragraphs[0].text == " ab c "


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (60 << 20))
    assert len(bomb.getvalue()) < 1 << 20
    with pytest.raises(BadInput, match="60 MiB; at most"):
        texts_of(Kind.docx, bomb.getvalue())


def test_entities_are_not_expanded() -> None:
    evil = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c "cccc">]>'
    data = _with_document(lambda xml: xml.replace("<w:document", evil + "<w:document", 1).replace("here", "&b;&c;", 1))
    assert "root:" not in "".join(texts_of(Kind.docx, data))
    assert "cccc" not in "".join(texts_of(Kind.docx, data))


@pytest.mark.parametrize("keep", [0, 10, 500, 5000])
def test_what_is_no_document_is_refused(keep: int) -> None:
    with pytest.raises(BadInput, match=r"no Word document"):
        texts_of(Kind.docx, saved(made())[:keep])
    with pytest.raises(BadInput, match=r"no Word document"):
        texts_of(Kind.docx, _with_document(lambda xml: xml[: len(xml) // 2]))


def _with_document(change: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(made()))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data.decode()).encode() if name == "word/document.xml" else data)
    return out.getvalue()
