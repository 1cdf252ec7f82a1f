"""Puts words together again as their script does: with spaces between them, or without, as in Chinese. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def gap_between(words: Sequence[str], text: str) -> str:
    """What stands between the words of `text`: nothing where it is just the words on end, else a space."""
    return "" if len(words) > 1 and "".join(words) == text else " "
