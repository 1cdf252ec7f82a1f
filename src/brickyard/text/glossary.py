"""Words that are to be translated in one way and no other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """`target`: what stands for it in the translation; a name that stays as it is has the same on both sides."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    start: int
    end: int
    target: str


def occurrences(text: str, terms: Sequence[Term]) -> Iterator[Occurrence]:
    """Where terms stand as whole words, in whatever case; of two that overlap, the longer one that begins first."""
    by_source = {_folded(term.source): term for term in terms if term.source.strip()}
    if not by_source:
        return
    longest_first = sorted((term.source.strip() for term in by_source.values()), key=len, reverse=True)
    pattern = "|".join(_spaced(source) for source in longest_first)
    for match in re.finditer(pattern, text, re.IGNORECASE):
        term = by_source.get(_folded(match[0]))
        if term is not None:
            yield Occurrence(*match.span(), _in_case_of(match[0], term))


def _spaced(source: str) -> str:
    """Whole words; scripts without spaces have no edges of words to look at."""
    words = r"\s+".join(re.escape(word) for word in source.split())
    before = r"(?<!\w)" if source[0].isascii() or source[0].isupper() or source[0].islower() else ""
    after = r"(?!\w)" if source[-1].isascii() or source[-1].isupper() or source[-1].islower() else ""
    return f"{before}{words}{after}"


def _folded(source: str) -> str:
    return " ".join(source.split()).casefold()


def _in_case_of(found: str, term: Term) -> str:
    """The target as it is written in the glossary, unless the text has the term in another case than the glossary."""
    own = term.source.strip()
    if found == own or not own.islower():
        return term.target
    if found.isupper() and len(found) > 1:
        return term.target.upper()
    return term.target[:1].upper() + term.target[1:] if found[:1].isupper() else term.target
