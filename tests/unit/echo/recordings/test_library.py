from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.policy import Role
from brickyard.echo.recordings.library import Sort, router
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.retention.archive import add_job, add_recording, add_team

ANNE = as_(Role.ANALYST)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

Params = dict[str, Any]


def add(engine: sa.Engine, name: str, number: int, **values: Any) -> UUID:
    recording = add_recording(engine, BEGIN + timedelta(days=number), **values)
    query = sa.text("UPDATE recordings SET owner = 'analyst', name = :name, duration_s = :s WHERE id = :id")
    with engine.begin() as connection:
        connection.execute(query, {"id": recording, "name": name, "s": 10.0 * number})
    return recording


def do(engine: sa.Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


@pytest.fixture
def client(engine: sa.Engine) -> TestClient:
    for name in ("analyst", "bob"):
        do(engine, "INSERT INTO users (id, name, display_name) VALUES (:name, :name, upper(:name))", name=name)
    return client_of(router(engine))


@pytest.fixture
def filled(client: TestClient, engine: sa.Engine) -> dict[str, UUID]:
    """Five that the analyst sees, of which `shared` is Bob's, and one that only Bob sees."""
    found = {name: add(engine, name, number) for number, name in enumerate(("alpha", "Beta", "gamma_1", "shared"), 1)}
    found["team"] = add(engine, "team", 5, team=add_team(engine, None))
    found["hidden"] = add(engine, "hidden", 6)
    do(engine, "UPDATE recordings SET owner = 'bob' WHERE name IN ('shared', 'hidden')")
    do(
        engine,
        "INSERT INTO shares (recording, user_id, level, created_by) VALUES (:id, 'analyst', 1, 'bob')",
        id=found["shared"],
    )
    return found


def names(client: TestClient, **params: Any) -> list[str]:
    answer = client.get("/api/v1/library", params=params, headers=ANNE)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


def test_all_that_one_sees_newest_first(client: TestClient, filled: dict[str, UUID]) -> None:
    assert names(client) == ["team", "shared", "gamma_1", "Beta", "alpha"]
    [shared] = client.get("/api/v1/library", params={"text": "SHARED"}, headers=ANNE).json()["items"]
    assert (shared["owner"], shared["owner_id"], shared["access"]) == ("BOB", "bob", "view")
    assert (shared["tags"], shared["folder"], shared["state"], shared["latest_job"]) == ([], None, None, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"text": "A_"}, ["gamma_1"]),
        ({"text": "%"}, []),
        ({"owner": "me"}, ["team", "gamma_1", "Beta", "alpha"]),
        ({"owner": "bob"}, ["shared"]),
        ({"since": "2026-11-03T00:00:00Z", "until": "2026-11-05T00:00:00Z"}, ["gamma_1", "Beta"]),
        ({"sort": "name"}, ["alpha", "Beta", "gamma_1", "shared", "team"]),
        ({"sort": "shortest", "limit": 2}, ["alpha", "Beta"]),
        ({"has_video": True}, []),
    ],
)
def test_filters(client: TestClient, filled: dict[str, UUID], params: Params, expected: list[str]) -> None:
    assert names(client, **params) == expected


def test_by_tags_folder_team_and_video(client: TestClient, filled: dict[str, UUID], engine: sa.Engine) -> None:
    for name, tag in (("alpha", "Budget"), ("alpha", "zoo"), ("Beta", "budget"), ("hidden", "budget")):
        do(engine, "INSERT INTO tags VALUES (:id, :tag)", id=filled[name], tag=tag)
    folder = UUID(int=5)
    do(engine, "INSERT INTO folders (id, user_id, name) VALUES (:folder, 'analyst', 'f')", folder=folder)
    do(engine, "INSERT INTO filed VALUES ('analyst', :id, :folder)", id=filled["shared"], folder=folder)
    do(engine, "UPDATE recordings SET has_video = true WHERE name = 'Beta'")
    assert names(client, tag="BUDGET") == ["Beta", "alpha"]
    assert names(client, tag=["budget", "Zoo"]) == ["alpha"]
    assert names(client, folder=str(folder)) == ["shared"]
    assert names(client, has_video=True) == ["Beta"]
    with engine.connect() as connection:
        team = connection.execute(sa.text("SELECT team FROM recordings WHERE name = 'team'")).scalar()
    assert names(client, team=str(team)) == ["team"]
    [entry] = client.get("/api/v1/library", params={"text": "alpha"}, headers=ANNE).json()["items"]
    assert entry["tags"] == ["Budget", "zoo"]


