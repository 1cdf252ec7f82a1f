"""A summary as plain text and as Markdown. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from brickyard.echo.summaries.schemas import Sentence, Summary
from brickyard.text.subtitles import clock
from brickyard.text.visible import one_line

EXTRACTIVE = "Sentences as they were said, chosen by ranking; no language model was asked."
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


class SummaryFormat(StrEnum):
    txt = "txt"
    md = "md"

    @property
    def media_type(self) -> str:
        return {"txt": "text/plain", "md": "text/markdown"}[self.value]


def render(summary: Summary, form: SummaryFormat) -> str:
    """Every sentence with the times at which it was said."""
    in_markdown = form is SummaryFormat.md
    blocks = []
    for section in summary.sections:
        title = one_line(section.title)
        head = f"## {_plain(title)}" if in_markdown else f"{title}\n{'-' * len(title)}"
        entries = [_entry(sentence, in_markdown) for sentence in section.sentences]
        blocks.append("\n".join([head, *([""] if in_markdown else []), *entries]))
    return "\n\n".join([*blocks, *_notes(summary, in_markdown)]) + "\n"


def _entry(sentence: Sentence, in_markdown: bool) -> str:
    times = ", ".join(dict.fromkeys(clock(citation.start) for citation in sentence.citations))
    said = one_line(f"{sentence.speaker}: {sentence.text}" if sentence.speaker else sentence.text)
    return f"- {_plain(said)} \\[{times}\\]" if in_markdown else f"- {said} [{times}]"


def _notes(summary: Summary, in_markdown: bool) -> list[str]:
    notes = [EXTRACTIVE] if summary.kind == "extractive" else [f"Written by {summary.model}."]
    if summary.dropped:
        notes.append(f"Left out, since nothing in the transcript supports them: {summary.dropped} sentences.")
    notes.extend(summary.warnings)
    return [f"*{_plain(note)}*" if in_markdown else f"({note})" for note in map(one_line, notes)]


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
