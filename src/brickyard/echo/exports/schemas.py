"""What exports need of a recording, its transcript, translations and summaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from brickyard.text.spoken import Segment


class Spoken(Protocol):
    """`engines`: what heard and told apart, by task. `revision`: of the edited document, if there is one."""

    language: str
    engines: dict[str, str]
    segments: list[Segment]
    revision: int | None


class Translated(Protocol):
    """`draft`: good for the gist alone."""

    language: str
    source_language: str
    draft: bool
    engines: list[str]
    segments: list[Segment]


class Cited(Protocol):
    """`start`: in seconds."""

    @property
    def start(self) -> float: ...


class Sentence(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def speaker(self) -> str | None: ...
    @property
    def citations(self) -> Sequence[Cited]: ...


class Section(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def sentences(self) -> Sequence[Sentence]: ...


class Summarized(Protocol):
    """`kind`: llm or extractive."""

    @property
    def template(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def sections(self) -> Sequence[Section]: ...
    @property
    def dropped(self) -> int: ...
    @property
    def warnings(self) -> Sequence[str]: ...


SpokenOf = Callable[[UUID], Spoken]
TranslatedOf = Callable[[UUID, str], Translated]
"""By recording and language."""
SummarizedOf = Callable[[UUID, str], Summarized]
"""By recording and template. As the others, it raises NotFound."""
RevisionOf = Callable[[UUID, int], str]
"""By recording and number: which revision of a transcript this is, for people, such as `3, by Ada`; empty where it is
as the machine made it."""


class DocumentFormat(StrEnum):
    docx = "docx"
    pdf = "pdf"

    @property
    def media_type(self) -> str:
        return {
            "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "pdf": "application/pdf",
        }[self.value]
