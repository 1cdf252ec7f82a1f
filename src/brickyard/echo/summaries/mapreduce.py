"""Summaries of transcripts of any length by a model with a context of any length: notes of each part, then one summary
of the notes, in several rounds where the notes themselves are too many. What the model says is checked against the
transcript after each step, so nothing that no line supports gets into the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from brickyard.bricks.llm.contract import Completion, PromptTooLong
from brickyard.text import prompts, ranking
from brickyard.text.citations import Evidence, Supported
from brickyard.text.lines import Line, in_chunks, tokens
from brickyard.text.points import points
from brickyard.text.prompts import Prompt, Template
from brickyard.text.statements import statements

MOST_ANSWER_TOKENS = 2048
LEAST_BUDGET_TOKENS = 200
SPARE_TOKENS = 64
"""For what a chat template adds, and for asking again."""
POINTS_INSTEAD = 5
LEAST_SHRINKING = 0.9

Ask = Callable[[Prompt, int], Awaitable[Completion]]
"""Asks the model for JSON of at most so many tokens."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. `spoken` is the transcript's language, `written` that of the summary, ISO 639-1."""

    template: Template
    spoken: str
    written: str
    instruction: str = ""

    @property
    def first_section(self) -> str:
        return next(iter(prompts.SECTIONS[self.template]))


@dataclass(slots=True)
class Notes:
    """What is left after checking, and what was not."""

    points: list[Supported] = field(default_factory=list)
    dropped: int = 0
    repaired: int = 0
    warnings: list[str] = field(default_factory=list)
    device_s: float = 0.0

    def add(self, other: Notes) -> None:
        self.points.extend(other.points)
        self.dropped += other.dropped
        self.repaired += other.repaired
        self.warnings.extend(other.warnings)
        self.device_s += other.device_s

    def as_json(self) -> dict[str, Any]:
        kept = [{"text": one.text, "lines": list(one.lines), "section": one.section} for one in self.points]
        return {"points": kept, "dropped": self.dropped, "repaired": self.repaired, "warnings": self.warnings}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Notes:
        kept = [Supported(one["text"], tuple(one["lines"]), one["section"]) for one in value["points"]]
        return cls(kept, value["dropped"], value["repaired"], list(value["warnings"]))


def parts(lines: Sequence[Line], order: Order, context_tokens: int) -> list[list[Line]]:
    """The transcript as the map step takes it: every line in one part."""
    empty = prompts.map_prompt([], order.template, order.spoken, order.instruction)
    return in_chunks(lines, _budget(empty, context_tokens))


class MapReduce:
    """One summary in the making."""

    def __init__(self, ask: Ask, evidence: Evidence, order: Order, context_tokens: int) -> None:
        self._ask = ask
        self._evidence = evidence
        self._order = order
        self._context_tokens = context_tokens
        self._answer_tokens = answer_tokens(context_tokens)

    async def notes_of(self, part: Sequence[Line]) -> Notes:
        """The map step. A part that the model finds too long is taken in halves; one to which it gives no usable answer
        twice is stood for by its best sentences."""
        order = self._order
        prompt = prompts.map_prompt(part, order.template, order.spoken, order.instruction)
        try:
            notes = await self._asked(prompt, order.spoken, frozenset(line.number for line in part))
        except PromptTooLong:
            if len(part) < 2:
                raise
            notes = await self.notes_of(part[: len(part) // 2])
            notes.add(await self.notes_of(part[len(part) // 2 :]))
            return notes
        if notes is None:
            reason = "the model gave no usable answer twice"
            notes = await asyncio.to_thread(notes_without_model, part, order, reason)
        return notes

    async def summary_of(self, points: Sequence[Supported]) -> Notes:
        """The reduce step, in as many rounds as are needed. What can't be merged is kept as it is."""
        total = Notes(list(points))
        while total.points:
            groups = self._groups(total.points)
            language = self._order.written if len(groups) == 1 else self._order.spoken
            before = _cost(total.points)
            total.points = []
            for group in groups:
                total.add(await self._merged(group, language))
            if len(groups) == 1:
                break
            if _cost(total.points) > LEAST_SHRINKING * before:
                total.warnings.append("The model did not make the notes fewer; they stand as they are.")
                break
        return total

    async def _merged(self, group: list[Supported], language: str) -> Notes:
        prompt = prompts.reduce_prompt(group, self._order.template, language, self._order.instruction)
        cited = frozenset(number for point in group for number in point.lines)
        try:
            merged = await self._asked(prompt, language, cited if language != self._order.spoken else None)
        except PromptTooLong:
            merged = None
        if merged is not None and merged.points:
            return merged
        kept = Notes(list(group), dropped=merged.dropped if merged else 0)
        kept.warnings.append("The model gave no usable summary of some notes; these stand as they are.")
        return kept

    async def _asked(self, prompt: Prompt, language: str, among: frozenset[int] | None) -> Notes | None:
        """The checked answer; None where it was not the JSON that was asked for, twice."""
        warnings, device_s = [], 0.0
        for user in (prompt.user, f"{prompt.user}\n{prompts.ASK_AGAIN}"):
            completion = await self._ask(Prompt(prompt.system, user), self._answer_tokens)
            device_s += completion.computed_s
            found = points(completion.text)
            if completion.truncated and found is not None:
                warnings.append("An answer of the model was cut off at its limit; what was whole of it is used.")
            if found is not None:
                break
        else:
            return None
        translated = language != self._order.spoken
        checked = await asyncio.to_thread(
            lambda: [self._evidence.check(point, translated=translated, among=among) for point in found]
        )
        kept = [self._placed(point) for point in checked if point]
        repaired = sum(point.repaired for point in kept)
        return Notes(kept, len(checked) - len(kept), repaired, warnings, device_s)

    def _placed(self, point: Supported) -> Supported:
        if point.section in prompts.SECTIONS[self._order.template]:
            return point
        return Supported(point.text, point.lines, self._order.first_section, point.repaired)

    def _groups(self, points: Sequence[Supported]) -> list[list[Supported]]:
        """In order, as many in each as fit a request."""
        order = self._order
        empty = prompts.reduce_prompt([], order.template, order.written, order.instruction)
        budget = _budget(empty, self._context_tokens)
        groups: list[list[Supported]] = []
        left = 0
        for point in points:
            cost = _cost([point])
            if cost > left or not groups:
                groups.append([])
                left = budget
            groups[-1].append(point)
            left -= cost
        return groups


def notes_without_model(part: Sequence[Line], order: Order, reason: str) -> Notes:
    """The best sentences of a part, in place of a model's notes."""
    best = ranking.summary_of(statements(part), order.spoken, POINTS_INSTEAD)
    warning = f"Lines {part[0].number} to {part[-1].number}: {reason}; their best sentences stand for them."
    return Notes([Supported(one.text, one.lines, order.first_section) for one in best], warnings=[warning])


def answer_tokens(context_tokens: int) -> int:
    return min(MOST_ANSWER_TOKENS, context_tokens // 4)


def _budget(empty: Prompt, context_tokens: int) -> int:
    """What is left for lines or notes."""
    taken = tokens(empty.system) + tokens(empty.user) + answer_tokens(context_tokens) + SPARE_TOKENS
    return max(LEAST_BUDGET_TOKENS, context_tokens - taken)


def _cost(points: Sequence[Supported]) -> int:
    return sum(tokens(prompts.shown_point(point)) + 1 for point in points)
