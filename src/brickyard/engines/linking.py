"""From what was seen window by window to turns whose labels hold over the whole recording. Pure.

Also the JSON form of an observation, in which it waits between the two steps.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brickyard.engines import clustering
from brickyard.engines.base import Observation, Turn

JOIN_GAP_S = 0.25
"""Pauses up to this are part of a turn."""
BLIP_S = 0.2
"""Turns shorter than this are noise of the frame grid."""

SHARED_S = 0.3
"""Common speech in the overlap of two windows below which a match would rest on chance."""

_ROUND = 3


def link_by_voice(observations: Sequence[Observation], speakers: int | None = None) -> list[Turn]:
    """Turns of the whole recording, speakers told by their voices; local speakers without a print are left out.

    Overlapping windows are cut in the middle of their overlap. Who is active at the same moments in two of them
    is taken for one person unless the voices speak against it.
    """
    ordered = sorted(observations, key=lambda observation: observation.start)
    rows: dict[tuple[int, int], int] = {}
    vectors: list[tuple[float, ...]] = []
    for index, observation in enumerate(ordered):
        for local, voice in enumerate(observation.voices):
            if voice:
                rows[index, local] = len(vectors)
                vectors.append(voice)
    if not rows:
        return []
    parts = cut(ordered)
    prints = clustering.Prints(
        np.array(vectors, np.float32),
        np.array([index for index, _ in rows], np.int64),
        np.array(_spoken(parts, rows), np.float32),
        *_ties(ordered, rows),
    )
    person = clustering.cluster(prints, speakers)
    return tidy(
        Turn(turn.start, turn.end, int(person[rows[index, turn.speaker]]))
        for index, turns in enumerate(parts)
        for turn in turns
        if (index, turn.speaker) in rows
    )


def link_by_overlap(observations: Sequence[Observation], speakers: int | None = None) -> list[Turn]:
    """Turns of the whole recording without voice prints: who speaks at the same moments in two windows is one.

    Who does not is somebody new. With `speakers`, those who speak least give their turns to the nearest in time
    of the others; fewer stay fewer.
    """
    ordered = sorted(observations, key=lambda observation: observation.start)
    person: dict[tuple[int, int], int] = {}
    count = 0
    for index, observation in enumerate(ordered):
        if index > 0:
            for one, other in agreements(ordered[index - 1], observation):
                person[index, other] = person[index - 1, one]
        for local in sorted({turn.speaker for turn in observation.turns}):
            if (index, local) not in person:
                person[index, local] = count
                count += 1
    turns = tidy(
        Turn(turn.start, turn.end, person[index, turn.speaker])
        for index, part in enumerate(cut(ordered))
        for turn in part
    )
    return turns if speakers is None else tidy(_keep(turns, speakers))


def _keep(turns: Sequence[Turn], speakers: int) -> list[Turn]:
    spoken: dict[int, float] = {}
    for turn in turns:
        spoken[turn.speaker] = spoken.get(turn.speaker, 0.0) + turn.end - turn.start
    kept = set(sorted(spoken, key=lambda speaker: -spoken[speaker])[:speakers])
    anchors = [turn for turn in turns if turn.speaker in kept]
    return [
        turn
        if turn.speaker in kept
        else Turn(turn.start, turn.end, min(anchors, key=lambda anchor: _distance(turn, anchor)).speaker)
        for turn in turns
    ]


def _distance(turn: Turn, other: Turn) -> float:
    return max(other.start - turn.end, turn.start - other.end)


def _spoken(parts: Sequence[Sequence[Turn]], rows: dict[tuple[int, int], int]) -> list[float]:
    return [sum(turn.end - turn.start for turn in parts[index] if turn.speaker == local) for index, local in rows]


def _ties(
    ordered: Sequence[Observation], rows: dict[tuple[int, int], int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    pairs: list[tuple[int, int]] = []
    strength: list[float] = []
    for index, (before, now) in enumerate(pairwise(ordered)):
        for (one, other), agreement in agreements(before, now).items():
            if (index, one) in rows and (index + 1, other) in rows:
                pairs.append((rows[index, one], rows[index + 1, other]))
                strength.append(agreement)
    return np.array(pairs, np.int64).reshape(-1, 2), np.array(strength, np.float32)


def agreements(before: Observation, now: Observation) -> dict[tuple[int, int], float]:
    """For local speakers of two overlapping windows: how much, 0…1, of their speech in the overlap is common.

    Only for each one's best match, and where they share at least SHARED_S.
    """
    low, high = now.start, before.end
    if high - low < SHARED_S:
        return {}
    first, second = _clip_by_speaker(before, low, high), _clip_by_speaker(now, low, high)
    shared = {(k, j): _shared(mine, yours) for k, mine in first.items() for j, yours in second.items()}
    found: dict[tuple[int, int], float] = {}
    for (k, j), both in sorted(shared.items(), key=lambda item: -item[1]):
        if both < SHARED_S or any(k == pair[0] or j == pair[1] for pair in found):
            continue
        either = sum(t.end - t.start for t in first[k]) + sum(t.end - t.start for t in second[j]) - both
        found[k, j] = both / either
    return found


def _clip_by_speaker(observation: Observation, low: float, high: float) -> dict[int, list[Turn]]:
    clipped: dict[int, list[Turn]] = {}
    for turn in observation.turns:
        if turn.end > low and turn.start < high:
            clipped.setdefault(turn.speaker, []).append(Turn(max(turn.start, low), min(turn.end, high), turn.speaker))
    return clipped


def _shared(mine: Iterable[Turn], yours: Sequence[Turn]) -> float:
    return sum(max(0.0, min(a.end, b.end) - max(a.start, b.start)) for a in mine for b in yours)


def cut(ordered: Sequence[Observation]) -> list[list[Turn]]:
    """Each window's turns, cut where the windows before and after it answer for the time."""
    if not ordered:
        return []
    middles = [(max(before.end, now.start) + now.start) / 2 for before, now in pairwise(ordered)]
    lows = [float("-inf"), *middles]
    highs = [
        *(min(middle, before.end) for middle, before in zip(middles, ordered, strict=False)),
        float("inf"),
    ]
    return [
        [turn for turns in _clip_by_speaker(observation, low, high).values() for turn in turns]
        for observation, low, high in zip(ordered, lows, highs, strict=True)
    ]


