"""A transcript as numbered lines, as models are shown it and as they cite it, and what a text costs a model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brickyard.text.spoken import Segment

_DIGIT_TOKENS, _WIDE_TOKENS, _OTHER_TOKENS, _LATIN_TOKENS, _MARK_TOKENS = 1.0, 1.5, 0.7, 0.34, 1.0
_DIGIT = re.compile(r"\d")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_WIDE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Line:
    """A segment of a transcript. `number` counts from 1, all segments, also those without text."""

    number: int
    start: float
    end: float
    speaker: str | None
    text: str

    @property
    def shown(self) -> str:
        """Without line breaks and angle brackets, so that nothing said can look like another line or a tag."""
        return f"[{self.number}] {self.said}"

    @property
    def said(self) -> str:
        return _harmless(f"{self.speaker}: {self.text}" if self.speaker else self.text)


def numbered(segments: Iterable[Segment]) -> list[Line]:
    """The lines that have text."""
    return [
        Line(number, segment.start, segment.end, segment.speaker, segment.text.strip())
        for number, segment in enumerate(segments, 1)
        if segment.text.strip()
    ]


def tokens(text: str) -> int:
    """How many tokens a text may have, rather too many than too few: about 3 Latin letters a token (real tokenizers
    have 3.5 to 5), 1.4 of other alphabets, a token for each digit and mark, 1.5 for each Chinese or Thai letter."""
    digits, latin, wide = len(_DIGIT.findall(text)), len(_LATIN.findall(text)), len(_WIDE.findall(text))
    spaces = sum(map(str.isspace, text))
    letters = sum(map(str.isalpha, text))
    alphabet = max(0, letters - latin - len([1 for letter in _WIDE.findall(text) if letter.isalpha()]))
    marks = max(0, len(text) - digits - latin - wide - spaces - alphabet)
    weights = digits * _DIGIT_TOKENS + latin * _LATIN_TOKENS + wide * _WIDE_TOKENS
    return int(weights + alphabet * _OTHER_TOKENS + marks * _MARK_TOKENS) + 1


def in_chunks(lines: Sequence[Line], budget_tokens: int) -> list[list[Line]]:
    """All lines, in order, in as few chunks as a budget allows, and these of about the same size.

    A line that is longer than the budget is divided into pieces that keep its number and its times.
    """
    pieces = [piece for line in lines for piece in _divided(line, budget_tokens)]
    costs = [tokens(piece.shown) + 1 for piece in pieces]
    count = max(1, -(-sum(costs) // budget_tokens))
    even = min(budget_tokens, sum(costs) // count + max(costs, default=0))
    chunks: list[list[Line]] = []
    used = budget_tokens
    for piece, cost in zip(pieces, costs, strict=True):
        if used + cost > even:
            chunks.append([])
            used = 0
        chunks[-1].append(piece)
        used += cost
    return chunks


def _divided(line: Line, budget_tokens: int) -> list[Line]:
    if tokens(line.shown) < budget_tokens or len(line.text) < 2:
        return [line]
    middle = len(line.text) // 2
    cut = line.text.rfind(" ", 1, middle) + 1 or middle
    halves = (line.text[:cut], line.text[cut:])
    return [
        piece
        for half in halves
        for piece in _divided(Line(line.number, line.start, line.end, line.speaker, half), budget_tokens)
    ]


def _harmless(text: str) -> str:
    return _SPACE.sub(" ", text).replace("<", "‹").replace(">", "›").strip()
