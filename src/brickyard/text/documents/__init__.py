"""The texts of a document, and the document with other texts in their places. Pure: from bytes to bytes.

Whatever is not text for people stays as it is: markup, times, blank lines, formatting. Given its own texts a document
comes out as it was. Texts are never blank, and each has at least one letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePath

from brickyard.kit.errors import BadInput, TooLarge
from brickyard.text.documents import cues, lines, markup, word
from brickyard.text.documents.parts import Part

LARGEST_MIB = 10
"""Of a Word document, with its pictures."""
LARGEST_TEXT_MIB = 4

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


class Kind(StrEnum):
    txt = "txt"
    docx = "docx"
    srt = "srt"
    vtt = "vtt"
    html = "html"

    @property
    def media_type(self) -> str:
        return {
            "txt": "text/plain",
            "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "srt": "application/x-subrip",
            "vtt": "text/vtt",
            "html": "text/html",
        }[self.value]


SUFFIXES = {".txt": Kind.txt, ".docx": Kind.docx, ".srt": Kind.srt, ".vtt": Kind.vtt, ".html": Kind.html}
_MORE_SUFFIXES = {".htm": Kind.html}


def kind_of(name: str) -> Kind:
    """By the ending of a file's name. Raises BadInput."""
    suffix = PurePath(name).suffix.lower()
    kind = (SUFFIXES | _MORE_SUFFIXES).get(suffix)
    if kind is None:
        raise BadInput(f"'{suffix or name}' is no kind of document that can be translated: {', '.join(SUFFIXES)} are.")
    return kind


def texts_of(kind: Kind, data: bytes) -> list[str]:
    """In the order in which a reader meets them. Raises BadInput, and TooLarge beyond 10 MiB, or 4 for text."""
    _check_size(kind, data)
    if kind is Kind.docx:
        return word.texts_of(data)
    return [part.text for part in _parts(kind, _decoded(data)[0]) if part.text]


def with_texts(kind: Kind, data: bytes, translated: Sequence[str]) -> bytes:
    """`translated`: one for each of `texts_of`. Raises ValueError where they are not as many."""
    _check_size(kind, data)
    if kind is Kind.docx:
        return word.with_texts(data, translated)
    text, encoding = _decoded(data)
    return _joined(_parts(kind, text), translated).encode(encoding)


def html_texts(source: str) -> list[str]:
    """Of a piece of HTML, such as a paragraph."""
    return [part.text for part in markup.parts(source) if part.text]


def html_with(source: str, translated: Sequence[str]) -> str:
    return _joined(markup.parts(source), translated)


def _parts(kind: Kind, text: str) -> list[Part]:
    if kind is Kind.html:
        return markup.parts(text)
    if kind is Kind.txt:
        return lines.parts(text)
    return cues.parts(text, is_vtt=kind is Kind.vtt)


def _joined(parts: Sequence[Part], translated: Sequence[str]) -> str:
    with_text = [part for part in parts if part.text]
    new = iter([part.with_text(text) for part, text in zip(with_text, translated, strict=True)])
    return "".join(next(new) if part.text else part.source for part in parts)


def _check_size(kind: Kind, data: bytes) -> None:
    most_mib = LARGEST_MIB if kind is Kind.docx else LARGEST_TEXT_MIB
    if len(data) > most_mib << 20:
        raise TooLarge(
            f"The document has at least {len(data) / (1 << 20):.1f} MiB; at most {most_mib} are translated at once. "
            "Split it."
        )


def _decoded(data: bytes) -> tuple[str, str]:
    """The text, and the encoding that gives the same bytes again."""
    encoding = "utf-8"
    if data.startswith(_UTF8_MARK):
        data, encoding = data[len(_UTF8_MARK) :], "utf-8-sig"
    elif data.startswith(_UTF16):
        encoding = "utf-16"
    try:
        text = data.decode(encoding.removesuffix("-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The document is not in UTF-8: byte {error.start:,} is none of it. Save it as UTF-8."
        ) from error
    if "\0" in text:
        raise BadInput("The document is no text: it has bytes that are 0. Check that its ending says what it is.")
    return text, encoding
