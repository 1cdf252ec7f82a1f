"""Sentences as they were said: a transcript's lines joined and divided at the ends of sentences, with times. Pure.

A line is mostly a sentence already; where the recognizer cut in the middle of one, the next line of the same speaker
goes on. Where nothing ends a sentence, length and silence do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from brickyard.text.lines import Line
from brickyard.text.terms import is_unspaced

SILENCE_S = 2.0
LONGEST_LETTERS = 400
LONGEST_UNSPACED = 120

_END = re.compile(r"(?:[.?!…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’)]*|[؟।]+(?=\s)|(?<=[^\d\s])[:;](?=\s[A-ZÀ-Þ]))\s*")
_NO_END = re.compile(
    r"(?:^|\s)(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|No|Nr|Sr|Sra|Dott|bzw|ca|z\.B|d\.h|e\.g|i\.e|approx)\.$"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """`lines`: the numbers of those it was said in. Times are those of these lines, narrowed by letters inside them."""

    text: str
    start: float
    end: float
    speaker: str | None
    lines: tuple[int, ...]


def statements(lines: Sequence[Line]) -> list[Statement]:
    return [statement for group in _groups(lines) for statement in _divided(group)]


def _groups(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines that belong together: a sentence that was cut, going on."""
    groups: list[list[Line]] = []
    for line in lines:
        if groups and _goes_on(groups[-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _goes_on(group: Sequence[Line], line: Line) -> bool:
    last = group[-1]
    if line.speaker != last.speaker or line.start - last.end > SILENCE_S or _ends(last.text):
        return False
    longest = LONGEST_UNSPACED if is_unspaced(last.text) else LONGEST_LETTERS
    return sum(len(one.text) for one in group) + len(line.text) <= longest


def _ends(text: str) -> bool:
    ends = [match.end() for match in _END.finditer(text + " ")]
    return bool(ends) and ends[-1] >= len(text) and not _NO_END.search(text)


def _divided(group: Sequence[Line]) -> list[Statement]:
    gap = "" if is_unspaced(group[0].text) else " "
    text = gap.join(line.text for line in group)
    starts = [0]
    for line in group:
        starts.append(starts[-1] + len(line.text) + len(gap))
    return [_statement(group, starts, text, begin, end) for begin, end in _pieces(text)]


def _pieces(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end; those too long are cut at a space, or anywhere in a script without."""
    cuts = [0]
    for match in _END.finditer(text):
        if not _NO_END.search(text[: match.end()].rstrip()):
            cuts.append(match.end())
    cuts = [*dict.fromkeys([*cuts, len(text)])]
    return [
        piece
        for begin, end in pairwise(cuts)
        for piece in _not_too_long(text, begin, end)
        if text[slice(*piece)].strip()
    ]


def _not_too_long(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    longest = LONGEST_UNSPACED if is_unspaced(text[begin:end]) else LONGEST_LETTERS
    pieces = []
    while end - begin > longest:
        cut = text.rfind(" ", begin + 1, begin + longest) + 1 or begin + longest
        pieces.append((begin, cut))
        begin = cut
    return [*pieces, (begin, end)]


def _statement(group: Sequence[Line], starts: Sequence[int], text: str, begin: int, end: int) -> Statement:
    """`begin` and `end` count letters of the joined text, as `starts` does for each line."""
    touched = [i for i in range(len(group)) if starts[i] < end and starts[i] + len(group[i].text) > begin]
    first, last = group[touched[0]], group[touched[-1]]
    start = _time(first, begin - starts[touched[0]])
    stop = _time(last, end - starts[touched[-1]])
    numbers = tuple(dict.fromkeys(group[i].number for i in touched))
    return Statement(text[begin:end].strip(), round(start, 3), round(max(start, stop), 3), first.speaker, numbers)


def _time(line: Line, letters: int) -> float:
    share = min(1.0, max(0.0, letters / max(1, len(line.text))))
    return line.start + (line.end - line.start) * share
