"""Text to sentences and words with times, for engines that give none. Pure.

Times are interpolated by length of text over the spans of speech, skipping the silence between them, and held
in place where a pause in the text (a comma, a full stop) meets a pause in the sound. Such words are marked
approximate.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from brickyard.engines.base import Segment, Span, Word

_SNAP_S = 0.8
_MOST_REPEATS = 3
_LONGEST_PHRASE = 12
_PAUSE_S = 0.15
_LONGEST_SEGMENT_S = 8.0

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)]*$")
_CLAUSE_END = re.compile(r"[.!?…,;:–—-]+[\"'”’)]*$")
_ABBREVIATIONS = frozenset(
    (
        "mr.",
        "mrs.",
        "ms.",
        "dr.",
        "prof.",
        "st.",
        "sr.",
        "jr.",
        "vs.",
        "e.g.",
        "i.e.",
        "inc.",
        "ltd.",
        "co.",
        "fig.",
    )
)


def clean(text: str) -> str:
    """Undoes what small models do to punctuation: doubled commas, blanks before them, lone marks."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"[,;:]+([.!?])", r"\1", text)
    text = re.sub(r"([.!?])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"^[\s,.;:!?…-]+", "", text)
    return text.strip()


def without_loops(words: Sequence[str], most: int = _MOST_REPEATS) -> list[str]:
    """Drops the repeats of a phrase of up to twelve words that comes more than `most` times on end."""
    folded = [re.sub(r"\W", "", word).lower() for word in words]
    kept: list[str] = []
    position = 0
    while position < len(words):
        size, times = _loop_at(folded, position, most)
        kept.extend(words[position : position + size])
        position += size * times
    return kept


def repeated_share(words: Sequence[str]) -> float:
    """The share of words, 0…1, that `without_loops` would drop."""
    return 1 - len(without_loops(words)) / len(words) if words else 0.0


def _loop_at(words: Sequence[str], position: int, most: int) -> tuple[int, int]:
    """Length of the phrase that begins here and how often it comes on end; (1, 1) where it is no loop."""
    for size in range(1, min(_LONGEST_PHRASE, (len(words) - position) // (most + 1)) + 1):
        phrase = words[position : position + size]
        times = 1
        while words[position + times * size : position + (times + 1) * size] == phrase:
            times += 1
        if times > most:
            return size, times
    return 1, 1


def sentences(words: Sequence[Word]) -> list[tuple[Word, ...]]:
    """Words in groups, each a sentence; "Mr." and single letters ("J. S. Bach") end none."""
    groups: list[tuple[Word, ...]] = []
    current: list[Word] = []
    for word in words:
        current.append(word)
        if _ends_sentence(word.text):
            groups.append(tuple(current))
            current = []
    if current:
        groups.append(tuple(current))
    return groups


def _ends_sentence(word: str) -> bool:
    if not _SENTENCE_END.search(word) or word.lower() in _ABBREVIATIONS:
        return False
    return not re.fullmatch(r"[A-HJ-Z]\.", word)


def interpolate(text: str, spans: Sequence[Span], confidence: float | None = None) -> tuple[Word, ...]:
    """The words of `text`, which was said within `spans` (in order, apart), with times spread over them."""
    texts = text.split()
    if not texts or not spans:
        return ()
    # A word takes time for its letters and about one more for the pause after it.
    ends = list(accumulate(len(word) + 1 for word in texts))
    voiced = list(accumulate((span.duration for span in spans), initial=0.0))
    edges = _anchored(texts, ends, voiced)
    words: list[Word] = []
    for word, (begin, finish) in zip(texts, pairwise(edges), strict=True):
        start, end = _at(begin, spans, voiced, opening=True), _at(finish, spans, voiced, opening=False)
        words.append(Word(start, max(start, end), word, confidence, approximate=True))
    return tuple(words)


def _anchored(texts: Sequence[str], ends: Sequence[int], voiced: Sequence[float]) -> list[float]:
    """When each word begins and the last one ends, in seconds of speech, silence not counted."""
    total_s, length = voiced[-1], ends[-1]
    anchors = [(0, 0.0)]
    for gap in voiced[1:-1]:
        clauses = [i for i, word in enumerate(texts[:-1]) if _CLAUSE_END.search(word)]
        if not clauses:
            break
        nearest = min(clauses, key=lambda i: abs(ends[i] * total_s / length - gap))
        near_enough = abs(ends[nearest] * total_s / length - gap) <= _SNAP_S
        if near_enough and ends[nearest] > anchors[-1][0] and gap > anchors[-1][1]:
            anchors.append((ends[nearest], gap))
    anchors.append((length, total_s))
    return [0.0, *(_between(anchors, end) for end in ends)]


def _between(anchors: Sequence[tuple[int, float]], position: int) -> float:
    for (left, start), (right, end) in pairwise(anchors):
        if position <= right:
            return start + (end - start) * (position - left) / (right - left)
    return anchors[-1][1]


def _at(voiced_s: float, spans: Sequence[Span], voiced: Sequence[float], *, opening: bool) -> float:
    """Seconds of speech to seconds of recording; at a gap, its far side if `opening`, else its near side."""
    index = bisect_right(voiced, voiced_s + (1e-6 if opening else -1e-6)) - 1
    index = min(max(index, 0), len(spans) - 1)
    return min(spans[index].start + max(0.0, voiced_s - voiced[index]), spans[index].end)


def segments(words: Sequence[Word], confidence: float | None, language: str | None) -> list[Segment]:
    """Segments the size of a subtitle: a sentence each, cut also at audible pauses and where too long."""
    return [
        Segment(part[0].start, part[-1].end, " ".join(word.text for word in part), part, confidence, language)
        for sentence in sentences(words)
        for clause in _at_pauses(sentence)
        for part in _short(clause)
    ]


def _at_pauses(sentence: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    begin = 0
    for index, (word, following) in enumerate(pairwise(sentence), start=1):
        if following.start - word.end >= _PAUSE_S and _CLAUSE_END.search(word.text):
            yield sentence[begin:index]
            begin = index
    yield sentence[begin:]


def _short(part: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    """Halves what lasts longer than a subtitle should, at a clause or a pause near the middle."""
    start, end = part[0].start, part[-1].end
    if end - start <= _LONGEST_SEGMENT_S or len(part) < 2:
        yield part
        return

    def cost(index: int) -> float:
        word, following = part[index - 1], part[index]
        off_centre = abs((word.end + following.start) / 2 - (start + end) / 2) / (end - start)
        return off_centre - 0.2 * bool(_CLAUSE_END.search(word.text)) - min(0.2, following.start - word.end)

    cut = min(range(1, len(part)), key=cost)
    yield from _short(part[:cut])
    yield from _short(part[cut:])
