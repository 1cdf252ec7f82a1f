"""Which language a text is in, with py3langid, whose model is inside its wheel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LONGEST_LETTERS = 2000
"""What follows the beginning of a long text says nothing new."""
CLEAR = 0.2
"""Of all 140 languages; for a greeting of two words, the right one has about so much."""
LEAST = 0.001
_NO_LANGUAGE = "zxx"
_RELATIVES = {"ary": "ar", "arz": "ar", "ext": "es", "pcm": "en", "wuu": "zh", "yue": "zh"}
"""Counted for the language that translators know."""


@dataclass(frozen=True, slots=True)
class Guess:
    """`language`: ISO 639-1 where there is such a code. `confidence`: 0…1, of the languages looked among."""

    language: str
    confidence: float


def detect(text: str, among: Collection[str] = ()) -> list[Guess]:
    """The likeliest languages, best first; none where nothing in the text tells.

    `among`: those that are expected; others are named only where the text is clearly in one of them. Empty: all.
    """
    beginning = text[:LONGEST_LETTERS]
    if not any(letter.isalpha() for letter in beginning):
        return []
    ranked = _identifier().rank(beginning)
    if ranked[0][1] < 3 * ranked[-1][1]:
        return []  # a text without features gets the same for every language, or twice that
    shares = _shares(ranked)
    best = max(shares, key=lambda code: shares[code])
    wanted = shares
    if among and (best in among or shares[best] < CLEAR):
        wanted = {code: share for code, share in shares.items() if code in among}
    total = sum(wanted.values())
    guesses = [Guess(code, share / total) for code, share in wanted.items() if share / total >= LEAST]
    return sorted(guesses, key=lambda guess: (-guess.confidence, guess.language))


def _shares(ranked: Sequence[tuple[str, float]]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for code, share in ranked:
        if code != _NO_LANGUAGE:
            own = _RELATIVES.get(code, code)
            shares[own] = shares.get(own, 0.0) + share
    return shares


@cache
def _identifier() -> LanguageIdentifier:
    """Takes most of a second and about 70 MB. Reading it changes nothing, so threads may share it."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
