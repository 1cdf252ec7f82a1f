"""The numbers of a text as they are written, to see whether a translation has kept them. Pure.

A number may change its dress, "1,234.5" becoming "1.234,5" or "1 234,5", but not its digits. Numbers in words are left
to the translator.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

MOST_GROUPS = 5
"""Of digits, in one number: 1 234 567 890 has four."""

_FIGURE = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")


def figures(text: str) -> list[str]:
    """The digits of each number, in order, in ASCII whatever script they are in."""
    return ["".join(str(int(sign)) for sign in match[0] if sign.isdecimal()) for match in _FIGURE.finditer(text)]


def lost(source: str, translation: str) -> list[str]:
    """Digits of the source's numbers that the translation lacks."""
    before, after = figures(source), figures(translation)
    missing, extra = Counter(before) - Counter(after), Counter(after) - Counter(before)
    for groups in _runs(after):
        _take_if_there(missing, ["".join(groups)], extra, groups)
    for groups in _runs(before):
        _take_if_there(missing, groups, extra, ["".join(groups)])
    return sorted(missing.elements())


def _runs(groups: Sequence[str]) -> Iterator[Sequence[str]]:
    """Neighbours that may be one number, divided by spaces."""
    for length in range(2, MOST_GROUPS + 1):
        for first in range(len(groups) - length + 1):
            if all(len(group) == 3 for group in groups[first + 1 : first + length]):
                yield groups[first : first + length]


def _take_if_there(missing: Counter[str], own: Sequence[str], extra: Counter[str], others: Sequence[str]) -> None:
    """Where the same digits are missing in one grouping and there in another, nothing is lost."""
    if Counter(own) <= missing and Counter(others) <= extra:
        missing.subtract(own)
        extra.subtract(others)
