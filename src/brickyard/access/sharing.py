"""How far people get with a recording: as its owner, in its team, or because it was shared with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from brickyard.access.policy import Level
from brickyard.kit.errors import BadInput, NotFound


@dataclass(frozen=True, slots=True)
class Share:
    """With a user or with a team; `name` is that of either."""

    user: str | None
    team: UUID | None
    name: str
    level: Level
    created_at: datetime


def level_of(connection: sa.Connection, recording: UUID, user: str) -> Level:
    query = sa.text("SELECT max(level) FROM reach WHERE recording = :recording AND user_id = :user")
    return Level(connection.execute(query, {"recording": recording, "user": user}).scalar_one() or 0)


def level_of_job(connection: sa.Connection, job: UUID, user: str) -> Level:
    """A job is one's own where one asked for it, else as near as the recording that it works on."""
    query = sa.text("""
        SELECT owner = :user AS is_own, CAST(params ->> 'recording' AS uuid) AS recording FROM jobs WHERE id = :job""")
    found = connection.execute(query, {"job": job, "user": user}).one_or_none()
    if found is None:
        return Level.NONE
    if found.recording is None:
        return Level.OWN if found.is_own else Level.NONE
    return level_of(connection, found.recording, user)


def shares_of(engine: sa.Engine, recording: UUID) -> list[Share]:
    query = sa.text("""
        SELECT shares.user_id AS user, shares.team, shares.level, shares.created_at,
               coalesce(teams.name, nullif(users.display_name, ''), users.name) AS name
        FROM shares LEFT JOIN users ON users.id = shares.user_id LEFT JOIN teams ON teams.id = shares.team
        WHERE recording = :recording ORDER BY name""")
    with engine.connect() as connection:
        rows = connection.execute(query, {"recording": recording})
        return [Share(**{**row._mapping, "level": Level(row.level)}) for row in rows]


def share(engine: sa.Engine, recording: UUID, by: str, level: Level, *, user: str | None, team: UUID | None) -> None:
    """Anew, or at another level than before. Raises NotFound where there is no such user or team."""
    if (user is None) == (team is None):
        raise BadInput("Share with a user or with a team: name exactly one of them.")
    who = "user_id" if user is not None else "team"
    query = sa.text(f"""
        INSERT INTO shares (recording, user_id, team, level, created_by)
        SELECT :recording, CAST(:user AS text), CAST(:team AS uuid), :level, :by
        WHERE EXISTS (SELECT FROM users WHERE id = :user) OR EXISTS (SELECT FROM teams WHERE id = :team)
        ON CONFLICT (recording, {who}) WHERE {who} IS NOT NULL DO UPDATE SET level = excluded.level
        RETURNING 1""")
    values = {"recording": recording, "user": user, "team": team, "level": int(level), "by": by}
    with engine.begin() as connection:
        if connection.execute(query, values).first() is None:
            raise NotFound(f"There is no {'user' if user is not None else 'team'} {user or team}.")


def unshare(engine: sa.Engine, recording: UUID, *, user: str | None = None, team: UUID | None = None) -> None:
    query = sa.text("DELETE FROM shares WHERE recording = :recording AND (user_id = :user OR team = :team)")
    with engine.begin() as connection:
        connection.execute(query, {"recording": recording, "user": user, "team": team})


def is_member(engine: sa.Engine, team: UUID, user: str) -> bool:
    query = sa.text("SELECT EXISTS (SELECT FROM members WHERE team = :team AND user_id = :user)")
    with engine.connect() as connection:
        return bool(connection.execute(query, {"team": team, "user": user}).scalar_one())


def give_to_team(engine: sa.Engine, recording: UUID, team: UUID | None, by: str) -> None:
    """Members of its team edit a recording, and the team's retention holds for it. None: it belongs to no team.

    Raises NotFound where whoever asks is no member of it.
    """
    if team is not None and not is_member(engine, team, by):
        raise NotFound(f"There is no team {team} of which you are a member.")
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recordings SET team = :team WHERE id = :recording"), {"team": team, "recording": recording}
        )
