"""Keeps what is not to be translated out of a translator's reach. Pure.

Addresses, tags, emoji and terms of a glossary leave the text; each leaves a mark that reads like a foreign name, which
engines carry over as it is. When the translation is there, each mark becomes what it stood for, or what the glossary
says. Where a mark was lost on the way, the text is translated in pieces, between what is protected.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape, unescape
from itertools import zip_longest
from typing import Literal

from brickyard.text import glossary
from brickyard.text.glossary import Term

Form = Literal["text", "tags", "html"]
"""What a text may hold: nothing special; <tags> and {codes}, as in subtitles; tags and entities, as in HTML."""

_ADDRESS = re.compile(
    r"(?:https?|ftp)://[^\s<>\"]{1,2000}|www\.[^\s<>\"]{1,2000}|mailto:[^\s<>\"]{1,500}"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}",
    re.IGNORECASE,
)
_AFTER_ADDRESS = ".,;:!?)]}'\"»”’…"
_TAG = re.compile(r"</?[A-Za-z0-9][^<>]{0,5000}>|<!--(?:(?!-->).){0,500}-->|\{\\[^{}]{1,200}\}", re.DOTALL)
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff]"
    "[\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf]{0,40}"
)
_NUMBER = re.compile(r"\w{0,20}\d+(?:[.,:/'’\u00a0\u202f-]?\d+){0,40}\w{0,20}")
_STEMS = ("ZQ", "QZ", "XQZ", "ZXQ", "QXZ", "ZQXZ", "QZXQ", "XZQX")


class Kind(Enum):
    """A word has a part in its sentence; tags keep their order; all else only stands there."""

    WORD = "word"
    TAG = "tag"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stretch that is not translated, and what stands there afterwards."""

    start: int
    end: int
    instead: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Mark:
    """`glued`: nothing stood between it and a word, or another mark, before and after it."""

    instead: str
    kind: Kind
    glued: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with marks in it: mark n is written `stem`, n, `stem`."""

    text: str
    stem: str
    marks: tuple[Mark, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Engines change letters' case at times, or take a mark apart."""
        return re.compile(rf"{self.stem} ?(\d+) ?{self.stem}", re.IGNORECASE)

    def numbers(self, text: str) -> list[int]:
        """Of the marks in a part of this text, or in its translation, in order."""
        return [int(match[1]) for match in self.pattern.finditer(text)]

    def is_whole(self, sentence: str, translation: str) -> bool:
        """Whether every mark is there once, and tags are in their order."""
        asked, found = self.numbers(sentence), self.numbers(translation)
        if sorted(asked) != sorted(found) or self.stem.casefold() in self.without(translation).casefold():
            return False
        return self._tags(asked) == self._tags(found)

    def edges(self, sentence: str) -> tuple[int, int]:
        """(start, end) of what is to be translated of a sentence: without the tags and alike around it."""
        start, end = 0, len(sentence)
        outside = [match for match in self.pattern.finditer(sentence) if self._kind(match) is not Kind.WORD]
        for match in outside:
            if not sentence[start : match.start()].strip():
                start = match.end()
        for match in reversed(outside):
            if match.start() >= start and not sentence[match.end() : end].strip():
                end = match.start()
        inner = sentence[start:end]
        return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip()) if inner.strip() else start

    def pieces(self, sentence: str) -> list[tuple[int, int]]:
        """(start, end) of what lies between marks, as far as there are letters in it."""
        bounds = [0, *(at for match in self.pattern.finditer(sentence) for at in match.span()), len(sentence)]
        spans = zip(bounds[::2], bounds[1::2], strict=True)
        return [(start, end) for start, end in spans if has_letters(sentence[start:end])]

    def without(self, text: str) -> str:
        return self.pattern.sub(" ", text)

    def restored(self, translation: str, form: Form) -> str:
        """The translation with what the marks stand for."""
        parts: list[str] = []
        after, glue = 0, False
        for match in self.pattern.finditer(translation):
            if int(match[1]) >= len(self.marks):
                continue
            mark = self.marks[int(match[1])]
            parts.append(_between(translation[after : match.start()], (glue, mark.glued[0]), form))
            if not mark.glued[0] and parts[-1][-1:].isalnum():
                parts.append(" ")
            parts.append(mark.instead)
            after, glue = match.end(), mark.glued[1]
            if not glue and translation[after : after + 1].isalnum():
                parts.append(" ")
        return "".join([*parts, _between(translation[after:], (glue, False), form)])

    def _kind(self, match: re.Match[str]) -> Kind:
        number = int(match[1])
        return self.marks[number].kind if number < len(self.marks) else Kind.WORD

    def _tags(self, numbers: Sequence[int]) -> list[int]:
        return [number for number in numbers if self.marks[number].kind is Kind.TAG]


