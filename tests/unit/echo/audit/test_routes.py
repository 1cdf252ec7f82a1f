from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.audit import Audit, Entry
from brickyard.access.chain import read_line, verify
from brickyard.access.policy import Role
from brickyard.echo.audit.routes import router
from brickyard.echo.audit.schemas import object_of
from tests.unit.echo.door import as_, client_of

KEY = b"k" * 32


@pytest.fixture
def audit(engine: sa.Engine) -> Audit:
    log = Audit(engine, KEY)
    for number in range(5):
        actor = "ada" if number % 2 else "bob"
        log.append(Entry(f"id-{actor}", actor, "session", "10.0.0.7", "recording.content", "recording", f"r{number}"))
    log.append(Entry("id-ada", "ada", "session", "", "user.change", "user", "r1", outcome="refused"))
    return log


@pytest.fixture
def client(audit: Audit) -> TestClient:
    return client_of(router(audit))


def lines(client: TestClient, **query: Any) -> list[int]:
    answer = client.get("/api/v1/audit", params=query, headers=as_(Role.AUDITOR))
    assert answer.status_code == 200, answer.text
    return [line["seq"] for line in answer.json()]


def test_auditors_read_the_newest_lines_first(client: TestClient) -> None:
    assert lines(client) == [6, 5, 4, 3, 2, 1]
    assert lines(client, limit=2) == [6, 5]
    assert lines(client, limit=2, before=5) == [4, 3]


def test_lines_are_chosen_by_what_they_say(client: TestClient) -> None:
    assert lines(client, actor="ada") == lines(client, actor="id-ada") == [6, 4, 2]
    assert lines(client, action="user.change") == lines(client, outcome="refused") == [6]
    assert lines(client, object="r1") == [6, 2]
    assert lines(client, object="recording:r1") == [2]
    assert lines(client, object="recording:") == [5, 4, 3, 2, 1]
    now = datetime.now(UTC)
    later = (now + timedelta(hours=1)).isoformat()
    assert lines(client, **{"from": (now - timedelta(hours=1)).isoformat(), "to": later}) == [6, 5, 4, 3, 2, 1]
    assert lines(client, **{"from": later}) == []


def test_a_line_says_everything(client: TestClient) -> None:
    [line] = client.get("/api/v1/audit?limit=1", headers=as_(Role.AUDITOR)).json()
    assert len(line.pop("hash")) == 64
    assert abs(datetime.fromisoformat(line.pop("at")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert line == {
        "seq": 6, "actor": "id-ada", "actor_name": "ada", "via": "session", "address": "", "action": "user.change",
        "object_kind": "user", "object_id": "r1", "outcome": "refused", "details": {},
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/audit", "/audit/export", "/audit/verification"])
@pytest.mark.parametrize("role", [Role.ANALYST, Role.DATA_SCIENTIST, Role.ADMINISTRATOR])
def test_nobody_else_reads_it(client: TestClient, path: str, role: Role) -> None:
    assert client.get(f"/api/v1{path}", headers=as_(role)).status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "from=yesterday", "from=2026-11-24T12:00:00"])
def test_what_cannot_be_asked_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/v1/audit?{query}", headers=as_(Role.AUDITOR)).status_code == 422


def test_an_export_verifies_without_the_database(client: TestClient) -> None:
    answer = client.get("/api/v1/audit/export", headers=as_(Role.AUDITOR))
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert 'filename="audit.jsonl"' in answer.headers["content-disposition"]
    exported = [read_line(text, number) for number, text in enumerate(answer.text.splitlines(), 1)]
    found = verify(exported, [KEY])
    assert found.is_good
    assert found.lines == 6


def test_verification_names_the_line(client: TestClient, engine: sa.Engine) -> None:
    good = client.get("/api/v1/audit/verification", headers=as_(Role.AUDITOR)).json()
    assert (good["is_good"], good["first"], good["lines"], good["head"]["seq"], good["fault"]) == (True, 1, 6, 6, None)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(sa.text("UPDATE audit SET actor_name = 'nobody' WHERE seq = 3"))
    bad = client.get("/api/v1/audit/verification", headers=as_(Role.AUDITOR)).json()
    assert bad["is_good"] is False
    assert (bad["fault"]["seq"], bad["fault"]["wrong"]) == (3, "changed")
    later = client.get("/api/v1/audit/verification?from=5", headers=as_(Role.AUDITOR)).json()
    assert (later["is_good"], later["first"], later["lines"]) == (True, 5, 2)


def test_what_an_object_may_be() -> None:
    assert object_of(None) == object_of("") == (None, None)
    assert object_of("r1") == (None, "r1")
    assert object_of("user:r1") == ("user", "r1")
    assert object_of("user:") == ("user", None)


def test_an_empty_log_is_told_of(engine: sa.Engine) -> None:
    client = client_of(router(Audit(engine, KEY)))
    assert lines(client) == []
    assert client.get("/api/v1/audit/export", headers=as_(Role.AUDITOR)).text == ""
    found = json.loads(client.get("/api/v1/audit/verification", headers=as_(Role.AUDITOR)).text)
    assert (found["is_good"], found["lines"], found["head"]) == (True, 0, None)
