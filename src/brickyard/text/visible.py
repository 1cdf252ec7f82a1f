"""Text as people see it: on one line, with nothing in it that does something unseen. Pure."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What is no text: commands for a terminal, halves of letters, which cannot be written, and what turns the direction of
all that follows. Marks of direction and joiners stay: Hebrew, Persian and others are written with them."""


def one_line(text: str) -> str:
    """White space of any kind and number as one space. May be empty."""
    return " ".join(_UNSEEN.sub("", text).split())