def mark(text: str, terms: Sequence[Term] = (), form: Form = "text", *, numbers: bool = False) -> Marked:
    """`numbers`: they are protected too. They mostly are not, since engines write them as their language does."""
    kept = kept_in(text, terms, form, numbers=numbers)
    stem = next((stem for stem in _STEMS if stem.casefold() not in text.casefold()), None)
    if stem is None:
        return Marked(_plain(text, form), _STEMS[0] * 4, ())
    parts: list[str] = []
    marks: list[Mark] = []
    after = 0
    for each, following in zip_longest(kept, kept[1:]):
        is_next = following is not None and following.start == each.end
        is_glued_before = bool(marks) and each.start == after
        glued = (
            is_glued_before or text[max(0, each.start - 1) : each.start].isalnum(),
            is_next or text[each.end : each.end + 1].isalnum(),
        )
        parts += [
            _plain(text[after : each.start], form),
            " " * (glued[0] and not is_glued_before),
            f"{stem}{len(marks)}{stem}",
            " " * glued[1],
        ]
        marks.append(Mark(each.instead, each.kind, glued))
        after = each.end
    return Marked("".join([*parts, _plain(text[after:], form)]), stem, tuple(marks))


def kept_in(text: str, terms: Sequence[Term] = (), form: Form = "text", *, numbers: bool = False) -> list[Kept]:
    """What is to be kept, in order; where two overlap, the one that begins first, and tags before all else."""
    tags = [Kept(*match.span(), match[0], Kind.TAG) for match in _TAG.finditer(text)] if form != "text" else []
    found = [Kept(*match.span(), match[0], Kind.OTHER) for match in _EMOJI.finditer(text)]
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(_AFTER_ADDRESS)
        found.append(Kept(match.start(), match.start() + len(address), address, Kind.OTHER))
    for term in glossary.occurrences(text, terms):
        instead = escape(term.target, quote=False) if form == "html" else term.target
        found.append(Kept(term.start, term.end, instead, Kind.WORD))
    if numbers:
        found += [Kept(*match.span(), match[0], Kind.WORD) for match in _NUMBER.finditer(text)]
    return _apart(tags, found)


def has_letters(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _apart(tags: Sequence[Kept], others: Sequence[Kept]) -> list[Kept]:
    inside_tags = bytearray(max((tag.end for tag in tags), default=0))
    for tag in tags:
        inside_tags[tag.start : tag.end] = b"\x01" * (tag.end - tag.start)
    free = [each for each in others if each.start < each.end and not any(inside_tags[each.start : each.end])]
    apart: list[Kept] = []
    for each in sorted([*tags, *free], key=lambda kept: (kept.start, -kept.end)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    return apart


def _plain(text: str, form: Form) -> str:
    return unescape(text) if form == "html" else text


def _between(text: str, glued: tuple[bool, bool], form: Form) -> str:
    text = text.lstrip() if glued[0] else text
    text = text.rstrip() if glued[1] else text
    return escape(text, quote=False) if form == "html" else text
