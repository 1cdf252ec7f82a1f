"""Sheets of what was made of a recording. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from brickyard.echo.exports.schemas import Sentence, Spoken, Summarized, Translated
from brickyard.text.exports.sheet import Paragraph, Sheet, paragraphs_of
from brickyard.text.subtitles import clock
from brickyard.text.visible import one_line

DRAFT = "A draft by machine, good for the gist alone."
EXTRACTIVE = "Sentences as they were said, chosen by ranking; no language model was asked."


@dataclass(frozen=True, slots=True)
class About:
    """The recording, and who exports it when."""

    name: str
    duration_s: float
    created_at: datetime
    by: str
    now: datetime

    @property
    def title(self) -> str:
        return one_line(self.name) or "Recording"


def of_transcript(about: About, spoken: Spoken, revision: str = "") -> Sheet:
    speakers = list(dict.fromkeys(one_line(each.speaker) for each in spoken.segments if each.speaker))
    made_by = ", ".join(dict.fromkeys(spoken.engines.values()))
    facts = [("Speakers", ", ".join(speakers)), ("Revision", one_line(revision)), ("Transcribed by", made_by)]
    return _sheet(about, "Transcript", spoken.language, facts, paragraphs_of(spoken.segments))


def of_translation(about: About, translated: Translated) -> Sheet:
    facts = [
        ("Translated from", translated.source_language),
        ("Translated by", ", ".join(dict.fromkeys(translated.engines))),
    ]
    notes = [DRAFT] if translated.draft else []
    return _sheet(about, "Translation", translated.language, facts, paragraphs_of(translated.segments), notes)


def of_summary(about: About, summary: Summarized) -> Sheet:
    """Each sentence with the times at which it was said."""
    paragraphs: list[Paragraph] = []
    for section in summary.sections:
        paragraphs.append(Paragraph(one_line(section.title), is_heading=True))
        paragraphs.extend(_said(sentence) for sentence in section.sentences)
    notes = [EXTRACTIVE] if summary.kind == "extractive" else [f"Written by {summary.model}."]
    if summary.dropped:
        notes.append(f"Left out, since nothing in the transcript supports them: {summary.dropped} sentences.")
    notes.extend(one_line(warning) for warning in summary.warnings)
    return _sheet(about, "Summary", summary.language, [("Template", str(summary.template))], paragraphs, notes)


def _said(sentence: Sentence) -> Paragraph:
    times = ", ".join(dict.fromkeys(clock(citation.start) for citation in sentence.citations))
    return Paragraph(one_line(sentence.text), one_line(sentence.speaker or ""), times)


def _sheet(
    about: About,
    kind: str,
    language: str,
    facts: Sequence[tuple[str, str]],
    paragraphs: Sequence[Paragraph],
    notes: Sequence[str] = (),
) -> Sheet:
    every = [
        ("Length", clock(about.duration_s)),
        ("Language", language),
        ("Uploaded", _moment(about.created_at)),
        *facts,
        ("Exported", f"{_moment(about.now)} by {one_line(about.by)}"),
    ]
    return Sheet(about.title, kind, language, [fact for fact in every if fact[1]], paragraphs, notes)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
