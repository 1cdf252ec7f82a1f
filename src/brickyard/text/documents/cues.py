"""Subtitles as SRT and WebVTT: what is shown in each cue. Numbers, times, notes, styles and tags stay."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import partial

from brickyard.text.documents.parts import Part, on_one_line, readable
from brickyard.text.subtitles import LINE_LETTERS, srt_text, vtt_text
from brickyard.text.visible import one_line

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_TAG = re.compile(r"<[^<>\n]*>|\{\\[^{}\n]*\}")
_SAID_BY_ANOTHER = re.compile(r"^\s*[-–—]", re.MULTILINE)


def parts(source: str, *, is_vtt: bool) -> list[Part]:
    found: list[Part] = []
    for is_shown, block in _blocks(source):
        found += list(_shown(block, is_vtt)) if is_shown else [Part(block)]
    return found


def _blocks(source: str) -> Iterator[tuple[bool, str]]:
    """Stretches of lines, and whether they are shown: those between a line of times and the next blank line."""
    block: list[str] = []
    is_shown = False
    for line in _LINE.findall(source):
        has_times = "-->" in line
        if is_shown and (has_times or not line.strip()):
            yield True, "".join(block)
            block, is_shown = [], False
        block.append(line)
        if has_times:
            yield False, "".join(block)
            block, is_shown = [], True
    yield is_shown, "".join(block)


def _shown(block: str, is_vtt: bool) -> Iterator[Part]:
    """What two people say, each on a line with a dash, is two texts; lines of one are one."""
    pieces = block.splitlines(keepends=True) if _SAID_BY_ANOTHER.search(block) else [block]
    for piece in pieces:
        end = 0
        for tag in _TAG.finditer(piece):
            yield from _run(piece[end : tag.start()], is_vtt)
            yield Part(tag.group())
            end = tag.end()
        yield from _run(piece[end:], is_vtt)


def _run(source: str, is_vtt: bool) -> list[Part]:
    text = on_one_line(html.unescape(source) if is_vtt else source)
    newline = "\r\n" if "\r\n" in source else "\n"
    return readable(source, text, partial(_written, source.strip(), newline, vtt_text if is_vtt else srt_text))


def _written(source: str, newline: str, escape: Callable[[str], str], text: str) -> str:
    """On as many lines as it needs; `source` where nothing is to be seen, since a blank line would end the cue."""
    folded = textwrap.wrap(one_line(text), LINE_LETTERS, break_long_words=False, break_on_hyphens=False)
    return newline.join(escape(line) for line in folded) or source
