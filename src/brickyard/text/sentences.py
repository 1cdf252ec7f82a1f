"""Where the sentences of a text begin and end, and a text put together out of others. Pure.

pysbd knows abbreviations in 23 languages; for the others, and for what would take it too long, a simple rule serves.
Only ends of sentences come from it: they are places in the text as it is, so that nothing is lost or altered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pysbd
from pysbd.languages import LANGUAGE_CODES

LONGEST_LETTERS = 400
"""A sentence that is longer is divided, best after punctuation, between words where there are any."""
BLOCK_LETTERS = 800
"""What pysbd is given at a time: it takes more than twice as long for twice as much."""
MOST_LIST_MARKS = 8
"""Above this, in one block, pysbd takes seconds."""

Place = tuple[int, int]
"""Where a sentence begins in its text, and where it ends, without the white space around it."""

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*")
_PAUSE = re.compile(r"[,;:–—](?=\s)|[、，；：]")
_LIST_MARK = re.compile(r"\b\w{1,4}[).]\s")
_UNSPACED = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def sentences(text: str, language: str) -> list[Place]:
    """In order; what lies between them is white space."""
    found: list[Place] = []
    for start, end in _paragraphs(text):
        for block_start, block_end in _divided(text, start, end, BLOCK_LETTERS):
            cuts = (block_start + cut for cut in _cuts(text[block_start:block_end], language))
            for one, other in pairwise([block_start, *cuts, block_end]):
                found += _divided(text, one, other, LONGEST_LETTERS)
    return [place for span in found if (place := _stripped(text, *span))]


def put_together(text: str, places: Sequence[Place], instead: Sequence[str]) -> str:
    """The text with others in the places of its sentences, and what was between them. Where that was nothing, as in
    Chinese, and the others are in a script with spaces, there will be one."""
    parts: list[str] = []
    after = 0
    for (start, end), other in zip(places, instead, strict=True):
        gap = text[after:start]
        if not gap and parts and _needs_space(text[start - 1], parts[-1][-1:], other[:1]):
            gap = " "
        parts += [gap, other]
        after = end
    return "".join([*parts, text[after:]])


def _needs_space(source: str, before: str, after: str) -> bool:
    ends = before + after
    return bool(_UNSPACED.match(source)) and len(ends) == 2 and not _UNSPACED.search(ends) and not ends.isspace()


def _paragraphs(text: str) -> Iterator[Place]:
    start = 0
    for gap in _PARAGRAPH.finditer(text):
        yield start, gap.start()
        start = gap.end()
    yield start, len(text)


def _divided(text: str, start: int, end: int, longest: int) -> Iterator[Place]:
    """Stretches of at most so many letters: cut at an end of a sentence, a pause, a space, or anywhere at last."""
    while end - start > longest:
        window = text[start : start + longest]
        cut = _last(_END, window) or _last(_PAUSE, window) or window.rfind(" ") + 1 or longest
        yield start, start + cut
        start += cut
    yield start, end


def _last(pattern: re.Pattern[str], window: str) -> int:
    """Where the last match in the second half ends; 0 where there is none."""
    return max((match.end() for match in pattern.finditer(window, len(window) // 2)), default=0)


def _cuts(block: str, language: str) -> list[int]:
    """Places inside the block where a sentence begins."""
    if language not in LANGUAGE_CODES or len(_LIST_MARK.findall(block)) > MOST_LIST_MARKS:
        return [match.end() for match in _END.finditer(block) if match.end() < len(block)]
    cuts: list[int] = []
    after = 0
    for piece in map(str.strip, pysbd.Segmenter(language=language, clean=False).segment(block)):
        at = block.find(piece, after)
        if at < 0:
            continue  # pysbd has altered it; the sentence stays with the one before
        if at > 0:
            cuts.append(at)
        after = at + len(piece)
    return cuts


def _stripped(text: str, start: int, end: int) -> Place | None:
    stripped = text[start:end].strip()
    if not stripped:
        return None
    first = text.index(stripped, start, end)
    return first, first + len(stripped)
