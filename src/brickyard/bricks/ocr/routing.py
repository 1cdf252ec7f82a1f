"""Which reader reads what: by script where languages are hinted, else by how sure the first one was. Pure.

Readers stand in order of preference: the first reads most scripts of most users, and fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brickyard.engines.base import TextLine
from brickyard.engines.scripts import scripts_of
from brickyard.kit.errors import Unsupported

SURE = 0.92
"""A reader that knows the script is this sure of a whole image; measured: 0.97 and more, and 0.87 where it does not."""
WORTH_KEEPING = 0.75
"""Another script's reading counts from here on; measured: 0.87 and more for the right script, below 0.6 for others."""
LEAST_LINES = 2
LEAST_LETTERS = 8
"""What a line or two of texture is taken for is not worth trying other scripts."""


@dataclass(frozen=True, slots=True)
class ReaderCard:
    """What a reader can read. `languages`: those it has data for, None for all of its scripts less `unread`."""

    name: str
    scripts: frozenset[str]
    languages: frozenset[str] | None = None
    unread: frozenset[str] = frozenset()

    def reads(self, languages: Sequence[str]) -> bool:
        if self.languages is not None:
            return self.languages.issuperset(languages)
        return self.scripts >= scripts_of(languages) and self.unread.isdisjoint(languages)


def reader_for(languages: Sequence[str], engine: str, readers: Sequence[ReaderCard]) -> ReaderCard:
    """The reader to begin with. `engine`: its name, or `auto`. Raises Unsupported with what would do."""
    chosen = [reader for reader in readers if engine in ("auto", reader.name)]
    if not chosen:
        installed = ", ".join(reader.name for reader in readers) or "none"
        raise Unsupported(f"The text reader {engine} is not installed here; installed: {installed}.")
    able = [reader for reader in chosen if reader.reads(languages)]
    if able:
        return able[0]
    scripts = sorted({script for reader in chosen for script in reader.scripts})
    raise Unsupported(
        f"No installed text reader reads {' with '.join(languages)}; installed scripts: {', '.join(scripts)}. "
        "tesseract with the languages' data would do, such as the packages tesseract-ocr-rus and tesseract-ocr-eng."
    )


def others(first: ReaderCard, readers: Sequence[ReaderCard]) -> list[tuple[ReaderCard, list[str]]]:
    """What to try where the first was not sure: each script it lacks, with all the languages that are there for it."""
    tries: dict[str, tuple[ReaderCard, list[str]]] = {}
    for reader in readers:
        for language in sorted(reader.languages or ()):
            (script,) = scripts_of([language])
            if script not in first.scripts:
                tries.setdefault(script, (reader, []))[1].append(language)
    return [tries[script] for script in sorted(tries)]


def doubtful(readings: Sequence[Sequence[TextLine]]) -> list[int]:
    """Which images have text that was read unsurely, the one with most of it first."""
    found = [index for index, lines in enumerate(readings) if _is_doubtful(lines)]
    return sorted(found, key=lambda index: -sum(_weight(line) for line in readings[index]))


def sureness(lines: Sequence[TextLine]) -> float:
    """Mean confidence of the letters, 0…1; a line that was found but not read counts by its length."""
    weight = sum(_weight(line) for line in lines)
    return sum(line.confidence * _weight(line) for line in lines) / weight if weight else 0.0


def is_better(one: Sequence[TextLine], than: Sequence[TextLine]) -> bool:
    """Whether a reading in another script is to be kept in place of the first."""
    return sureness(one) >= WORTH_KEEPING and sureness(one) > sureness(than)


def _is_doubtful(lines: Sequence[TextLine]) -> bool:
    if len(lines) < LEAST_LINES and sum(map(_weight, lines)) < LEAST_LETTERS:
        return False
    return sureness(lines) < SURE


def _weight(line: TextLine) -> float:
    """About how many letters it has: those read, or half as many squares as it is long."""
    left, top, right, bottom = line.box
    return len(line.text) or 2 * (right - left) / max(bottom - top, 0.001)
