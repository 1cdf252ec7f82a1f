"""Transcripts in the database: one a recording, the newest, with what people made of it since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo import revised
from brickyard.echo.revised import Revised
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.kit.errors import NotFound
from brickyard.text.editing import of_machine
from brickyard.text.spoken import Segment, Turn

FIELDS = tuple(Segment.model_fields)


def put(engine: sa.Engine, transcript: Transcript) -> None:
    """Keep it in place of an older one; nothing happens where the recording has been deleted meanwhile."""
    query = sa.text("""
        INSERT INTO transcripts (recording, job, document)
        SELECT id, :job, :document FROM recordings WHERE id = :recording
        ON CONFLICT (recording) DO UPDATE
            SET job = excluded.job, document = excluded.document, created_at = clock_timestamp()""")
    values = {
        "recording": transcript.recording,
        "job": transcript.job,
        "document": transcript.model_dump_json(exclude={"created_at", "revision"}),
    }
    with engine.begin() as connection:
        connection.execute(query, values)


def get(engine: sa.Engine, recording: UUID) -> Transcript:
    """As people have edited it; the machine's own where nobody has."""
    return _read(engine, recording, revised.newest)


def at(engine: sa.Engine, recording: UUID, revision: int | None) -> Transcript:
    """As one revision has it; None: the machine's own."""
    return _read(engine, recording, lambda own, it: None if revision is None else revised.at(own, it, revision))


def _read(engine: sa.Engine, recording: UUID, edited_of: Callable[[sa.Connection, UUID], Revised | None]) -> Transcript:
    query = sa.text("""
        SELECT created_at, document FROM transcripts WHERE recording = :recording""")
    with engine.connect() as connection:
        row = connection.execute(query, {"recording": recording}).one_or_none()
        edited = None if row is None else edited_of(connection, recording)
    if row is None:
        raise NotFound(
            f"There is no transcript of recording {recording} yet. It is there when the recording's job has succeeded."
        )
    transcript = Transcript(**row.document, created_at=row.created_at)
    return transcript if edited is None or edited.job != transcript.job else _edited(transcript, edited)


def _edited(transcript: Transcript, edited: Revised) -> Transcript:
    segments = [Segment(**{name: getattr(piece, name) for name in FIELDS}) for piece in edited.document.segments]
    names = _names(transcript, edited)
    turns = [Turn(start=turn.start, end=turn.end, speaker=names[turn.speaker]) for turn in transcript.turns]
    made = {"segments": segments, "speakers": edited.document.speakers, "turns": turns, "revision": edited.number}
    return transcript.model_copy(update=made)


def _names(transcript: Transcript, edited: Revised) -> dict[str, str]:
    """What each of the machine's speakers is called now: as in most of the segments that were theirs."""
    pieces = edited.document.by_id
    called: dict[str, Counter[str]] = {turn.speaker: Counter() for turn in transcript.turns}
    for piece in of_machine(transcript.segments).segments:
        now = pieces.get(piece.id)
        if piece.speaker is not None and now is not None and now.speaker is not None:
            called.setdefault(piece.speaker, Counter())[now.speaker] += 1
    return {name: counts.most_common(1)[0][0] if counts else name for name, counts in called.items()}
