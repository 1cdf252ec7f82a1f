"""A sheet as a Word document (docx). Pure.

Fonts are the reader's: Word takes one that has the script. What XML can't hold is left out.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

from docx import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor

from brickyard.text.exports.sheet import NOTHING_SAID, Paragraph, Sheet, runs_right_to_left

_GREY = RGBColor(0x59, 0x59, 0x59)
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def docx(sheet: Sheet) -> bytes:
    document = Document()
    _describe(document, sheet)
    _paragraph(document, sheet.title, "Title")
    for label, value in sheet.facts:
        line = document.add_paragraph()
        line.paragraph_format.space_after = Pt(0)
        line.add_run(f"{label}: ").bold = True
        line.add_run(_written(value))
    _paragraph(document, sheet.kind, "Heading 1")
    for each in sheet.paragraphs or [Paragraph(NOTHING_SAID)]:
        _add(document, each)
    for note in sheet.notes:
        _paragraph(document, note).runs[0].italic = True
    _number_pages(document, sheet)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _describe(document: Any, sheet: Sheet) -> None:
    properties = document.core_properties
    # The library refuses more letters than these.
    properties.title, properties.language = _written(sheet.title)[:255], sheet.language[:255]
    properties.author, properties.comments = "", ""
    properties.created = properties.modified = datetime.now(UTC)


def _add(document: Any, each: Paragraph) -> None:
    if each.is_heading:
        _paragraph(document, each.text, "Heading 2")
        return
    line = document.add_paragraph()
    head = line.add_run(_written(f"{each.speaker}  ")) if each.speaker else None
    if head is not None:
        head.bold = True
    if each.times:
        times = line.add_run(each.times)
        times.font.size, times.font.color.rgb = Pt(9), _GREY
        times.add_break()
    line.add_run(_written(each.text))
    if each.is_rtl:
        _turn(line)


def _paragraph(document: Any, text: str, style: str | None = None) -> Any:
    line = document.add_paragraph(_written(text), style)
    if runs_right_to_left(text):
        _turn(line)
    return line


def _turn(line: Any) -> None:
    """From right to left."""
    line._p.get_or_add_pPr().insert_element_before(
        OxmlElement("w:bidi"), "w:adjustRightInd", "w:snapToGrid", "w:spacing", "w:ind", "w:jc", "w:rPr"
    )
    for run in line.runs:
        run.font.rtl = True


def _number_pages(document: Any, sheet: Sheet) -> None:
    line = document.sections[0].footer.paragraphs[0]
    line.add_run(_written(f"{sheet.title} · "))
    for code in ("PAGE", "NUMPAGES"):
        if code == "NUMPAGES":
            line.add_run(" / ")
        field = OxmlElement("w:fldSimple")
        field.set(qn("w:instr"), code)
        line._p.append(field)
    for run in line.runs:
        run.font.size, run.font.color.rgb = Pt(9), _GREY


def _written(text: str) -> str:
    return _NOT_IN_XML.sub("", text)
