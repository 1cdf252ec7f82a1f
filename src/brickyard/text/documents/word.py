"""Word documents (docx): body, tables, text boxes, headers and footers. Footnotes and comments stay as they are.

A text is what stands in a paragraph between tabs, line breaks, pictures and links. Its translation takes the
formatting of the longest stretch of it, so a single bold word inside is lost, but a bold paragraph stays bold.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from docx import Document
from docx.opc.exceptions import OpcError
from docx.opc.part import XmlPart
from docx.oxml.ns import qn

from brickyard.kit.errors import BadInput

MOST_UNPACKED_MIB = 40
"""XML takes about ten times as much memory once it is read; pictures hardly get smaller when packed."""
MOST_FILES = 5000

_PARAGRAPH, _TEXT, _RUN, _LINK = qn("w:p"), qn("w:t"), qn("w:r"), qn("w:hyperlink")
_UNSEEN = (qn("w:rPr"), qn("w:lastRenderedPageBreak"))
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_PARTS = ("document.main+xml", "header+xml", "footer+xml", "template.main+xml")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    OpcError,
    SyntaxError,
    KeyError,
    ValueError,
    AttributeError,
    RuntimeError,
    EOFError,
)
"""What the libraries raise over an archive that is no document, or not a whole one; SyntaxError: the XML parser."""

Stretch = list[Any]
"""Elements with text that follow each other with nothing between them."""


def texts_of(data: bytes) -> list[str]:
    """Raises BadInput."""
    return [_text(stretch).strip() for stretch in _readable(_opened(data))]


def with_texts(data: bytes, translated: Sequence[str]) -> bytes:
    document = _opened(data)
    for stretch, text in zip(list(_readable(document)), translated, strict=True):
        _write(stretch, text)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _opened(data: bytes) -> Any:
    """Sizes are looked at before anything is unpacked; no entity is expanded, nothing outside is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_sizes(archive.infolist())
        return Document(io.BytesIO(data))
    except _DAMAGED as error:
        raise BadInput("This is no Word document (docx), or it is damaged. Save it again as .docx.") from error


def _check_sizes(files: Sequence[zipfile.ZipInfo]) -> None:
    """What an archive says of its files is also the most that is read of each."""
    unpacked_mib = sum(file.file_size for file in files) / (1 << 20)
    if unpacked_mib > MOST_UNPACKED_MIB or len(files) > MOST_FILES:
        raise BadInput(
            f"Unpacked, the document has {len(files):,} files with {unpacked_mib:,.0f} MiB; at most {MOST_FILES:,} "
            f"with {MOST_UNPACKED_MIB} MiB are allowed. Take the pictures out, or split it."
        )


def _readable(document: Any) -> Iterator[Stretch]:
    parts = [document.part, *(part for part in document.part.package.iter_parts() if part is not document.part)]
    for part in parts:
        if isinstance(part, XmlPart) and part.content_type.endswith(_PARTS):
            for paragraph in part.element.iter(_PARAGRAPH):
                yield from (found for found in _stretches(paragraph) if any(map(str.isalpha, _text(found))))


def _stretches(paragraph: Any) -> Iterator[Stretch]:
    """Deleted text and the codes of fields are other elements, so they are never met."""
    marks = [(_link(element, paragraph), element) for element in _leaves(paragraph)]
    for (_, is_text), group in groupby(marks, key=lambda mark: (mark[0], mark[1].tag == _TEXT)):
        if is_text:
            yield [element for _, element in group]


def _leaves(element: Any) -> Iterator[Any]:
    """What stands in the runs of a paragraph; a paragraph inside it, as in a text box, is one of its own."""
    for child in element.iterchildren():
        if child.tag == _RUN:
            yield from (
                leaf for leaf in child.iterchildren() if not str(leaf.tag).endswith(("rPr", "lastRenderedPageBreak"))
            )
        elif child.tag != _PARAGRAPH:
            yield from _leaves(child)


def _link(element: Any, paragraph: Any) -> Any:
    while element is not paragraph:
        if element.tag == _LINK:
            return element
        element = element.getparent()
    return None


def _text(stretch: Stretch) -> str:
    return "".join(element.text or "" for element in stretch)


def _write(stretch: Stretch, text: str) -> None:
    before = _text(stretch)
    inner = before.strip()
    if text == inner:
        return
    start = before.index(inner)
    bearer = max(stretch, key=lambda element: len(element.text or ""))
    for element in stretch:
        element.text = ""
    bearer.text = before[:start] + _NOT_IN_XML.sub("", " ".join(text.split())) + before[start + len(inner) :]
    bearer.set(_SPACE, "preserve")
