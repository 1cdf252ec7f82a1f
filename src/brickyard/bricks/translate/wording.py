"""From texts to translations, sentence by sentence, whatever engine there is behind `Through`.

Pure but for asking the engine: what is protected comes back untouched, numbers are looked after, and where an engine
loses a mark on the way the sentence goes to it again in pieces.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from starlette.concurrency import run_in_threadpool

from brickyard.text.figures import lost
from brickyard.text.glossary import Term
from brickyard.text.protection import Form, Marked, has_letters, mark
from brickyard.text.sentences import put_together, sentences

Doubt = Literal["numbers", "untranslated"]
"""What is wrong with a translation: it lacks a number of its text, or part of it is still in the other language."""

Through = Callable[[list[str]], Awaitable[list[str]]]
"""Sentences through an engine, or several: one translation each, in order."""


@dataclass(frozen=True, slots=True)
class Done:
    text: str
    doubts: tuple[Doubt, ...] = ()


@dataclass(eq=False, slots=True)
class _Core:
    """What is to be translated of a sentence; `text` becomes the translation, marks and all."""

    marked: Marked
    source: str
    text: str = ""
    doubts: set[Doubt] = field(default_factory=set)

    @property
    def has_lost_numbers(self) -> bool:
        return bool(lost(self.marked.without(self.source), self.marked.without(self.text)))


@dataclass(frozen=True, slots=True)
class _Text:
    """A text and its cores, each with its place in the marked text."""

    marked: Marked
    spans: list[tuple[int, int]]
    cores: list[_Core]

    def done(self, form: Form) -> Done:
        whole = put_together(self.marked.text, self.spans, [core.text for core in self.cores])
        doubts = {doubt for core in self.cores for doubt in core.doubts}
        return Done(self.marked.restored(whole, form), tuple(sorted(doubts)))


async def translated(
    texts: Sequence[str], language: str, through: Through, terms: Sequence[Term] = (), form: Form = "text"
) -> list[Done]:
    """`language`: that of the texts. Those without words come back as they are."""
    planned = await run_in_threadpool(lambda: [_planned(text, language, terms, form) for text in texts])
    cores = [core for text in planned for core in text.cores]
    for core, answer in zip(cores, await through([core.source for core in cores]), strict=True):
        core.text = answer
    await _mend_marks([core for core in cores if not core.marked.is_whole(core.source, core.text)], through)
    await _mend_numbers([core for core in cores if core.has_lost_numbers], through)
    for core in cores:
        if not has_letters(core.marked.without(core.text)):
            core.text = core.source
            core.doubts.add("untranslated")
    return [each.done(form) if each.cores else Done(_as_it_is(each, form)) for each in planned]


def _planned(text: str, language: str, terms: Sequence[Term], form: Form) -> _Text:
    marked = mark(text, terms, form)
    spans: list[tuple[int, int]] = []
    for start, end in sentences(marked.text, language):
        first, last = marked.edges(marked.text[start:end])
        if has_letters(marked.without(marked.text[start + first : start + last])):
            spans.append((start + first, start + last))
    return _Text(marked, spans, [_Core(marked, marked.text[start:end]) for start, end in spans])


def _as_it_is(text: _Text, form: Form) -> str:
    return text.marked.restored(text.marked.text, form)


async def _mend_marks(cores: Sequence[_Core], through: Through) -> None:
    """Each in pieces, between its marks, which then can't be lost."""
    spans = [core.marked.pieces(core.source) for core in cores]
    answers = iter(
        await through(
            [core.source[start:end].strip() for core, each in zip(cores, spans, strict=True) for start, end in each]
        )
    )
    for core, each in zip(cores, spans, strict=True):
        pieces = [_in_place(core.source[start:end], core.marked.without(next(answers))) for start, end in each]
        core.text = put_together(core.source, each, pieces)


async def _mend_numbers(cores: Sequence[_Core], through: Through) -> None:
    """Each once more with its numbers, and the marks it has, behind marks; what does not help is told."""
    protected = [mark(core.source, numbers=True) for core in cores]
    answers = await through([each.text for each in protected])
    for core, each, answer in zip(cores, protected, answers, strict=True):
        before = core.text
        core.text = each.restored(answer, "text")
        is_whole = each.is_whole(each.text, answer) and core.marked.is_whole(core.source, core.text)
        if not is_whole or core.has_lost_numbers:
            core.text = before
            core.doubts.add("numbers")


def _in_place(piece: str, answer: str) -> str:
    """The answer between the spaces that the piece stands in; the piece itself where there is no answer."""
    inner = piece.strip()
    start = piece.index(inner)
    return piece[:start] + (answer.strip() or inner) + piece[start + len(inner) :]
