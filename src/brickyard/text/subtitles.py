"""A transcript as text for people and players: SRT, WebVTT and plain text. Pure.

Whatever was said, or stands for a speaker, is shown as it is: none of it is a tag, a time or the end of a cue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from brickyard.engines.base import Span
from brickyard.engines.words import interpolate
from brickyard.text.spoken import Segment, Word
from brickyard.text.visible import one_line
from brickyard.text.wording import gap_between

CUE_LETTERS = 84
CUE_S = 7.0
LINE_LETTERS = 42
SHORTEST_CUE_S = 0.5

# SRT has no way to write its own marks as text. A space of no width inside keeps them from being any.
_MARK_IN_SRT = re.compile(r"<(?=[A-Za-z/!?])|\{(?=[\\A-Za-z])|--(?=>)")
_NO_WIDTH = "\u200b"


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
    return "\n".join(f"{n}\n{_times(cue, ',')}\n{srt_text(_folded(_named(cue)))}\n" for n, cue in cues)


def vtt(segments: Iterable[Segment]) -> str:
    blocks = ["WEBVTT\n"]
    for cue in cues_of(segments):
        text = vtt_text(_folded(cue.text))
        voice = f"<v {vtt_text(cue.speaker)}>{text}</v>" if cue.speaker else text
        blocks.append(f"{_times(cue, '.')}\n{voice}\n")
    return "\n".join(blocks)


def txt(segments: Iterable[Segment]) -> str:
    """A paragraph for each stretch of one speaker, with the time at which it begins."""
    paragraphs: list[tuple[float, str | None, list[str]]] = []
    for segment in segments:
        speaker, text = _name(segment), one_line(segment.text)
        if paragraphs and paragraphs[-1][1] == speaker and len(paragraphs[-1][2]) < 12:
            paragraphs[-1][2].append(text)
        else:
            paragraphs.append((segment.start, speaker, [text]))
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
    speaker = _name(segment)
    words = [word for word in segment.words or _interpolated(segment) if one_line(word.text)]
    gap = gap_between([word.text for word in words], segment.text)
    room = max(LINE_LETTERS, CUE_LETTERS - (len(speaker) + 2 if speaker else 0))
    while words:
        count = _fitting(words, room)
        taken, words = words[:count], words[count:]
        # A line break or a blank line inside a cue would end it for a player.
        text = one_line(gap.join(word.text for word in taken))
        yield Cue(taken[0].start, taken[-1].end, speaker, text)


def _name(segment: Segment) -> str | None:
    return one_line(segment.speaker or "") or None


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


def srt_text(text: str) -> str:
    """As it stands in a cue: players take tags for formatting, and an arrow for a line of times."""
    return _MARK_IN_SRT.sub(lambda mark: mark[0] + _NO_WIDTH, text)


def vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _times(cue: Cue, point: str) -> str:
    return f"{_stamp(cue.start, point)} --> {_stamp(cue.end, point)}"


def _stamp(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
