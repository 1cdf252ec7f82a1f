"""By how much longer jobs of a class take than was foretold of them: kept when foretold, learned when they end.

The policy played forward knows neither who will come later, nor what notebooks and other services compute on the
device. What jobs really took tells of all that.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from brickyard.jobs.estimates import later
from brickyard.jobs.states import Priority

NOTE = sa.text("""
    INSERT INTO foretold (job, seconds)
    SELECT jobs.id, extract(epoch FROM clock_timestamp() - created_at) + told.ends_in_s
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ends_in_s AS double precision[])) AS told (id, ends_in_s)
    JOIN jobs ON jobs.id = told.id
    WHERE state = 'waiting' AND attempts = 0 AND created_at > clock_timestamp() - make_interval(secs => :fresh_s)
      AND run_after <= clock_timestamp()
    ON CONFLICT DO NOTHING""")
FRESH_S = 30.0
"""Only what is told about now counts as told at submission."""

MEASURED = sa.text("""
    SELECT priority, extract(epoch FROM ended_at - created_at)::float8 / seconds AS delay
    FROM jobs JOIN foretold ON foretold.job = jobs.id
    WHERE jobs.id = :job AND attempts = 1 AND crashes = 0 AND seconds > 0""")
KNOWN = sa.text("SELECT factor, samples FROM delays WHERE priority = :priority FOR UPDATE")
KEEP = sa.text("""
    INSERT INTO delays (priority, factor, samples) VALUES (:priority, :factor, 1)
    ON CONFLICT (priority) DO UPDATE SET factor = excluded.factor, samples = delays.samples + 1""")


def note(engine: sa.Engine, ends_in_s: Mapping[UUID, float]) -> None:
    """What is foretold of jobs that have just come; of others nothing is kept, nor of those foretold before."""
    if not ends_in_s:
        return
    values = {"ids": list(ends_in_s), "ends_in_s": list(ends_in_s.values()), "fresh_s": FRESH_S}
    with engine.begin() as connection:
        connection.execute(NOTE, values)


def learn(connection: sa.Connection, job: UUID) -> None:
    """The job has succeeded. One that had to be tried again tells nothing."""
    measured = connection.execute(MEASURED, {"job": job}).one_or_none()
    if measured is None:
        return
    known = connection.execute(KNOWN, {"priority": measured.priority}).one_or_none()
    factor = later(known.factor if known else 1.0, known.samples if known else 0, measured.delay)
    connection.execute(KEEP, {"priority": measured.priority, "factor": factor})


def factors(engine: sa.Engine) -> dict[Priority, float]:
    """By class; a class of which nothing has been learned is left out."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT priority, factor FROM delays"))
        return {Priority(row.priority): float(row.factor) for row in rows}
