"""Divides a text into sentences short enough to translate, and puts a text together again out of theirs. Pure.

Sentences are spans of the text, so that what stands between them, blanks and ends of lines, stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import pysbd
from pysbd.languages import LANGUAGE_CODES

LONGEST_LETTERS = 500
"""What is longer is divided at a comma or a blank: models were made for sentences."""

Place = tuple[int, int]
"""Where a sentence begins in its text, and where it ends, without the blanks around it."""

_PARAGRAPH = re.compile(r"[^\n\r\v\f\u0085\u2028\u2029]+")
_BOUND = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+(?=[^\w\s]*[\w])|[。！？｡]+[」』”’）]*|[।۔؟]+\s*")
_CLAUSE = re.compile(r"[,;:–—、，；：]\s*(?!\d)|\s[–—-]\s")  # noqa: RUF001  other scripts have commas of their own
_BLANK = re.compile(r"\s+")
_UNSPACED = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def sentences(text: str, language: str, longest: int = LONGEST_LETTERS) -> list[Place]:
    """In order; together they hold every letter of the text. No line break is within one."""
    found: list[Place] = []
    for paragraph in _PARAGRAPH.finditer(text):
        start = paragraph.start()
        for from_, to in _of_paragraph(paragraph.group(), language):
            found += _bounded(text, start + from_, start + to, longest)
    return found


def joined(text: str, places: Sequence[Place], translated: Sequence[str]) -> str:
    """The text with other sentences in the places of its own. Where the source has no blank between two sentences,
    as Chinese, and their translations are of another script, there will be one."""
    parts: list[str] = []
    end = 0
    for (start, stop), sentence in zip(places, translated, strict=True):
        gap = text[end:start]
        if not gap and parts and _needs_blank(text[start - 1 : start + 1], parts[-1], sentence):
            gap = " "
        parts += [gap, sentence]
        end = stop
    return "".join([*parts, text[end:]])


def _needs_blank(source: str, before: str, after: str) -> bool:
    ends = before[-1:] + after[:1]
    return bool(_UNSPACED.search(source)) and len(ends) == 2 and not _UNSPACED.search(ends) and not ends.isspace()


def _of_paragraph(text: str, language: str) -> Iterator[Place]:
    cuts = _by_rules_of(text, language) if language in LANGUAGE_CODES else None
    yield from _between(text, cuts if cuts is not None else [match.end() for match in _BOUND.finditer(text)])


def _by_rules_of(text: str, language: str) -> list[int] | None:
    """Where sentences end; None where what pysbd gives back is not what it got, which happens with odd signs."""
    cuts: list[int] = []
    at = 0
    for sentence in _segmenter(language).segment(text):
        inner = sentence.strip()
        start = text.find(inner, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(inner)
        cuts.append(at)
    return None if text[at:].strip() else cuts


@cache
def _segmenter(language: str) -> pysbd.Segmenter:
    return pysbd.Segmenter(language=language, clean=False)


def _between(text: str, cuts: Sequence[int]) -> Iterator[Place]:
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        stripped = text[start:end].strip()
        if stripped:
            begins = text.index(stripped, start)
            yield begins, begins + len(stripped)


def _bounded(text: str, start: int, end: int, longest: int) -> list[Place]:
    """Cut at the last comma in reach, else at the last blank, else anywhere."""
    found: list[Place] = []
    while end - start > longest:
        reach = text[start : start + longest]
        cuts = [match.end() for pattern in (_CLAUSE, _BLANK) for match in list(pattern.finditer(reach))[-1:]]
        cut = next((cut for cut in cuts if cut >= longest // 4), longest)
        found += [(start + from_, start + to) for from_, to in _between(reach, [cut]) if from_ < cut]
        start += cut
        start += len(text[start:end]) - len(text[start:end].lstrip())
    return [*found, (start, end)] if start < end else found
