"""The numbers of a text as they are written, to see whether a translation has kept them. Pure.

A number may change its dress, "1,234.5" becoming "1.234,5", but not its digits. Numbers in words are left to the
translator.
"""

from __future__ import annotations

import re
from collections import Counter

_FIGURE = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")


def spans(text: str) -> list[tuple[int, int]]:
    """Where each number stands."""
    return [match.span() for match in _FIGURE.finditer(text)]


def figures(text: str) -> Counter[str]:
    """Each number's digits, and how often it occurs."""
    return Counter(_digits(match[0]) for match in _FIGURE.finditer(text))


def lost(source: str, translation: str) -> list[str]:
    """Digits of numbers in the source that the translation lacks. One that names them in another grouping, such as
    "1 234" for "1,234", has kept them."""
    missing = figures(source) - figures(translation)
    if not missing:
        return []
    left = "".join(_digits(part) for part in re.findall(r"\d+", translation))
    return sorted(digits for digits in missing.elements() if digits not in left)


def _digits(figure: str) -> str:
    return "".join(str(int(sign)) for sign in figure if sign.isdecimal())
