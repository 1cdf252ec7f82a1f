"""A document in text form, cut into parts: what stays, and what is for people to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Part:
    """`source` as it stands in the document; `text` as people read it, or "" where it stays as it is. `written` turns
    a text into what stands in the document."""

    source: str
    text: str = ""
    written: Callable[[str], str] = _same

    def with_text(self, text: str) -> str:
        return self.source if text == self.text else self.written(text)


def readable(source: str, text: str, written: Callable[[str], str] = _same) -> list[Part]:
    """A part without the white space around it, which stays; all of it stays where there are no letters."""
    inner = source.strip()
    if not any(letter.isalpha() for letter in text):
        return [Part(source)] if source else []
    start = source.index(inner)
    around = (Part(source[:start]), Part(inner, text.strip(), written), Part(source[start + len(inner) :]))
    return [part for part in around if part.source]


def on_one_line(text: str) -> str:
    """White space of any kind and number as one space."""
    return " ".join(text.split())
