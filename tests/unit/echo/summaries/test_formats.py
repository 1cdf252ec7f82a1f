from __future__ import annotations

from uuid import UUID

from brickyard.echo.summaries.formats import EXTRACTIVE, SummaryFormat, render
from brickyard.echo.summaries.schemas import Citation, Section, Sentence, Summary
from brickyard.text.prompts import Template

CITED = [Citation(segment=3, start=62.5, end=64.0), Citation(segment=4, start=3725.0, end=3726.0)]
SUMMARY = Summary(
    recording=UUID(int=1),
    job=UUID(int=2),
    template=Template.minutes,
    language="en",
    kind="llm",
    model="scripted:1b",
    sections=[Section(title="Topics", sentences=[Sentence(text="It *costs* <b>9</b>.", citations=CITED)])],
    dropped=2,
    warnings=["Look out."],
)


def test_plain_text_has_the_times_of_every_sentence() -> None:
    text = render(SUMMARY, SummaryFormat.txt)
    assert text.startswith("Topics\n------\n- It *costs* <b>9</b>. [01:02, 1:02:05]\n\n")
    assert "(Written by scripted:1b.)" in text
    assert "2 sentences" in text
    assert text.endswith("(Look out.)\n")


def test_markdown_shows_what_was_said_and_runs_nothing_of_it() -> None:
    text = render(SUMMARY, SummaryFormat.md)
    assert "## Topics\n\n- It \\*costs\\* \\<b\\>9\\</b\\>. \\[01:02, 1:02:05\\]" in text


def test_an_extractive_summary_is_marked_as_such() -> None:
    said = SUMMARY.model_copy(update={"kind": "extractive"})
    said.sections[0].sentences[0].speaker = "Speaker 1"
    for form in SummaryFormat:
        assert EXTRACTIVE.split(";")[0] in render(said, form)
        assert "- Speaker 1: It" in render(said, form)


def test_no_text_makes_lines_or_markup_of_its_own() -> None:
    text = "one\n\n# Title\n![x](http://a.example/b.png) &lt;script> \x1b[2J\u202e"
    section = Section(title="To\npics\n====", sentences=[Sentence(text=text, citations=CITED)])
    hostile = SUMMARY.model_copy(update={"sections": [section], "warnings": ["a\n# b"]})
    for form in SummaryFormat:
        lines = [line for line in render(hostile, form).split("\n") if line]
        assert len(lines) == len([line for line in render(SUMMARY, form).split("\n") if line])
        assert all(line.isprintable() for line in lines)
    markdown = render(hostile, SummaryFormat.md)
    assert "- one \\# Title \\!\\[x\\](http://a.example/b.png) \\&lt;script\\> \\[2J" in markdown
