"""What a model says with line numbers, read tolerantly: JSON in fences, between talk, or cut off at its end. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_RANGE = 30
MOST_FAILURES = 500
LONGEST_NUMBER = 7

_BEGINS = re.compile(r"[{\[]")
_TEXTS = ("text", "sentence", "point", "content")
_LINES = ("lines", "line", "citations", "citation", "cites", "sources", "refs")
_NUMBERS = re.compile(r"(\d+)(?:\s*(?:-|–|—|to|\.\.)\s*L?(\d+))?")
IN_TEXT = re.compile(r"\s*(?:\[\s*(?:L|lines?\s+)?\d[\d\s,;L–—-]*\]|\(\s*lines?\s+\d[\d\s,;–—-]*\))", re.IGNORECASE)
"""Line numbers as models write them into a text: [12], [12, 14-16], (lines 3, 4)."""


@dataclass(frozen=True, slots=True)
class Point:
    """Something a model says, and the numbers of the lines from which it says to have it."""

    text: str
    lines: tuple[int, ...]
    section: str = ""


def points(answer: str) -> list[Point] | None:
    """What an answer contains; an empty list where it says that there is nothing, None where it is not what was asked
    for. Of an answer that was cut off, what is whole."""
    values = list(_values(answer))
    for value in values:
        entries = _entries(value)
        if entries is not None:
            return [point for entry in entries if (point := _point(entry))]
    whole = [point for value in values if (point := _point(value))]
    return whole or None


def numbers_in(text: str) -> tuple[int, ...]:
    """Line numbers written as text: "12", "[12, 14]", "12-15"."""
    found: list[int] = []
    for first, last in _NUMBERS.findall(text):
        if len(first) > LONGEST_NUMBER or len(last) > LONGEST_NUMBER:
            continue
        begin, end = int(first), int(last or first)
        found.extend(range(begin, end + 1) if begin <= end < begin + LONGEST_RANGE else dict.fromkeys((begin, end)))
    return tuple(dict.fromkeys(found))


def _values(answer: str) -> Iterator[Any]:
    """The JSON values in a text, outermost first; inside one that is broken, those that are whole."""
    decoder = json.JSONDecoder()
    place, failures = 0, 0
    while failures < MOST_FAILURES and (match := _BEGINS.search(answer, place)):
        try:
            value, place = decoder.raw_decode(answer, match.start())
        except (ValueError, RecursionError):
            failures, place = failures + 1, match.end()
            continue
        yield value


def _entries(value: Any) -> list[Any] | None:
    """The list of points in a value; None where it holds none."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return value
    if not isinstance(value, dict) or _point(value):
        return None
    lists = [entry for entry in value.values() if isinstance(entry, list)]
    return value["points"] if isinstance(value.get("points"), list) else next(iter(lists), None)


def _point(entry: Any) -> Point | None:
    if not isinstance(entry, dict):
        return None
    text = next((entry[name] for name in _TEXTS if isinstance(entry.get(name), str)), "")
    lines = [number for name in _LINES if name in entry for number in _numbers(entry[name])]
    lines.extend(number for marker in IN_TEXT.findall(text) for number in numbers_in(marker))
    told = " ".join(IN_TEXT.sub("", text).split())
    section = entry.get("section")
    if not told:
        return None
    return Point(told, tuple(dict.fromkeys(lines)), section.strip().lower() if isinstance(section, str) else "")


def _numbers(value: Any) -> tuple[int, ...]:
    if isinstance(value, str):
        return numbers_in(value)
    if isinstance(value, list | dict):
        entries = value if isinstance(value, list) else value.values()
        return tuple(number for one in entries for number in _numbers(one))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (int(value),) if is_number and value == value // 1 else ()
