"""Teams, and who belongs to them: because an administrator said so here, or because a provider's groups say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import sqlalchemy as sa

from brickyard.access.groups import plain
from brickyard.kit.errors import BadInput, Conflict, NotFound

LOCAL = "local"
NAME_LENGTH = 100

SELECT = """
    SELECT id, name, retention_days,
           (SELECT count(DISTINCT user_id) FROM members WHERE team = teams.id) AS members FROM teams"""


@dataclass(frozen=True, slots=True)
class Team:
    """`retention_days`: after so long its recordings are deleted; None: as the platform says. `members`: how many."""

    id: UUID
    name: str
    retention_days: int | None
    members: int


@dataclass(frozen=True, slots=True)
class Member:
    """`sources`: `local`, and providers whose groups say that this person belongs to the team."""

    user_id: str
    name: str
    display_name: str
    sources: tuple[str, ...]


class Teams:
    """What changes something does so in the given transaction, or in one of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def teams(self) -> list[Team]:
        with self.engine.connect() as connection:
            return [Team(**row._mapping) for row in connection.execute(sa.text(f"{SELECT} ORDER BY lower(name)"))]

    def team(self, team: UUID, connection: sa.Connection | None = None) -> Team:
        """Raises NotFound."""
        with self._reading(connection) as own:
            row = own.execute(sa.text(f"{SELECT} WHERE id = :id"), {"id": team}).one_or_none()
        if row is None:
            raise NotFound(f"There is no team {team}.")
        return Team(**row._mapping)

    def find_teams(self, prefix: str, limit: int) -> list[Team]:
        """Those whose name, or a word of it, begins so."""
        query = sa.text(
            rf"{SELECT} WHERE lower(name) LIKE :begin OR lower(name) LIKE :word ORDER BY lower(name) LIMIT :n"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, {**patterns(prefix), "n": limit})
            return [Team(**row._mapping) for row in rows]

    def add_team(self, name: str, retention_days: int | None = None, connection: sa.Connection | None = None) -> Team:
        """Raises BadInput, and Conflict where the name is taken."""
        query = sa.text("""
            INSERT INTO teams (id, name, retention_days) VALUES (:id, :name, :days)
            ON CONFLICT (lower(name)) DO NOTHING RETURNING id""")
        team, cleaned = uuid4(), _team_name(name)
        with self._writing(connection) as own:
            if own.execute(query, {"id": team, "name": cleaned, "days": retention_days}).one_or_none() is None:
                raise Conflict(f"There is a team {cleaned} already.")
            return self.team(team, own)

    def change_team(
        self, team: UUID, name: str, retention_days: int | None, connection: sa.Connection | None = None
    ) -> tuple[Team, Team]:
        """The team before and after. Raises NotFound, BadInput, and Conflict where the name is taken."""
        taken = sa.text("SELECT FROM teams WHERE lower(name) = lower(:name) AND id <> :id")
        query = sa.text("UPDATE teams SET name = :name, retention_days = :days WHERE id = :id")
        values = {"id": team, "name": _team_name(name), "days": retention_days}
        with self._writing(connection) as own:
            own.execute(sa.text("LOCK TABLE teams IN SHARE ROW EXCLUSIVE MODE"))
            before = self.team(team, own)
            if own.execute(taken, values).one_or_none() is not None:
                raise Conflict(f"There is a team {values['name']} already.")
            own.execute(query, values)
            return before, self.team(team, own)

    def remove_team(self, team: UUID, connection: sa.Connection | None = None) -> Team:
        """Its recordings stay with their owners; what was shared with it is no longer. Raises NotFound."""
        with self._writing(connection) as own:
            removed = self.team(team, own)
            own.execute(sa.text("DELETE FROM teams WHERE id = :id"), {"id": team})
        return removed

    def set_member(
        self, team: UUID, user: str, is_member: bool, source: str = LOCAL, connection: sa.Connection | None = None
    ) -> bool:
        """Whether that changed anything. What another source says stays. Raises NotFound."""
        add = sa.text("""
            INSERT INTO members (team, user_id, source) SELECT :team, id, :source FROM users WHERE id = :user
            ON CONFLICT DO NOTHING""")
        remove = sa.text("DELETE FROM members WHERE team = :team AND user_id = :user AND source = :source")
        values = {"team": team, "user": user, "source": source}
        with self._writing(connection) as own:
            if own.execute(sa.text("SELECT id FROM teams WHERE id = :team FOR SHARE"), values).one_or_none() is None:
                raise NotFound(f"There is no team {team}.")
            if own.execute(sa.text("SELECT id FROM users WHERE id = :user"), values).one_or_none() is None:
                raise NotFound(f"There is no user {user}.")
            return own.execute(add if is_member else remove, values).rowcount > 0

    def teams_of(self, user: str) -> list[Team]:
        query = sa.text(f"{SELECT} WHERE id IN (SELECT team FROM members WHERE user_id = :user) ORDER BY lower(name)")
        with self.engine.connect() as connection:
            return [Team(**row._mapping) for row in connection.execute(query, {"user": user})]

    def teams_by_user(self) -> dict[str, list[Team]]:
        query = sa.text("SELECT DISTINCT user_id, team FROM members")
        with self.engine.connect() as connection:
            pairs = {(row.user_id, row.team) for row in connection.execute(query)}
        found: dict[str, list[Team]] = {}
        for team in self.teams():
            for user in (user for user, own in pairs if own == team.id):
                found.setdefault(user, []).append(team)
        return found

    def members(self, team: UUID) -> list[Member]:
        """Raises NotFound."""
        query = sa.text("""
            SELECT user_id, name, display_name, array_agg(source ORDER BY source) AS sources
            FROM members JOIN users ON users.id = user_id WHERE team = :team
            GROUP BY user_id, name, display_name ORDER BY lower(name)""")
        with self.engine.connect() as connection:
            self.team(team, connection)
            rows = connection.execute(query, {"team": team})
            return [Member(**{**row._mapping, "sources": tuple(row.sources)}) for row in rows]

    def _set_teams_of(self, connection: sa.Connection, user: str, names: Iterable[str], source: str) -> None:
        """What one source says of a user's teams, and nothing that others say. Teams that are missing are made."""
        wanted = sorted({_team_name(name) for name in names}, key=str.lower)
        connection.execute(
            sa.text("""
                DELETE FROM members USING teams WHERE teams.id = team AND user_id = :user AND source = :source
                AND NOT (lower(name) = ANY (SELECT lower(one) FROM unnest(CAST(:names AS text[])) AS one))"""),
            {"user": user, "source": source, "names": wanted},
        )
        for name in wanted:
            connection.execute(
                sa.text("INSERT INTO teams (id, name) VALUES (:id, :name) ON CONFLICT (lower(name)) DO NOTHING"),
                {"id": uuid4(), "name": name},
            )
            connection.execute(
                sa.text("""
                    INSERT INTO members (team, user_id, source)
                    SELECT id, :user, :source FROM teams WHERE lower(name) = lower(:name) ON CONFLICT DO NOTHING"""),
                {"user": user, "source": source, "name": name},
            )

    @contextmanager
    def _writing(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self.engine.begin() as own:
            yield own

    @contextmanager
    def _reading(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self.engine.connect() as own:
            yield own


def patterns(prefix: str) -> dict[str, str]:
    """For LIKE: of a text that begins with `prefix`, and of one in which a later word does. Its signs mean nothing."""
    escaped = prefix.lower()
    for sign in ("\\", "%", "_"):
        escaped = escaped.replace(sign, "\\" + sign)
    return {"begin": f"{escaped}%", "word": f"% {escaped}%"}


def _team_name(name: str) -> str:
    cleaned = plain(name)
    if not 1 <= len(cleaned) <= NAME_LENGTH:
        raise BadInput(f"The name of a team has 1 to {NAME_LENGTH} letters; this one has {len(cleaned)}.")
    return cleaned
