"""A document under edit, its revisions, and what comes of changes, as the API tells them. Times are in seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from brickyard.text.editing import Change, Difference, Piece, Plain, Played, Rejected
from brickyard.text.spoken import Segment

CHANGES = 2_000
Kind = Literal["machine", "edit", "restore", "redo"]
"""`redo`: the machine heard a stretch again."""
BatchId = Annotated[Plain, Field(min_length=8, max_length=64, examples=["b1f0c1de-6a55-4bd1-a8de-2a4a7a0b7f7e"])]


class DocumentView(BaseModel):
    """The newest state. `speakers` in the order in which they are first heard."""

    recording: UUID
    revision: int
    duration: float
    language: str
    speakers: list[str]
    segments: list[Piece]


class Batch(BaseModel):
    """Changes made to revision `base`, in order. `batch` is an id that the client makes up: what is sent again under
    the same one is not done again. `together`: all of them, or none (an undo in several changes, say)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "batch": "b1f0c1de-6a55-4bd1-a8de-2a4a7a0b7f7e",
                "base": 7,
                "changes": [
                    {"kind": "set_text", "segment": "s3", "before": "a good storey", "text": "a good story"},
                    {"kind": "rename_speaker", "old": "Speaker 2", "new": "Ada"},
                ],
            }
        }
    )

    batch: BatchId
    base: Annotated[int, Field(ge=1)]
    changes: Annotated[list[Change], Field(min_length=1, max_length=CHANGES)]
    together: bool = False


class Draft(BaseModel):
    """A change that could not be made. `index`: in its batch; `code`: `conflict` or `bad_input`; `yours`: what was
    typed; `theirs`: what stands there."""

    index: int
    change: Change
    code: str
    message: str
    yours: str | None = None
    theirs: str | None = None

    @classmethod
    def of(cls, rejected: Rejected) -> Draft:
        return cls.model_construct(
            index=rejected.index,
            change=rejected.change,
            code=rejected.code,
            message=rejected.message,
            yours=rejected.yours,
            theirs=rejected.theirs,
        )


class News(BaseModel):
    """What differs in `revision` from an older one, whoever changed it: put `segments` in place of those with the same
    ids, take away the `removed`, and give `speakers` to segments where only that differs. Segments stand in the order
    of start, end, length of the id, id. `reload`: everything is new, as after a new job: get the document."""

    revision: int
    segments: list[Piece] = []
    removed: list[str] = []
    speakers: dict[str, str | None] = {}
    reload: bool = False


class Outcome(News):
    """`made`: so many changes were made, in revision `saved`; null where nothing was to be kept. `rejected` ones are
    kept as drafts in that revision too. `again`: this batch had come before."""

    saved: int | None
    made: int
    rejected: list[Draft] = []
    again: bool = False


class RevisionGroup(BaseModel):
    """What one person saved within ten minutes: revisions `first` to `number`, `since` to `at`."""

    first: int
    number: int
    author: str
    author_name: str
    kind: Kind
    since: datetime
    at: datetime
    changes: int
    rejected: int


class RevisionView(BaseModel):
    """One revision, with the document as it was then and the drafts that could not be made."""

    number: int
    author: str
    author_name: str
    kind: Kind
    at: datetime
    changes: list[Played]
    rejected: list[Draft]
    speakers: list[str]
    segments: list[Piece]


class RunView(BaseModel):
    kind: Literal["same", "added", "removed"]
    text: str


class DifferenceView(BaseModel):
    """Of one segment. `words`: both texts in one; empty where only times or the speaker differ."""

    segment: str
    kind: Literal["added", "removed", "changed"]
    before: Segment | None
    after: Segment | None
    words: list[RunView]

    @classmethod
    def of(cls, difference: Difference) -> DifferenceView:
        return cls(
            segment=difference.segment,
            kind=difference.kind,
            before=_without_words(difference.before),
            after=_without_words(difference.after),
            words=[RunView(kind=run.kind, text=run.text) for run in difference.words],
        )


class Restored(BaseModel):
    """`revision` is the newest; `changed` tells whether there was anything to change."""

    revision: int
    changed: bool


def _without_words(piece: Piece | None) -> Segment | None:
    if piece is None:
        return None
    values: dict[str, Any] = {"start": piece.start, "end": piece.end, "speaker": piece.speaker, "text": piece.text}
    return Segment(**values, confidence=piece.confidence)
