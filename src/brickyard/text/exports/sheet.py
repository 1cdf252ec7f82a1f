"""A transcript, a translation or a summary as a document to be printed: title, facts, and paragraphs. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brickyard.text.spoken import Segment
from brickyard.text.subtitles import clock
from brickyard.text.visible import one_line

SEGMENTS_A_PARAGRAPH = 12
NOTHING_SAID = "Nothing was said."


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`speaker` and `times`, such as 1:02:03, are empty where there are none. `is_heading`: `text` is a title."""

    text: str
    speaker: str = ""
    times: str = ""
    is_heading: bool = False

    @property
    def is_rtl(self) -> bool:
        return runs_right_to_left(self.text)


@dataclass(frozen=True, slots=True)
class Sheet:
    """`facts`: label and value, such as when it was made and by whom. `language`: ISO 639-1."""

    title: str
    kind: str
    language: str
    facts: Sequence[tuple[str, str]]
    paragraphs: Sequence[Paragraph]
    notes: Sequence[str] = ()


def paragraphs_of(segments: Iterable[Segment]) -> list[Paragraph]:
    """One for each stretch of a speaker, with the time at which it begins; long ones are cut between segments."""
    stretches: list[tuple[float, str, list[str]]] = []
    for segment in segments:
        speaker, text = one_line(segment.speaker or ""), one_line(segment.text)
        if not text:
            continue
        if stretches and stretches[-1][1] == speaker and len(stretches[-1][2]) < SEGMENTS_A_PARAGRAPH:
            stretches[-1][2].append(text)
        else:
            stretches.append((segment.start, speaker, [text]))
    return [Paragraph(" ".join(texts), speaker, clock(start)) for start, speaker, texts in stretches]


def runs_right_to_left(text: str) -> bool:
    """By the first letter that has a direction."""
    for letter in text:
        direction = unicodedata.bidirectional(letter)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False
