"""A recording with a transcript, its editing, and browsers that follow it as the API says they should."""

from __future__ import annotations

from functools import partial
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.actor import Actor
from brickyard.access.audit import Audit
from brickyard.access.policy import Role
from brickyard.echo.editing.schemas import Batch, DocumentView, News, Outcome
from brickyard.echo.editing.service import Editing
from brickyard.echo.search import store as search
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.text.editing import Change, Piece
from brickyard.text.spoken import Segment, Turn
from tests.unit.echo.retention.archive import add_people, add_recording
from tests.unit.text.edits import segment

ADA = Actor("ada", "ada", frozenset({Role.ANALYST}), "session", "s1")
BOB = Actor("bob", "bob", frozenset({Role.ANALYST}), "session", "s2")
NEVER_S = 3600.0
SAID = [segment("the harbour is closed", 0), segment("who says so", 4, "Speaker 2"), segment("I do", 8)]


class Room:
    def __init__(self, engine: sa.Engine, said: list[Segment] | None = None, settle_s: float = NEVER_S) -> None:
        add_people(engine)
        self.engine = engine
        self.audit = Audit(engine, b"k" * 32)
        self.settle_s = settle_s
        self.recording = add_recording(engine)
        self.editing = self.another()
        self.transcribe(said or SAID)

    def another(self) -> Editing:
        """As after a restart: nothing is remembered."""
        return Editing(self.engine, self.audit, partial(search.index, self.engine), self.settle_s)

    def transcribe(self, said: list[Segment]) -> UUID:
        """What the machine hears in a further job."""
        transcript = Transcript(
            recording=self.recording,
            job=uuid4(),
            duration=9.5,
            language="en",
            engines={},
            speakers=["Speaker 1", "Speaker 2"],
            segments=said,
            turns=[Turn(start=0, end=4, speaker="Speaker 1"), Turn(start=4, end=8, speaker="Speaker 2")],
        )
        transcripts.put(self.engine, transcript)
        return transcript.job

    def change(self, base: int, *changes: Change, who: Actor = ADA, batch: str = "", together: bool = False) -> Outcome:
        asked = Batch(batch=batch or str(uuid4()), base=base, changes=list(changes), together=together)
        return self.editing.change(self.recording, who, asked)

    def document(self) -> DocumentView:
        return self.editing.document(self.recording)

    def texts(self) -> list[str]:
        return [piece.text for piece in self.document().segments]

    def found(self, words: str) -> list[str]:
        return [hit.text for hit in search.search(self.engine, words, "ada")]


class Browser:
    """What somebody sees: a document, brought up to date with news alone."""

    def __init__(self, view: DocumentView) -> None:
        self.revision = view.revision
        self.pieces = {piece.id: piece for piece in view.segments}

    def take(self, news: News) -> None:
        assert not news.reload
        self.revision = news.revision
        for name in news.removed:
            del self.pieces[name]
        for piece in news.segments:
            self.pieces[piece.id] = piece
        for name, speaker in news.speakers.items():
            self.pieces[name] = self.pieces[name].model_copy(update={"speaker": speaker})

    @property
    def segments(self) -> list[Piece]:
        return sorted(self.pieces.values(), key=lambda piece: (piece.start, piece.end, len(piece.id), piece.id))
