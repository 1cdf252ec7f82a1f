"""Does a transcript look like speech in its language? Says it in sentences for its reader. Pure.

A model that knows one language answers another with fluent nonsense, and nothing but its own doubt gives that
away. Measured with moonshine-tiny-en, mean token probability weighted by duration: read, telephone and far-field
English 0.71 to 0.93; the same English played backwards 0.34 to 0.57; synthetic French, German, Spanish, Italian,
Polish and Mandarin 0.28 to 0.61. English that it reads badly may be doubted too: with white noise 5 dB under the
voice 0.40 to 0.80, at 1.6 times the speed 0.43 to 0.88. Words per second of real English: 1.5 to 4.6, the latter at
1.6 times the speed.
"""

from __future__ import annotations

from collections.abc import Sequence

from brickyard.engines.base import Segment
from brickyard.engines.words import repeated_share

LEAST_CONFIDENCE = 0.63
"""Between the highest mean of wrong languages and the lowest of real English, for moonshine-tiny-en."""

LEAST_CONFIDENCE_OF_WHISPER = 0.37
"""Not measured here: the mean under which Whisper's own decoder takes its result for a failure."""

_ENOUGH_SPEECH_S = 5.0
_SLOWEST_WORDS_PER_S = 0.5
_FASTEST_WORDS_PER_S = 6.5
_MOST_REPEATED = 0.2

# These are written without spaces between words, so words cannot be counted.
UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})


def doubts(segments: Sequence[Segment], language: str, least_confidence: float | None = LEAST_CONFIDENCE) -> list[str]:
    """Why a reader should not trust this transcript; empty where it looks right or is too short to tell.

    `least_confidence` belongs to the engine that made the segments; None where its scale is not known.
    """
    speech_s = sum(segment.end - segment.start for segment in segments)
    if speech_s < _ENOUGH_SPEECH_S:
        return []
    found: list[str] = []
    confidence = mean_confidence(segments)
    if confidence is not None and least_confidence is not None and confidence < least_confidence:
        found.append(
            f"The recognizer was unsure of its words ({confidence:.0%} on average, usual is more than "
            f"{least_confidence:.0%}): the recording may not be in '{language}', or be very noisy."
        )
    words = [word for segment in segments for word in segment.text.split()]
    if language in UNSPACED:
        return found
    share = repeated_share(words)
    if share > _MOST_REPEATED:
        found.append(f"{share:.0%} of the words repeat a phrase over and over, as recognizers do when they are lost.")
    pace = len(words) / speech_s
    if not _SLOWEST_WORDS_PER_S <= pace <= _FASTEST_WORDS_PER_S:
        found.append(
            f"{pace:.1f} words a second of speech; people say between {_SLOWEST_WORDS_PER_S:g} and "
            f"{_FASTEST_WORDS_PER_S:g}."
        )
    return found


def mean_confidence(segments: Sequence[Segment]) -> float | None:
    """Weighted by duration, 0…1; None where no segment has a confidence."""
    rated = [(s.confidence, s.end - s.start) for s in segments if s.confidence is not None]
    total_s = sum(duration_s for _, duration_s in rated)
    return sum(confidence * duration_s for confidence, duration_s in rated) / total_s if total_s > 0 else None
