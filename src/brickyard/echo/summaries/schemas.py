"""A summary: sections of sentences, each with the lines that say it. And what is said in a chat about a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, Field

from brickyard.bricks.llm.contract import Completion, CompletionRequest, LlmModels
from brickyard.jobs.context import StepContext
from brickyard.text.lines import Line
from brickyard.text.prompts import Template
from brickyard.text.spoken import Segment


class Spoken(Protocol):
    """What summaries need of a transcript."""

    language: str
    segments: list[Segment]


TranscriptOf = Callable[[UUID], Spoken]
"""The transcript of a recording. Raises NotFound."""
TranscriptOfJob = Callable[[StepContext], Spoken]
"""That which a job is about. Raises NotFound."""


class LanguageModel(Protocol):
    """What summaries need of the `llm` brick's client."""

    async def complete(self, request: CompletionRequest) -> Completion: ...

    def stream(self, request: CompletionRequest) -> AsyncIterator[str]: ...

    async def overview(self) -> LlmModels: ...


class Citation(BaseModel):
    """A segment of the transcript, its index counted from 0, and its times in seconds."""

    segment: int
    start: float
    end: float


class Sentence(BaseModel):
    """`speaker`: who says it, where all citations are of one speaker."""

    text: str
    citations: list[Citation]
    speaker: str | None = None


class Section(BaseModel):
    title: str
    sentences: list[Sentence]


class Summary(BaseModel):
    """`kind`: written by a model, or extractive, which is sentences as they were said. `dropped`: how many sentences of
    the model were left out because nothing in the transcript supports them; `repaired`: how many got other citations
    than the model gave them."""

    recording: UUID
    job: UUID
    template: Template
    language: str
    kind: Literal["llm", "extractive"]
    model: str | None = None
    instruction: str = ""
    sections: list[Section]
    dropped: int = 0
    repaired: int = 0
    warnings: list[str] = []


class ChatMessage(BaseModel):
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(min_length=1, max_length=20_000)]


class ChatRequest(BaseModel):
    """The conversation so far; the last message is the question."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]


class ChatCitation(Citation):
    """`number`: how the answer names it, in brackets."""

    number: int
    speaker: str | None = None


class ChatAnswer(BaseModel):
    """`text`: the answer with only those citations that hold. `removed`: numbers that the model gave and that were
    taken away. `unsupported`: sentences for which no line stands."""

    text: str
    citations: list[ChatCitation]
    removed: list[int] = []
    unsupported: list[str] = []


def sentence(text: str, numbers: Iterable[int], lines: dict[int, Line]) -> Sentence:
    """`numbers` are those of lines, which count segments from 1."""
    cited = [lines[number] for number in numbers]
    speakers = {line.speaker for line in cited}
    citations = [Citation(segment=line.number - 1, start=line.start, end=line.end) for line in cited]
    return Sentence(text=text, citations=citations, speaker=speakers.pop() if len(speakers) == 1 else None)
