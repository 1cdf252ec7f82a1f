"""HTML: the text between tags. Tags, attributes, comments, and what is code rather than text stay to the letter.

Nothing is loaded, run or expanded, and each letter is looked at a few times at most, whatever the document is.
"""

from __future__ import annotations

import html
import re
from collections import Counter

from brickyard.text.documents.parts import Part, on_one_line, readable
from brickyard.text.visible import one_line

_BEGINS_TAG = re.compile(r"<(?:(?P<closes>/?)(?P<name>[a-zA-Z][^\s/>]*)|[!?/])")
_IN_TAG = re.compile(r"[^>\"']*")
_OPAQUE = frozenset({"script", "style", "template", "iframe", "xmp", "noembed", "noframes"})
"""What is inside is no markup at all, up to the closing tag."""
_KEPT = frozenset({"pre", "code", "kbd", "samp", "var", "textarea", "svg", "math"})
_END_OF = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _OPAQUE}


def parts(source: str) -> list[Part]:
    found: list[Part] = []
    inside: Counter[str] = Counter()
    at = 0
    while at < len(source):
        begin = _BEGINS_TAG.search(source, at)
        start = begin.start() if begin else len(source)
        run = source[at:start]
        found += [Part(run)] if run and any(inside.values()) else _run(run)
        if begin is None:
            break
        at = _end_of(source, begin)
        name = (begin["name"] or "").lower()
        if name in _OPAQUE and not begin["closes"]:
            closing = _END_OF[name].search(source, at)
            at = closing.start() if closing else len(source)
        elif name in _KEPT:
            _enter_or_leave(inside, name, begin["closes"] == "/", source.endswith("/>", start, at))
        found.append(Part(source[start:at]))
    return found


def _run(source: str) -> list[Part]:
    return readable(source, on_one_line(html.unescape(source)), _escaped)


def _enter_or_leave(inside: Counter[str], name: str, closes: bool, is_empty: bool) -> None:
    if closes:
        inside[name] = max(0, inside[name] - 1)
    elif not is_empty:
        inside[name] += 1


def _end_of(source: str, begin: re.Match[str]) -> int:
    """Where the tag or comment is over; one that is never closed takes the rest of the document."""
    if source.startswith("<!--", begin.start()):
        end = source.find("-->", begin.end() + 2)
        return end + 3 if end >= 0 else len(source)
    if begin["name"] is None:
        end = source.find(">", begin.end())
        return end + 1 if end >= 0 else len(source)
    at = begin.end()
    while at < len(source):
        inside = _IN_TAG.match(source, at)
        at = inside.end() if inside else at
        if source.startswith(">", at):
            return at + 1
        closing = source.find(source[at], at + 1) if at < len(source) else -1
        if closing < 0:
            break
        at = closing + 1
    return len(source)


def _escaped(text: str) -> str:
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
