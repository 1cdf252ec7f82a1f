"""Everything that was said, shown, translated or summarized, to be searched for; each passage with its moment."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from brickyard.echo.search.schemas import BEGIN, END, Hit

MARKS = f"StartSel={BEGIN}, StopSel={END}, MaxWords=40, MinWords=20"

FROM_DOCUMENTS = """
    INSERT INTO passages (recording, kind, variant, index, start_s, end_s, speaker, text)
    SELECT transcripts.recording, 'transcript', '', number - 1, (part ->> 'start')::float8, (part ->> 'end')::float8,
           part ->> 'speaker', part ->> 'text'
    FROM transcripts, jsonb_array_elements(document -> 'segments') WITH ORDINALITY AS parts (part, number)
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
    """Read a recording's documents anew, in one transaction. Returns how many passages it has."""
    values = {"recording": recording}
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT FROM recordings WHERE id = :recording FOR UPDATE"), values)
        connection.execute(sa.text("DELETE FROM passages WHERE recording = :recording"), values)
        return connection.execute(sa.text(FROM_DOCUMENTS), values).rowcount


def search(engine: sa.Engine, words: str, user: str, *, kind: str | None = None, limit: int = 50) -> list[Hit]:
    """In all that a user may see, best first. `words` as in a search engine: "a phrase", or, -not."""
    query = sa.text("""
        SELECT passages.recording, recordings.name, kind, variant, start_s AS start, end_s AS end, speaker, text,
               ts_headline('simple', text, asked, :marks) AS snippet
        FROM passages JOIN recordings ON recordings.id = recording, websearch_to_tsquery('simple', :words) AS asked
        WHERE recording IN (SELECT recording FROM reach WHERE user_id = :user) AND words @@ asked
          AND (CAST(:kind AS text) IS NULL OR kind = :kind)
        ORDER BY ts_rank(words, asked) DESC, created_at DESC, start_s LIMIT :limit""")
    values = {"words": words, "user": user, "kind": kind, "limit": limit, "marks": MARKS}
    with engine.connect() as connection:
        return [Hit.of(**row._mapping) for row in connection.execute(query, values)]
