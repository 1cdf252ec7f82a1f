"""Everything that was said, shown, translated or summarized, to be searched for; each passage with its moment."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from brickyard.echo import revised
from brickyard.echo.search.schemas import BEGIN, END, Hit

MARKS = f"StartSel={BEGIN}, StopSel={END}, MaxWords=40, MinWords=20"

FROM_DOCUMENTS = """
    INSERT INTO passages (recording, kind, variant, index, start_s, end_s, speaker, text)
    SELECT transcripts.recording, 'transcript', '', number - 1, (part ->> 'start')::float8, (part ->> 'end')::float8,
           part ->> 'speaker', part ->> 'text'
    FROM transcripts, jsonb_array_elements(COALESCE(CAST(:edited AS jsonb), document -> 'segments'))
         WITH ORDINALITY AS parts (part, number)
    WHERE transcripts.recording = :recording AND part ->> 'text' <> ''
    UNION ALL
    SELECT derived.recording, kind, variant, number - 1, (part ->> 'start')::float8, (part ->> 'end')::float8,
           part ->> 'speaker', part ->> 'text'
    FROM derived, jsonb_array_elements(document -> CASE kind WHEN 'screen' THEN 'spans' ELSE 'segments' END)
         WITH ORDINALITY AS parts (part, number)
    WHERE derived.recording = :recording AND kind IN ('screen', 'translation') AND part ->> 'text' <> ''
    UNION ALL
    SELECT derived.recording, kind, variant, row_number() OVER (PARTITION BY variant ORDER BY section_no, number) - 1,
           COALESCE((part #>> '{citations,0,start}')::float8, 0), COALESCE((part #>> '{citations,0,end}')::float8, 0),
           NULL, part ->> 'text'
    FROM derived, jsonb_array_elements(document -> 'sections') WITH ORDINALITY AS sections (section, section_no),
         jsonb_array_elements(section -> 'sentences') WITH ORDINALITY AS parts (part, number)
    WHERE derived.recording = :recording AND kind = 'summary' AND part ->> 'text' <> ''"""


def index(engine: sa.Engine, recording: UUID) -> int:
    """Read a recording's documents anew, as edited, in one transaction. Returns how many passages it has."""
    values: dict[str, object] = {"recording": recording}
    with engine.begin() as connection:
        # Others who index or delete it wait; whoever saves an edit meanwhile does not.
        connection.execute(sa.text("SELECT FROM recordings WHERE id = :recording FOR NO KEY UPDATE"), values)
        edited = revised.newest(connection, recording)
        words = {"segments": {"__all__": {"words", "confidence", "id"}}}
        segments = None if edited is None else edited.document.model_dump(exclude=words)["segments"]
        values["edited"] = None if segments is None else json.dumps(segments)
        connection.execute(sa.text("DELETE FROM passages WHERE recording = :recording"), values)
        passages = connection.execute(sa.text(FROM_DOCUMENTS), values).rowcount
        connection.execute(sa.text(KNOWN), {"recording": recording})
    return passages


KNOWN = """
    UPDATE recordings SET language = document ->> 'language',
        speakers = (SELECT nullif(count(DISTINCT speaker), 0) FROM passages
                    WHERE passages.recording = recordings.id AND kind = 'transcript')
    FROM transcripts WHERE transcripts.recording = recordings.id AND recordings.id = :recording"""
"""What lists tell of it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Passages that are like all that is given. `speaker`: the whole name, whatever its case. `language`: ISO 639-1, of
    what was said, translated or written. Times are those of the upload: from `since` on, before `until`."""

    kind: str | None = None
    recording: UUID | None = None
    speaker: str | None = None
    language: str | None = None
    since: datetime | None = None
    until: datetime | None = None


MEETS = """
    (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:recording AS uuid) IS NULL OR passages.recording = :recording)
    AND (CAST(:speaker AS text) IS NULL OR lower(speaker) = lower(:speaker))
    AND (CAST(:since AS timestamptz) IS NULL OR recordings.created_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR recordings.created_at < :until)
    AND (CAST(:language AS text) IS NULL OR CASE kind
         WHEN 'transcript' THEN EXISTS (SELECT FROM transcripts WHERE transcripts.recording = passages.recording
                                        AND transcripts.language = :language)
         WHEN 'translation' THEN variant = :language
         ELSE EXISTS (SELECT FROM derived WHERE derived.recording = passages.recording AND derived.kind = passages.kind
                      AND derived.variant = passages.variant AND document ->> 'language' = :language) END)"""


def search(engine: sa.Engine, words: str, user: str, *, wanted: Filter | None = None, limit: int = 50) -> list[Hit]:
    """In all that a user may see, best first. `words` as in a search engine: "a phrase", or, -not."""
    query = sa.text(f"""
        SELECT passages.recording, recordings.name, kind, variant, start_s AS start, end_s AS end, speaker, text,
               ts_headline('simple', text, asked, :marks) AS snippet
        FROM passages JOIN recordings ON recordings.id = recording, websearch_to_tsquery('simple', :words) AS asked
        WHERE recording IN (SELECT recording FROM reach WHERE user_id = :user) AND words @@ asked AND {MEETS}
        ORDER BY ts_rank(words, asked) DESC, created_at DESC, start_s LIMIT :limit""")
    values = {"words": words, "user": user, "limit": limit, "marks": MARKS, **asdict(wanted or Filter())}
    with engine.connect() as connection:
        return [Hit.of(**row._mapping) for row in connection.execute(query, values)]
