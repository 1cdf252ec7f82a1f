"""A stand-in for the `llm` brick's client. It is no model: it answers with sentences computed from the request's own
lines, or with whatever a test makes it say, and it remembers what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from brickyard.bricks.llm.contract import Completion, CompletionRequest, LlmModel, LlmModels
from brickyard.kit.errors import BrickyardError, Unsupported
from brickyard.text.spoken import Segment

RECORDING = UUID(int=7)
MODEL = "scripted:1b"
NO_SERVER = "No LLM server is set. Name one."

_LINE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)
_NOTE = re.compile(r"^(\w+): (.*) (\[[\d, ]+\])$", re.MULTILINE)

Answer = Callable[[CompletionRequest], str | BrickyardError]


@dataclass
class Spoken:
    language: str
    segments: list[Segment]


def spoken(*texts: str, language: str = "en", speakers: int = 2) -> Spoken:
    segments = [
        Segment(start=4.0 * i, end=4.0 * i + 3.5, speaker=f"Speaker {i % speakers + 1}", text=text)
        for i, text in enumerate(texts)
    ]
    return Spoken(language, segments)


def is_map(request: CompletionRequest) -> bool:
    return "<transcript>\n" in request.messages[-1].content


def shown_lines(request: CompletionRequest) -> list[tuple[int, str]]:
    """The numbered lines that a request shows, wherever in it they are."""
    whole = "\n".join(message.content for message in request.messages)
    inside = whole.split("<transcript>\n")[-1].split("\n</transcript>")[0]
    return [(int(number), text) for number, text in _LINE.findall(inside)]


def told(points: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"points": list(points)})


def faithful(every: int = 10, fewer: int = 3) -> Answer:
    """Repeats every tenth line of a part, then every third of the notes, with their lines."""

    def answer(request: CompletionRequest) -> str:
        if is_map(request):
            chosen = shown_lines(request)[::every]
            return told([{"section": "topics", "text": text, "lines": [number]} for number, text in chosen])
        notes = _NOTE.findall(request.messages[-1].content)[::fewer]
        return told([{"section": section, "text": text, "lines": json.loads(lines)} for section, text, lines in notes])

    return answer


@dataclass
class Scripted:
    """`context_tokens`: None where the server does not tell."""

    answer: Answer = field(default_factory=faithful)
    context_tokens: int | None = 4096
    default: str | None = MODEL
    truncated: bool = False
    asked: list[CompletionRequest] = field(default_factory=list)

    async def complete(self, request: CompletionRequest) -> Completion:
        if self.default is None:
            raise Unsupported(NO_SERVER)
        self.asked.append(request)
        said = self.answer(request)
        if isinstance(said, BrickyardError):
            raise said
        return Completion(
            text=said, model=MODEL, prompt_tokens=1, completion_tokens=1, truncated=self.truncated, computed_s=0.5
        )

    async def stream(self, request: CompletionRequest) -> AsyncIterator[str]:
        said = (await self.complete(request)).text
        for start in range(0, len(said), 7):
            yield said[start : start + 7]

    async def overview(self) -> LlmModels:
        models = [LlmModel(name=MODEL, backend="here", context_tokens=self.context_tokens)] if self.default else []
        return LlmModels(models=models, default=self.default)
