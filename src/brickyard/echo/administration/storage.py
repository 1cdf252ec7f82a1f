"""Whose recordings take how much room, and how long they are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from brickyard.echo.administration.schemas import Keeper, Keepers

MOST_NAMES = 200
"""Of people and of teams: those who have most."""

KEPT = """
    SELECT held.id, coalesce(nullif(named.{shown}, ''), named.name) AS name, recordings, bytes, audio_hours
    FROM (SELECT {who} AS id, count(*) AS recordings, sum(size_bytes)::bigint AS bytes,
                 sum(duration_s) / 3600 AS audio_hours
          FROM recordings WHERE {who} IS NOT NULL GROUP BY 1) AS held
    LEFT JOIN {table} AS named ON named.id = held.id
    ORDER BY bytes DESC, held.id LIMIT :most"""

BY_PEOPLE = sa.text(KEPT.format(who="owner", table="users", shown="display_name"))
BY_TEAMS = sa.text(KEPT.format(who="team", table="teams", shown="name"))


def read(engine: sa.Engine) -> Keepers:
    """What is kept now, the largest first."""
    with engine.connect() as connection:
        people, teams = (connection.execute(query, {"most": MOST_NAMES}).all() for query in (BY_PEOPLE, BY_TEAMS))
    return Keepers(people=[_kept(row) for row in people], teams=[_kept(row) for row in teams])


def _kept(row: sa.Row[Any]) -> Keeper:
    told = dict(row._mapping)
    return Keeper(**{**told, "id": str(row.id), "name": row.name or str(row.id)})
