from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.audit import Audit, Filter
from brickyard.access.policy import Level, Role
from brickyard.echo.shelves.routes import router
from brickyard.echo.shelves.service import Shelves
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.retention.archive import add_recording

ANNE = as_(Role.ANALYST, Level.EDIT)
DAN = as_(Role.DATA_SCIENTIST, Level.VIEW)


@pytest.fixture
def shelves(engine: sa.Engine) -> Shelves:
    with engine.begin() as connection:
        for name in ("analyst", "data_scientist"):
            connection.execute(sa.text("INSERT INTO users (id, name) VALUES (:name, :name)"), {"name": name})
    return Shelves(engine, Audit(engine, b"k" * 32))


@pytest.fixture
def client(shelves: Shelves) -> TestClient:
    return client_of(router(shelves))


def own(engine: sa.Engine) -> UUID:
    recording = add_recording(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE recordings SET owner = 'analyst' WHERE id = :id"), {"id": recording})
    return recording


def ask(client: TestClient, method: str, path: str, body: Any = None, who: dict[str, str] = ANNE) -> Any:
    return client.request(method, f"/api/v1{path}", json=body, headers=who)


def make(client: TestClient, name: str, parent: str | None = None, who: dict[str, str] = ANNE) -> str:
    answer = ask(client, "POST", "/folders", {"name": name, "parent": parent}, who)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def tree(client: TestClient, who: dict[str, str] = ANNE) -> list[tuple[str, str | None, int]]:
    found = ask(client, "GET", "/folders", who=who).json()
    names = {one["id"]: one["name"] for one in found}
    return [(one["name"], names.get(one["parent"]), one["recordings"]) for one in found]


def test_tags_replace_those_before_and_are_counted(client: TestClient, engine: sa.Engine) -> None:
    first, second = own(engine), own(engine)
    tags = ask(client, "PUT", f"/recordings/{first}/tags", {"tags": [" Zoo ", "budget", "BUDGET"]}).json()
    assert tags == {"tags": ["budget", "Zoo"]}
    ask(client, "PUT", f"/recordings/{second}/tags", {"tags": ["Budget"]})
    assert ask(client, "GET", f"/recordings/{first}/tags", who=DAN).json() == tags
    counted = ask(client, "GET", "/tags").json()
    assert [(one["tag"].lower(), one["recordings"]) for one in counted] == [("budget", 2), ("zoo", 1)]
    ask(client, "PUT", f"/recordings/{second}/tags", {"tags": []})
    assert [one["recordings"] for one in ask(client, "GET", "/tags").json()] == [1, 1]
    assert ask(client, "GET", "/tags", who=DAN).json() == []


@pytest.mark.parametrize("tags", [[""], ["x" * 61], ["a\nb"], ["\0"], [str(n) for n in range(31)]])
def test_what_is_no_tag_is_refused(client: TestClient, engine: sa.Engine, tags: list[str]) -> None:
    assert ask(client, "PUT", f"/recordings/{own(engine)}/tags", {"tags": tags}).status_code == 422


def test_who_only_sees_a_recording_does_not_tag_it(client: TestClient, engine: sa.Engine) -> None:
    assert ask(client, "PUT", f"/recordings/{own(engine)}/tags", {"tags": []}, DAN).status_code == 403


def test_a_recording_is_in_one_folder_at_a_time_for_each_person(client: TestClient, engine: sa.Engine) -> None:
    recording, work, home = own(engine), make(client, "Work"), make(client, "home")
    path = f"/recordings/{recording}/folder"
    assert ask(client, "GET", path).json() == {"folder": None}
    for folder in (work, home):
        assert ask(client, "PUT", path, {"folder": folder}).status_code == 204
    assert ask(client, "GET", path).json() == {"folder": home}
    assert ask(client, "GET", path, who=DAN).json() == {"folder": None}
    assert tree(client) == [("home", None, 1), ("Work", None, 0)]
    assert tree(client, DAN) == []
    ask(client, "PUT", path, {"folder": None})
    assert tree(client) == [("home", None, 0), ("Work", None, 0)]


def test_a_folder_of_somebody_else_is_not_there(client: TestClient, engine: sa.Engine) -> None:
    folder, recording = make(client, "mine"), own(engine)
    assert ask(client, "PUT", f"/recordings/{recording}/folder", {"folder": folder}, DAN).status_code == 404
    assert ask(client, "PUT", f"/folders/{folder}", {"name": "x"}, DAN).status_code == 404
    assert ask(client, "DELETE", f"/folders/{folder}", who=DAN).status_code == 404
    assert ask(client, "POST", "/folders", {"name": "x", "parent": folder}, DAN).status_code == 404
    assert tree(client) == [("mine", None, 0)]


def test_renamed_and_moved_but_never_into_itself(client: TestClient) -> None:
    top = make(client, "top")
    inner = make(client, "inner", top)
    assert ask(client, "PUT", f"/folders/{top}", {"name": "top", "parent": inner}).status_code == 400
    assert ask(client, "PUT", f"/folders/{top}", {"name": "top", "parent": top}).status_code == 400
    assert ask(client, "PUT", f"/folders/{inner}", {"name": "apart", "parent": None}).status_code == 204
    assert tree(client) == [("apart", None, 0), ("top", None, 0)]


def test_folders_lie_eight_deep_at_most(client: TestClient) -> None:
    parent = None
    for depth in range(8):
        parent = make(client, f"f{depth}", parent)
    assert ask(client, "POST", "/folders", {"name": "deeper", "parent": parent}).status_code == 400


def test_what_lay_in_a_deleted_folder_moves_up_and_recordings_stay(client: TestClient, engine: sa.Engine) -> None:
    top = make(client, "top")
    middle = make(client, "middle", top)
    make(client, "inner", middle)
    recording = own(engine)
    ask(client, "PUT", f"/recordings/{recording}/folder", {"folder": middle})
    assert ask(client, "DELETE", f"/folders/{middle}").status_code == 204
    assert tree(client) == [("inner", "top", 0), ("top", None, 1)]
    assert ask(client, "DELETE", f"/folders/{top}").status_code == 204
    assert tree(client) == [("inner", None, 0)]
    assert ask(client, "GET", f"/recordings/{recording}/folder").json() == {"folder": None}
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM recordings")).scalar() == 1


def test_changes_are_in_the_audit_log(client: TestClient, shelves: Shelves, engine: sa.Engine) -> None:
    recording, folder = own(engine), make(client, "x")
    ask(client, "PUT", f"/folders/{folder}", {"name": "y"})
    ask(client, "PUT", f"/recordings/{recording}/folder", {"folder": folder})
    ask(client, "PUT", f"/recordings/{recording}/tags", {"tags": ["t"]})
    ask(client, "DELETE", f"/folders/{folder}")
    told = [line.action for line in shelves.audit.page(Filter(), 10)]
    assert told[::-1] == ["folder.made", "folder.changed", "recording.filed", "recording.tagged", "folder.deleted"]


def test_a_recording_that_is_gone_has_no_place(client: TestClient) -> None:
    gone = uuid4()
    assert ask(client, "PUT", f"/recordings/{gone}/folder", {"folder": make(client, "x")}).status_code == 204
    assert tree(client) == [("x", None, 0)]
    assert ask(client, "PUT", f"/recordings/{gone}/tags", {"tags": ["t"]}).json() == {"tags": []}
