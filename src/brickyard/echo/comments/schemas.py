"""Comments on moments of a recording, each with its answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000, pattern=r"^[^\x00-\x08\x0e-\x1f]*$")
]


class NewComment(BaseModel):
    """On a moment, in seconds, or as the answer to a comment, whose moment it then shares."""

    text: Text
    at: Annotated[float | None, Field(ge=0, le=1e7, allow_inf_nan=False)] = None
    answers: UUID | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.at is None) == (self.answers is None):
            raise ValueError("say `at`, the moment in seconds, or `answers`, the comment that is answered; one of them")
        return self


class NewText(BaseModel):
    text: Text


class Resolution(BaseModel):
    resolved: bool


class Remark(BaseModel):
    """What somebody wrote. `at` in seconds; `author` by name, `is_own`: of whoever asks, who may then edit it."""

    id: UUID
    at: float
    author: str
    author_id: str
    is_own: bool
    text: str
    created_at: datetime
    edited_at: datetime | None = None


class Comment(Remark):
    """With its answers, the oldest first. `resolved_by`: a name."""

    resolved_at: datetime | None = None
    resolved_by: str | None = None
    answers: list[Remark] = []