def test_by_the_state_of_the_latest_job(client: TestClient, filled: dict[str, UUID], engine: sa.Engine) -> None:
    add_job(engine, filled["alpha"], "failed")
    latest = add_job(engine, filled["alpha"], "succeeded")
    add_job(engine, filled["Beta"], "failed")
    assert names(client, state="failed") == ["Beta"]
    assert names(client, state=["failed", "succeeded"]) == ["Beta", "alpha"]
    [entry] = client.get("/api/v1/library", params={"text": "alpha"}, headers=ANNE).json()["items"]
    assert (entry["latest_job"], entry["state"]) == (str(latest), "succeeded")


def test_a_recording_has_not_failed_because_an_addition_has(
    client: TestClient, filled: dict[str, UUID], engine: sa.Engine
) -> None:
    made = add_job(engine, filled["alpha"], "succeeded")
    added = add_job(engine, filled["alpha"], "running")
    do(engine, "UPDATE jobs SET pipeline = 'additions' WHERE id = :added", added=added)

    def latest() -> tuple[str, str]:
        [entry] = client.get("/api/v1/library", params={"text": "alpha"}, headers=ANNE).json()["items"]
        return entry["latest_job"], entry["state"]

    assert latest() == (str(added), "running")
    do(engine, "UPDATE jobs SET state = 'failed' WHERE id = :added", added=added)
    assert latest() == (str(made), "succeeded")


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_are_the_whole_without_a_gap_also_among_equals(
    client: TestClient, filled: dict[str, UUID], engine: sa.Engine, sort: Sort, limit: int
) -> None:
    do(engine, "UPDATE recordings SET created_at = :at, duration_s = 1 WHERE name IN ('Beta', 'alpha')", at=BEGIN)
    do(engine, "UPDATE recordings SET name = 'ALPHA' WHERE name = 'Beta'")
    whole = names(client, sort=sort)
    seen: list[str] = []
    params: Params = {"sort": sort, "limit": limit}
    while True:
        page = client.get("/api/v1/library", params=params, headers=ANNE).json()
        seen += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        assert len(page["items"]) == limit
        params["after"] = page["next"]
    assert len(seen) == 5
    assert seen == whole


@pytest.mark.parametrize("after", ["x", "é", "W10", "bnVsbA", "WyJuZXdlc3QiLCAieCIsICJ5Il0"])
def test_what_is_no_place_is_refused(client: TestClient, after: str) -> None:
    answer = client.get("/api/v1/library", params={"after": after}, headers=ANNE)
    assert (answer.status_code, "after" in answer.text) == (400, True)


def test_a_place_of_another_sort_is_refused(client: TestClient, filled: dict[str, UUID]) -> None:
    place = client.get("/api/v1/library", params={"limit": 1}, headers=ANNE).json()["next"]
    assert client.get("/api/v1/library", params={"after": place, "sort": "name"}, headers=ANNE).status_code == 400


@pytest.mark.parametrize("params", [{"colour": "red"}, {"limit": 0}, {"limit": 201}, {"state": "odd"}, {"text": "\0"}])
def test_unknown_filters_are_refused(client: TestClient, params: Params) -> None:
    assert client.get("/api/v1/library", params=params, headers=ANNE).status_code == 422


def test_what_others_own_and_what_was_spoken(client: TestClient, filled: dict[str, UUID], engine: sa.Engine) -> None:
    do(engine, "UPDATE recordings SET language = 'fr', speakers = 3 WHERE id = :id", id=filled["Beta"])
    do(engine, "UPDATE recordings SET language = 'fr' WHERE id = :id", id=filled["hidden"])
    assert names(client, owner="others") == ["shared"]
    assert names(client, language="fr") == ["Beta"]
    items = client.get("/api/v1/library", headers=ANNE).json()["items"]
    told = {one["name"]: (one["language"], one["speakers"]) for one in items}
    assert (told["Beta"], told["alpha"]) == (("fr", 3), (None, None))
