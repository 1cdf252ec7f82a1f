"""Names that may belong to speakers: those that stood in the lower third of the picture while they spoke. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel

from brickyard.text.screen import TextSpan
from brickyard.text.spoken import Turn

LOWER_THIRD = 0.6
"""Where the middle of a line must lie at least, from the top."""
LEAST_SHARE = 0.6
LEAST_SEEN_S = 1.0
MOST_OF_RECORDING = 0.5
LONG_S = 60.0
"""What is shown for longer than this, and for most of the recording, is the programme's name, not a person's."""
HONORIFICS = frozenset(
    {"dr", "prof", "professor", "mr", "mrs", "ms", "sir", "dame", "herr", "frau", "sra", "sr", "mme"}
)
_PARTICLES = r"al|bin|d[aeiou]|del|della|den|der|dos|el|la|le|ter|van|von|zu"


class NameHint(BaseModel):
    """A name that may be the speaker's: shown first at `time`, for `seen_s` seconds of the speaker's turns.

    `share`: which part of all speech while it was shown is this speaker's.
    """

    name: str
    time: float
    seen_s: float
    share: float


def name_hints(spans: Sequence[TextSpan], turns: Sequence[Turn]) -> dict[str, list[NameHint]]:
    """Suggestions only: for each speaker the names that stood in the lower third mostly while they spoke, likeliest
    first. A speaker without any is left out."""
    ends_s = max([0.0, *(span.end for span in spans), *(turn.end for turn in turns)])
    shown: dict[str, list[TextSpan]] = {}
    for span in spans:
        name = _name_in(span)
        long = span.end - span.start > max(LONG_S, MOST_OF_RECORDING * ends_s)
        if name and not long:
            shown.setdefault(name, []).append(span)
    hints: dict[str, list[NameHint]] = {}
    for name, its_spans in shown.items():
        spoken_s = _spoken_s(its_spans, turns)
        for speaker, seen_s in spoken_s.items():
            share = seen_s / sum(spoken_s.values())
            if seen_s >= LEAST_SEEN_S and share >= LEAST_SHARE:
                hint = NameHint(name=name, time=its_spans[0].start, seen_s=round(seen_s, 1), share=round(share, 2))
                hints.setdefault(speaker, []).append(hint)
    return {speaker: sorted(hints[speaker], key=lambda hint: (-hint.seen_s, hint.time)) for speaker in sorted(hints)}


def _spoken_s(spans: Sequence[TextSpan], turns: Sequence[Turn]) -> dict[str, float]:
    """Seconds that each speaker speaks while one of these is shown."""
    seconds: dict[str, float] = {}
    for span in spans:
        for turn in turns:
            both_s = min(span.end, turn.end) - max(span.start, turn.start)
            if both_s > 0:
                seconds[turn.speaker] = seconds.get(turn.speaker, 0.0) + both_s
    return seconds


def _name_in(span: TextSpan) -> str | None:
    """A person's name at the beginning of a line in the lower third, in the case people write names in."""
    if span.box is None or (span.box[1] + span.box[3]) / 2 < LOWER_THIRD:
        return None
    first = re.split(r"\s*[,|·•:;/()]\s*|\s+[-–—]\s+", span.text.strip(), maxsplit=1)[0]
    words = first.split()
    while words and words[0].rstrip(".").lower() in HONORIFICS:
        words = words[1:]
    proper = [word for word in words if not re.fullmatch(_PARTICLES, word, re.IGNORECASE)]
    if not (2 <= len(proper) <= 3) or len(words) > 5 or not all(map(_is_proper, proper)):
        return None
    return " ".join(_cased(word) for word in words)


def _is_proper(word: str) -> bool:
    """Ada, O'Neill, Jean-Luc, McKay, ADA, J."""
    letters = re.sub(r"['’.-]", "", word)
    if not letters.isalpha() or not letters[0].isupper():
        return False
    return letters.isupper() or any(letter.islower() for letter in letters)


def _cased(word: str) -> str:
    return word.title() if word.isupper() and len(word) > 2 else word
