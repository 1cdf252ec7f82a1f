"""Gives words to speakers: pure. A word goes to whoever speaks while it is said, and speakers change where that is
likely: between sentences rather than inside one, most of all where the times of words are only interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from brickyard.engines.base import Segment, Turn, Word
from brickyard.text.wording import gap_between

SWITCH_AT_SENTENCE_S = 0.1
SWITCH_AT_COMMA_S = 0.4
SWITCH_INSIDE_S = 1.0
"""What a change of speaker costs, in seconds of words given to somebody who is silent then."""
REACH_S = 2.0
"""A word that nobody's turn covers goes to the nearest turn; beyond this distance all are as far."""

Costs = NDArray[np.float64]


def speak(segments: Sequence[Segment], turns: Sequence[Turn]) -> list[tuple[int | None, Segment]]:
    """Segments with their speakers, cut where the speaker changes inside. None where there are no turns at all."""
    words = [(segment, word) for segment in segments for word in _words(segment)]
    if not words or not turns:
        return [(None, segment) for segment in segments]
    speakers = _cheapest_path([word for _, word in words], turns)
    pieces: list[tuple[int, Segment, list[Word]]] = []
    for (segment, word), speaker in zip(words, speakers, strict=True):
        if pieces and pieces[-1][0] == speaker and pieces[-1][1] is segment:
            pieces[-1][2].append(word)
        else:
            pieces.append((speaker, segment, [word]))
    return [(speaker, _part(segment, own)) for speaker, segment, own in pieces]


def _words(segment: Segment) -> tuple[Word, ...]:
    if segment.words:
        return segment.words
    return (Word(segment.start, segment.end, segment.text, segment.confidence, approximate=True),)


def _part(segment: Segment, words: list[Word]) -> Segment:
    if len(words) == len(_words(segment)):
        return segment
    text = gap_between([word.text for word in segment.words], segment.text).join(word.text for word in words)
    return replace(segment, start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def _cheapest_path(words: Sequence[Word], turns: Sequence[Turn]) -> list[int]:
    """The speaker of each word, at the least cost of words out of turn and changes of speaker together."""
    labels = sorted({turn.speaker for turn in turns})
    costs = _out_of_turn(words, turns, labels)
    best = costs[0].copy()
    came_from = np.zeros(costs.shape, np.intp)
    for i in range(1, len(words)):
        switch = best.min() + _switch_cost(words[i - 1], words[i])
        came_from[i] = np.where(best <= switch, np.arange(len(labels)), best.argmin())
        best = np.minimum(best, switch) + costs[i]
    path = [int(best.argmin())]
    for i in range(len(words) - 1, 0, -1):
        path.append(int(came_from[i, path[-1]]))
    return [labels[k] for k in reversed(path)]


def _out_of_turn(words: Sequence[Word], turns: Sequence[Turn], labels: list[int]) -> Costs:
    """For each word and speaker, the seconds of the word that the speaker does not speak, plus how far they are off."""
    costs = np.empty((len(words), len(labels)))
    starts = np.array([word.start for word in words])
    ends = np.array([max(word.end, word.start + 0.02) for word in words])
    middles = (starts + ends) / 2
    for column, label in enumerate(labels):
        own = sorted((turn for turn in turns if turn.speaker == label), key=lambda turn: turn.start)
        own_starts = np.array([turn.start for turn in own])
        own_ends = np.maximum.accumulate(np.array([turn.end for turn in own]))
        covered = _covered(starts, ends, own_starts, own_ends)
        after = np.searchsorted(own_starts, middles, side="right")
        since = np.where(after > 0, middles - own_ends[np.maximum(after - 1, 0)], REACH_S)
        until = np.where(after < len(own), own_starts[np.minimum(after, len(own) - 1)] - middles, REACH_S)
        distance = np.clip(np.minimum(since, until), 0.0, REACH_S)
        costs[:, column] = (ends - starts) - covered + 0.2 * distance
    return costs


def _covered(starts: Costs, ends: Costs, own_starts: Costs, own_ends: Costs) -> Costs:
    """Seconds of each word inside a speaker's turns, which are sorted and joined where they touch."""
    joined_starts = np.maximum(own_starts, np.concatenate(([-np.inf], own_ends[:-1])))
    lengths = np.maximum(0.0, own_ends - joined_starts)
    spoken_before = np.concatenate(([0.0], np.cumsum(lengths)))

    def spoken_until(time: Costs) -> Costs:
        k = np.searchsorted(joined_starts, time, side="right")
        last = np.maximum(k - 1, 0)
        inside = np.clip(time - joined_starts[last], 0.0, lengths[last])
        until: Costs = np.where(k > 0, spoken_before[last] + inside, 0.0)
        return until

    return spoken_until(ends) - spoken_until(starts)


def _switch_cost(before: Word, after: Word) -> float:
    if after.start - before.end > 0.5 or before.text.endswith((".", "?", "!", "…")):
        return SWITCH_AT_SENTENCE_S
    if before.text.endswith((",", ";", ":", "—", "-")):
        return SWITCH_AT_COMMA_S
    return SWITCH_INSIDE_S
