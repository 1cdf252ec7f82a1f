"""A transcript as text for people and players: SRT, WebVTT and plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from brickyard.engines.base import Span
from brickyard.engines.words import interpolate
from brickyard.text.spoken import Segment, Word
from brickyard.text.wording import gap_between

CUE_LETTERS = 84
CUE_S = 7.0
LINE_LETTERS = 42
SHORTEST_CUE_S = 0.5


class TextFormat(StrEnum):
    srt = "srt"
    vtt = "vtt"
    txt = "txt"

    @property
    def media_type(self) -> str:
        return {"srt": "application/x-subrip", "vtt": "text/vtt", "txt": "text/plain"}[self.value]


@dataclass(frozen=True, slots=True)
class Cue:
    start: float
    end: float
    speaker: str | None
    text: str


def render(segments: Iterable[Segment], form: TextFormat) -> str:
    if form is TextFormat.srt:
        return srt(segments)
    if form is TextFormat.vtt:
        return vtt(segments)
    return txt(segments)


def srt(segments: Iterable[Segment]) -> str:
    cues = enumerate(cues_of(segments), 1)
    return "\n".join(f"{n}\n{_times(cue, ',')}\n{_folded(_named(cue))}\n" for n, cue in cues)


def vtt(segments: Iterable[Segment]) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues_of(segments):
        text = _folded(_escaped(cue.text))
        voice = f"<v {_escaped(cue.speaker)}>{text}</v>" if cue.speaker else text
        blocks.append(f"{_times(cue, '.')}\n{voice}\n")
    return "\n".join(blocks)


def txt(segments: Iterable[Segment]) -> str:
    """A paragraph for each stretch of one speaker, with the time at which it begins."""
    paragraphs: list[tuple[float, str | None, list[str]]] = []
    for segment in segments:
        if paragraphs and paragraphs[-1][1] == segment.speaker and len(paragraphs[-1][2]) < 12:
            paragraphs[-1][2].append(segment.text)
        else:
            paragraphs.append((segment.start, segment.speaker, [segment.text]))
    return "".join(
        f"[{clock(start)}] {f'{speaker}: ' if speaker else ''}{' '.join(texts)}\n"
        for start, speaker, texts in paragraphs
    )


def clock(seconds: float) -> str:
    """1:02:03, or 02:03 below an hour."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def cues_of(segments: Iterable[Segment]) -> list[Cue]:
    """Subtitles: at most two lines and seven seconds, cut between words, best after punctuation; none overlap.

    What is said at the same time is shown one after the other, each cue for long enough to be seen.
    """
    cues = sorted((cue for segment in segments for cue in _cues(segment)), key=lambda cue: cue.start)
    apart: list[Cue] = []
    for cue, following in zip_longest(cues, cues[1:]):
        start = max(cue.start, apart[-1].end) if apart else cue.start
        end = cue.end if following is None else min(cue.end, following.start)
        apart.append(Cue(start, max(end, start + SHORTEST_CUE_S), cue.speaker, cue.text))
    return apart


def _cues(segment: Segment) -> Iterator[Cue]:
    words = [word for word in segment.words or _interpolated(segment) if word.text.strip()]
    gap = gap_between([word.text for word in words], segment.text)
    room = max(LINE_LETTERS, CUE_LETTERS - (len(segment.speaker) + 2 if segment.speaker else 0))
    while words:
        count = _fitting(words, room)
        taken, words = words[:count], words[count:]
        # A line break or a blank line inside a cue would end it for a player.
        text = " ".join(gap.join(word.text for word in taken).split())
        yield Cue(taken[0].start, taken[-1].end, segment.speaker, text)


def _interpolated(segment: Segment) -> list[Word]:
    words = interpolate(segment.text, [Span(segment.start, segment.end)])
    return [Word(start=word.start, end=word.end, text=word.text, approximate=True) for word in words]


def _fitting(words: list[Word], room: int) -> int:
    """How many words the next cue takes: all that fit, or those up to the last punctuation in its second half.

    `room`: the letters that a cue may have, beside the speaker's name.
    """
    letters, fitting = -1, 0
    for word in words:
        letters += len(word.text) + 1
        if fitting and (letters > room or word.end - words[0].start > CUE_S):
            break
        fitting += 1
    if fitting == len(words):
        return fitting
    for count in range(fitting, fitting // 2, -1):
        if words[count - 1].text.endswith((".", "?", "!", ",", ";", ":")):
            return count
    return fitting


def _named(cue: Cue) -> str:
    return f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text


def _folded(text: str) -> str:
    """Two lines of about the same length where one would be too long."""
    if len(text) <= LINE_LETTERS:
        return text
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _times(cue: Cue, point: str) -> str:
    return f"{_stamp(cue.start, point)} --> {_stamp(cue.end, point)}"


def _stamp(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
