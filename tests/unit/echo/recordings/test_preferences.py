from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.policy import Role
from brickyard.echo.recordings.preferences import router
from tests.unit.echo.door import as_, client_of

PATH = "/api/v1/me/preferences"
ANNE, DAN = as_(Role.ANALYST), as_(Role.DATA_SCIENTIST)


@pytest.fixture
def client(engine: sa.Engine) -> TestClient:
    with engine.begin() as connection:
        for name in ("analyst", "data_scientist"):
            connection.execute(sa.text("INSERT INTO users (id, name) VALUES (:name, :name)"), {"name": name})
    return client_of(router(engine))


def test_everybody_has_their_own(client: TestClient) -> None:
    first = client.get(PATH, headers=ANNE).json()
    assert (first["theme"], first["language"], first["upload"]["diarize"]) == ("system", None, True)
    wanted = {**first, "theme": "dark", "upload": {**first["upload"], "language": "fr", "translate_into": ["en"]}}
    assert client.put(PATH, json=wanted, headers=ANNE).json() == wanted
    assert client.get(PATH, headers=ANNE).json() == wanted
    assert client.get(PATH, headers=DAN).json() == first


def test_what_is_left_out_is_as_in_the_beginning(client: TestClient) -> None:
    client.put(PATH, json={"theme": "dark", "notify": True}, headers=ANNE)
    client.put(PATH, json={"notify": True}, headers=ANNE)
    found = client.get(PATH, headers=ANNE).json()
    assert (found["theme"], found["notify"]) == ("system", True)


@pytest.mark.parametrize(
    "body", [{"theme": "pink"}, {"language": "xx"}, {"upload": {"speakers": 0}}, {"upload": {"summary": "free"}}]
)
def test_what_can_not_be_preferred_is_refused(client: TestClient, body: Any) -> None:
    assert client.put(PATH, json=body, headers=ANNE).status_code == 422


def test_preferences_of_an_older_version_are_no_obstacle(client: TestClient, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("""INSERT INTO preferences VALUES ('analyst', '{"theme": "sepia"}')"""))
    assert client.get(PATH, headers=ANNE).json()["theme"] == "system"
