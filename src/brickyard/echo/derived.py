"""What is made of a recording beside its transcript: one document for each kind and variant, the newest."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel

from brickyard.kit.errors import NotFound

OVER_A_TRANSCRIPT = ("additions", "redo")
"""Pipelines that work on a transcript that is there: what they took in is nobody's audio, and where one fails, the
recording has not."""
HEARD = f"pipeline NOT IN {OVER_A_TRANSCRIPT}"
"""The other jobs, in SQL."""

M = TypeVar("M", bound=BaseModel)

WANTED_BY = {
    "screen": "Ask for on-screen text when uploading a video, or in a new job over it.",
    "translation": "Ask for a translation when uploading, or in a new job over the recording.",
    "summary": "Ask for a summary when uploading, or in a new job over the recording.",
    "coverage": "It is there when the recording's job has succeeded.",
}


def put(engine: sa.Engine, recording: UUID, kind: str, variant: str, job: UUID, document: BaseModel) -> None:
    """Keep it in place of an older one; nothing happens where the recording has been deleted meanwhile."""
    query = sa.text("""
        INSERT INTO derived (recording, kind, variant, job, document)
        SELECT id, :kind, :variant, :job, :document FROM recordings WHERE id = :recording
        ON CONFLICT (recording, kind, variant) DO UPDATE
            SET job = excluded.job, document = excluded.document, created_at = clock_timestamp()""")
    values = {
        "recording": recording,
        "kind": kind,
        "variant": variant,
        "job": job,
        "document": document.model_dump_json(),
    }
    with engine.begin() as connection:
        connection.execute(query, values)


def get(engine: sa.Engine, recording: UUID, kind: str, variant: str, model: type[M]) -> M:
    query = sa.text("""
        SELECT document FROM derived
        WHERE recording = :recording AND kind = :kind AND variant = :variant""")
    values = {"recording": recording, "kind": kind, "variant": variant}
    with engine.connect() as connection:
        document = connection.execute(query, values).scalar_one_or_none()
    if document is None:
        what = f"{kind} '{variant}'" if variant else kind
        raise NotFound(f"There is no {what} of recording {recording}. {WANTED_BY.get(kind, '')}".rstrip())
    return model.model_validate(document)


def variants(engine: sa.Engine, recording: UUID, kind: str) -> list[str]:
    """Which there are of a kind, such as the languages of translations."""
    query = sa.text("""
        SELECT variant FROM derived WHERE recording = :recording AND kind = :kind ORDER BY variant""")
    with engine.connect() as connection:
        return list(connection.execute(query, {"recording": recording, "kind": kind}).scalars())
