"""Plain text: each line is a text of its own, as paragraphs, headings and lists have them."""

from __future__ import annotations

import re

from brickyard.text.documents.parts import Part, readable
from brickyard.text.visible import one_line

_LINE = re.compile(r"[\r\n]+|[^\r\n]+")


def parts(source: str) -> list[Part]:
    return [part for line in _LINE.findall(source) for part in readable(line, line, one_line)]
