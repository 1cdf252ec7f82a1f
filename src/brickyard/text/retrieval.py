"""Finds the lines of a transcript that a question is about: BM25 over their terms, and the lines around them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log

from brickyard.text.lines import Line, tokens
from brickyard.text.terms import content

SATURATION, LENGTH_WEIGHT = 1.2, 0.5
NEIGHBOURS = 2
"""An answer often stands beside the words of the question."""


class Index:
    """Of one transcript. `language`: whose stop words are left out, ISO 639-1."""

    def __init__(self, lines: Sequence[Line], language: str | None = None) -> None:
        self.lines = list(lines)
        self._language = language
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._lengths: list[int] = []
        for place, line in enumerate(self.lines):
            found = Counter(content(line.said, language))
            self._lengths.append(found.total())
            for term, count in found.items():
                self._places.setdefault(term, []).append((place, count))

    def search(self, query: str, most: int) -> list[Line]:
        """The best lines, the best first; among equals the earlier. None that shares nothing with the query."""
        return [self.lines[place] for place in self._ranked(query)[:most]]

    def passage(self, query: str, budget_tokens: int, neighbours: int = NEIGHBOURS) -> list[Line]:
        """What a model may be shown for a question, in order of time: all lines where they fit, else the best ones with
        their neighbours, as many as fit. Empty where they do not fit and none shares a term with the question."""
        costs = [tokens(line.shown) + 1 for line in self.lines]
        if sum(costs) <= budget_tokens:
            return list(self.lines)
        taken: set[int] = set()
        left = budget_tokens
        for place in self._ranked(query):
            around = range(max(0, place - neighbours), min(len(costs), place + neighbours + 1))
            for one in sorted(around, key=lambda other: abs(other - place)):
                if one not in taken and costs[one] <= left:
                    taken.add(one)
                    left -= costs[one]
        return [self.lines[place] for place in sorted(taken)]

    def _ranked(self, query: str) -> list[int]:
        scores: dict[int, float] = {}
        average = sum(self._lengths) / max(1, len(self._lengths)) or 1.0
        for term in dict.fromkeys(content(query, self._language)):
            places = self._places.get(term, [])
            rarity = log(1 + (len(self.lines) - len(places) + 0.5) / (len(places) + 0.5))
            for place, count in places:
                length = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * self._lengths[place] / average
                score = rarity * count * (SATURATION + 1) / (count + SATURATION * length)
                scores[place] = scores.get(place, 0.0) + score
        return sorted(scores, key=lambda place: (-scores[place], place))
