"""What the queue's engine keeps of jobs in its own tables: results of steps, and with them what was said.

It is deleted in the transaction that deletes the job, which its own API can't do; a crash in between would leave it for
ever. The tables are found by their column, so that a newer engine's further ones are found as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

SCHEMA = "dbos"
COLUMN = "workflow_uuid"


def tables(connection: sa.Connection) -> list[str]:
    """With their schema, as SQL has them; none before the first worker has made them."""
    query = sa.text("""
        SELECT format('%I.%I', table_schema, table_name) FROM information_schema.columns
        WHERE table_schema = :schema AND column_name = :column ORDER BY 1""")
    return list(connection.execute(query, {"schema": SCHEMA, "column": COLUMN}).scalars())


def forget(connection: sa.Connection, jobs: Sequence[UUID]) -> None:
    """A job's workflow has its id."""
    for table in tables(connection):
        query = sa.text(f"DELETE FROM {table} WHERE {COLUMN} = ANY(:jobs)")
        connection.execute(query, {"jobs": [str(job) for job in jobs]})
