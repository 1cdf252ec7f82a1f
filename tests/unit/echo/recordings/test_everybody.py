from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.echo.recordings.everybody import AllSort, EverybodysPage, Wanted, page
from brickyard.kit.errors import BadInput
from tests.unit.echo.retention.archive import add_people, add_recording, add_team

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def filled(engine: sa.Engine) -> dict[str, UUID]:
    """Ada's `alpha` and `Beta`, which is a team's, and Bob's `gamma`, the largest and shortest."""
    add_people(engine)
    team = add_team(engine, None)
    found = {"team": team}
    rows = [("alpha", "ada", None, 10, 30.0), ("Beta", "ada", team, 20, 20.0), ("gamma", "bob", None, 30, 10.0)]
    for day, (name, owner, of_team, size, length_s) in enumerate(rows):
        found[name] = add_recording(engine, BEGIN + timedelta(days=day), team=of_team)
        query = "UPDATE recordings SET name = :name, owner = :owner, size_bytes = :size, duration_s = :s WHERE id = :id"
        with engine.begin() as connection:
            values = {"name": name, "owner": owner, "size": size, "s": length_s, "id": found[name]}
            connection.execute(sa.text(query), values)
    return found


def names(engine: sa.Engine, **wanted: Any) -> list[str]:
    return [one.name for one in look(engine, **wanted).items]


def look(engine: sa.Engine, **wanted: Any) -> EverybodysPage:
    return page(engine, Wanted(**wanted), "eve")


def test_filters(engine: sa.Engine, filled: dict[str, UUID]) -> None:
    assert names(engine) == ["gamma", "Beta", "alpha"]
    assert names(engine, text="MM") == ["gamma"]
    assert names(engine, text="bo") == ["gamma"], "the owner is found, too"
    assert names(engine, owner="ada") == ["Beta", "alpha"]
    assert names(engine, team=filled["team"]) == ["Beta"]
    assert names(engine, is_held=True) == []
    with engine.begin() as connection:
        query = sa.text("UPDATE recordings SET held_at = now(), held_by = 'eve', hold_reason = 'x' WHERE name = 'Beta'")
        connection.execute(query)
    assert (names(engine, is_held=True), names(engine, is_held=False)) == (["Beta"], ["gamma", "alpha"])


def test_who_looks_sees_whose_they_are_and_that_they_may_not_open_them(
    engine: sa.Engine, filled: dict[str, UUID]
) -> None:
    [found] = look(engine, text="beta").items
    assert (found.owner, found.owner_id, found.access, found.team) == ("ada", "ada", "none", f"team {filled['team']}")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (AllSort.newest, ["gamma", "Beta", "alpha"]),
        (AllSort.oldest, ["alpha", "Beta", "gamma"]),
        (AllSort.largest, ["gamma", "Beta", "alpha"]),
        (AllSort.longest, ["alpha", "Beta", "gamma"]),
        (AllSort.name, ["alpha", "Beta", "gamma"]),
    ],
)
def test_pages_are_the_whole_in_order(
    engine: sa.Engine, filled: dict[str, UUID], sort: AllSort, expected: list[str]
) -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in expected:
        found = look(engine, sort=sort, limit=1, after=after)
        seen += [one.name for one in found.items]
        after = found.next
    assert (seen, after) == (expected, None)


def test_a_place_of_another_order_is_refused(engine: sa.Engine, filled: dict[str, UUID]) -> None:
    after = look(engine, limit=1).next
    with pytest.raises(BadInput, match="after"):
        look(engine, sort=AllSort.name, after=after)
