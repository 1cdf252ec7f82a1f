"""Checks what a model says against the lines that it cites. Pure.

What is checked, and from when a sentence counts as supported by its lines:

- the lines exist, and each of them shares at least one term with the sentence; others are taken away;
- every number that the sentence has in digits is said in them, in digits or in words;
- every name (a capitalised word inside the sentence; not in German, where nouns are such) is said in them or near by;
- of the words that carry content, a third is said in them (a quarter of the pairs of letters in Chinese and its
  neighbours), and at least two where there are as many.

Where that fails, the best lines of the whole transcript are tried, each alone and with those beside it; they have to
have half of the words, since nobody pointed at them. Where these fail too, nothing supports the sentence. This compares
words, not meaning: a sentence that turns round what was said in the same words passes.

In another language than the transcript's, only lines and numbers can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from brickyard.text.lines import Line
from brickyard.text.numbers import in_digits, named
from brickyard.text.points import IN_TEXT, Point, numbers_in
from brickyard.text.retrieval import Index
from brickyard.text.terms import content_of_report, is_unspaced, terms

LEAST_SHARE, LEAST_SHARE_UNSPACED, LEAST_SHARE_FOUND = 0.33, 0.25, 0.5
LEAST_TERMS = 2
NEAR_LINES = 8
MOST_CITED = 8
TRIED = 3
WORTH_CHECKING = 3

_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_SENTENCE = re.compile(r"[^\n]+?(?:(?:[.!?…]+(?=[\s\[]|$)|[。！？]+)(?:\s*\[[^\]\n]{1,60}\])*|(?=\n)|$)")


@dataclass(frozen=True, slots=True)
class Supported:
    """`lines` support it; `repaired`: they are not those that the model named."""

    text: str
    lines: tuple[int, ...]
    section: str = ""
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """An answer with only those line numbers that hold. `removed`: numbers that were taken away. `unsupported`:
    sentences for which no line stands."""

    text: str
    lines: tuple[int, ...]
    removed: tuple[int, ...]
    unsupported: tuple[str, ...]


class Evidence:
    """A transcript as something to check against. `language`: of the transcript, ISO 639-1."""

    def __init__(self, lines: Sequence[Line], language: str | None = None) -> None:
        self._language = language
        self._index = Index(lines, language)
        self._place = {line.number: place for place, line in enumerate(lines)}
        self._lines = list(lines)
        self._terms = [frozenset(terms(line.said)) for line in lines]
        self._numbers = [named(line.said) for line in lines]

    def check(
        self, point: Point, *, translated: bool = False, among: Collection[int] | None = None
    ) -> Supported | None:
        """The point with the lines that support it; None where none do.

        `translated`: it is not in the transcript's language. `among`: the lines that may be cited.
        """
        cited = [n for n in dict.fromkeys(point.lines) if n in self._place and (among is None or n in among)]
        if translated:
            held = bool(cited) and self._numbers_are_said(point.text, cited)
            return Supported(point.text, tuple(sorted(cited)), point.section) if held else None
        kept = self._sharing(point.text, cited)
        if self._is_supported(point.text, kept, self._least_share(point.text)):
            return Supported(point.text, kept, point.section)
        found = self._found(point.text)
        return Supported(point.text, found, point.section, repaired=True) if found else None

    def answer(self, text: str, *, translated: bool = False, among: Collection[int] | None = None) -> CitedAnswer:
        """An answer in prose with numbers in brackets, sentence by sentence."""
        pieces: list[str] = []
        lines: set[int] = set()
        removed: set[int] = set()
        unsupported: list[str] = []
        end = 0
        for match in _SENTENCE.finditer(text):
            sentence = match.group()
            cited = [number for marker in IN_TEXT.findall(sentence) for number in numbers_in(marker)]
            told = " ".join(IN_TEXT.sub("", sentence).split())
            held = self.check(Point(told, tuple(cited)), translated=translated, among=among) if told else None
            kept = held.lines if held else ()
            removed.update(set(cited) - set(kept))
            lines.update(kept)
            if not kept and (cited or len(content_of_report(told, self._language)) >= WORTH_CHECKING):
                unsupported.append(told)
            pieces.extend((text[end : match.start()], _remarked(sentence, kept)))
            end = match.end()
        whole = "".join([*pieces, text[end:]])
        return CitedAnswer(whole, tuple(sorted(lines)), tuple(sorted(removed - lines)), tuple(unsupported))

    def _least_share(self, text: str) -> float:
        return LEAST_SHARE_UNSPACED if is_unspaced(text) else LEAST_SHARE

    def _sharing(self, text: str, cited: Iterable[int]) -> tuple[int, ...]:
        """Of the cited lines those that share something with the text; of too many, those that share most."""
        claims, numbers = set(content_of_report(text, self._language)), in_digits(text)

        def shared(number: int) -> int:
            place = self._place[number]
            return len(claims & self._terms[place]) + 2 * len(numbers & self._numbers[place])

        best = sorted((number for number in cited if shared(number)), key=lambda number: (-shared(number), number))
        return tuple(sorted(best[:MOST_CITED]))

    def _is_supported(self, text: str, cited: Collection[int], least_share: float) -> bool:
        claims = set(content_of_report(text, self._language))
        if not cited or not claims:
            return False
        said = frozenset().union(*(self._terms[self._place[number]] for number in cited))
        shared = len(claims & said)
        enough = shared >= min(LEAST_TERMS, len(claims)) and shared >= least_share * len(claims)
        return enough and self._numbers_are_said(text, cited) and self._names_are_said(text, cited)

    def _numbers_are_said(self, text: str, cited: Iterable[int]) -> bool:
        said = frozenset().union(*(self._numbers[self._place[number]] for number in cited))
        return in_digits(text) <= said

    def _names_are_said(self, text: str, cited: Iterable[int]) -> bool:
        near: set[str] = set()
        for number in cited:
            place = self._place[number]
            near.update(*self._terms[max(0, place - NEAR_LINES) : place + NEAR_LINES + 1])
        return all(near.issuperset(terms(name)) for name in self._names(text))

    def _names(self, text: str) -> list[str]:
        """Capitalised words inside the sentence that carry content."""
        found = []
        for match in _WORD.finditer(text):
            word, before = match.group(), text[: match.start()].rstrip(" \"'“„«»(")
            begins = not before or before[-1] in ".!?:…。-–\n"
            is_name = word[0].isupper() and not begins and self._language != "de"
            is_short_form = len(word) > 1 and word.isupper()
            if (is_name or is_short_form) and content_of_report(word, self._language):
                found.append(word)
        return found

    def _found(self, text: str) -> tuple[int, ...]:
        """The first of the best lines that supports the text, alone or with those beside it. Lines from different
        places are not put together, since between them they say almost anything."""
        best = [self._place[line.number] for line in self._index.search(text, TRIED)]
        for beside in (0, 1):
            for place in best:
                near = self._lines[max(0, place - beside) : place + beside + 1]
                kept = self._sharing(text, (line.number for line in near))
                if self._is_supported(text, kept, LEAST_SHARE_FOUND):
                    return kept
        return ()


def _remarked(sentence: str, kept: Sequence[int]) -> str:
    """The sentence with its numbers replaced by those that hold."""
    bare = IN_TEXT.sub("", sentence)
    if not kept:
        return bare
    said = bare.rstrip()
    body = said.rstrip(".!?…。！？")
    mark = f" [{', '.join(map(str, kept))}]"
    return f"{body}{mark}{said[len(body) :]}{bare[len(said) :]}"