def tidy(turns: Iterable[Turn], join_gap_s: float = JOIN_GAP_S, blip_s: float = BLIP_S) -> list[Turn]:
    """Turns in order of time, one speaker's joined over short pauses, blips gone, labels by appearance."""
    joined: list[Turn] = []
    by_speaker = sorted(turns, key=lambda turn: (turn.speaker, turn.start))
    for _, mine in groupby(by_speaker, key=lambda turn: turn.speaker):
        joined.extend(_join(mine, join_gap_s))
    kept = [turn for turn in joined if turn.end - turn.start >= blip_s]
    return by_appearance(kept)


def by_appearance(turns: Iterable[Turn]) -> list[Turn]:
    """In order of time; speakers renamed 0, 1, … as they first speak."""
    ordered = sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))
    names: dict[int, int] = {}
    return [Turn(turn.start, turn.end, names.setdefault(turn.speaker, len(names))) for turn in ordered]


def _join(turns: Iterable[Turn], gap_s: float) -> list[Turn]:
    joined: list[Turn] = []
    for turn in turns:
        if joined and turn.start - joined[-1].end <= gap_s:
            last = joined.pop()
            joined.append(Turn(last.start, max(last.end, turn.end), last.speaker))
        else:
            joined.append(turn)
    return joined


def to_json(observation: Observation) -> dict[str, Any]:
    """Plain values; voice prints as base64 of little-endian float16, half a kilobyte each."""
    return {
        "start": round(observation.start, _ROUND),
        "end": round(observation.end, _ROUND),
        "turns": [[round(t.start, _ROUND), round(t.end, _ROUND), t.speaker] for t in observation.turns],
        "voices": [
            base64.b64encode(np.asarray(voice, "<f2").tobytes()).decode("ascii") for voice in observation.voices
        ],
    }


def from_json(value: dict[str, Any]) -> Observation:
    return Observation(
        float(value["start"]),
        float(value["end"]),
        tuple(Turn(float(start), float(end), int(speaker)) for start, end, speaker in value["turns"]),
        tuple(tuple(np.frombuffer(base64.b64decode(voice), "<f2").astype(float).tolist()) for voice in value["voices"]),
    )
