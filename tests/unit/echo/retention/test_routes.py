from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.audit import Audit
from brickyard.access.policy import Level, Role
from brickyard.echo.retention.routes import router
from brickyard.echo.retention.service import Retention
from brickyard.files.recordings import RecordingFiles
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.retention.archive import ADA, add_people, add_recording

OWNER = as_(Role.ANALYST, Level.OWN)
READER = as_(Role.ANALYST, Level.VIEW)
AUDITOR, ADMINISTRATOR = as_(Role.AUDITOR), as_(Role.ADMINISTRATOR)


@pytest.fixture
def retention(engine: sa.Engine, tmp_path: Path) -> Retention:
    add_people(engine)
    return Retention(engine, RecordingFiles(tmp_path / "files", 10**7), Audit(engine, b"k" * 32))


@pytest.fixture
def client(retention: Retention) -> TestClient:
    return client_of(router(retention))


@pytest.fixture
def recording(engine: sa.Engine) -> UUID:
    return add_recording(engine)


def put(client: TestClient, path: str, body: Any, headers: dict[str, str]) -> Any:
    return client.put(f"/api/v1/recordings/{path}", json=body, headers=headers)


def test_an_owner_says_how_long_it_stays(client: TestClient, recording: UUID) -> None:
    kept = put(client, f"{recording}/retention", {"days": 7}, OWNER).json()
    assert (kept["days"], kept["because"], kept["hold"]) == (7, "its own days", None)
    seen = client.get(f"/api/v1/recordings/{recording}/retention", headers=READER).json()
    assert seen == kept
    kept = put(client, f"{recording}/retention", {"days": None}, ADMINISTRATOR).json()
    assert (kept["days"], kept["expires_at"], kept["because"]) == (None, None, "nothing says when")


@pytest.mark.parametrize("body", [{}, {"days": 0}, {"days": -1}, {"days": 36501}, {"days": "soon"}])
def test_days_are_a_number_from_one_on(client: TestClient, recording: UUID, body: Any) -> None:
    assert put(client, f"{recording}/retention", body, OWNER).status_code == 422


def test_auditors_hold_and_release(client: TestClient, recording: UUID, retention: Retention) -> None:
    kept = put(client, f"{recording}/hold", {"reason": "  case 12 "}, AUDITOR).json()
    assert (kept["hold"]["by"], kept["hold"]["reason"], kept["because"]) == ("auditor", "case 12", "legal hold")
    assert client.delete(f"/api/v1/recordings/{recording}/hold", headers=AUDITOR).status_code == 204
    assert retention.kept(recording).hold is None
    for reason in ("", "  ", "x" * 201):
        assert put(client, f"{recording}/hold", {"reason": reason}, AUDITOR).status_code == 422


def test_an_owner_can_neither_hold_nor_release(client: TestClient, recording: UUID) -> None:
    assert put(client, f"{recording}/hold", {"reason": "mine"}, OWNER).status_code == 403
    assert client.delete(f"/api/v1/recordings/{recording}/hold", headers=OWNER).status_code == 403
    assert put(client, f"{recording}/retention", {"days": 1}, READER).status_code == 403


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    nothing = uuid4()
    assert client.get(f"/api/v1/recordings/{nothing}/retention", headers=AUDITOR).status_code == 404
    assert put(client, f"{nothing}/retention", {"days": 7}, OWNER).status_code == 404
    assert put(client, f"{nothing}/hold", {"reason": "case"}, AUDITOR).status_code == 404
    assert client.delete(f"/api/v1/recordings/{nothing}/hold", headers=AUDITOR).status_code == 404


def test_deletions_are_reported_page_by_page(client: TestClient, retention: Retention, engine: sa.Engine) -> None:
    gone = [add_recording(engine) for _ in range(3)]
    for each in gone:
        retention.erase(each, ADA, "asked for")
    page = client.get("/api/v1/deletions?limit=2", headers=AUDITOR).json()
    assert [one["recording"] for one in page] == [str(gone[2]), str(gone[1])]
    rest = client.get("/api/v1/deletions", params={"before": page[-1]["deleted_at"]}, headers=ADMINISTRATOR).json()
    assert [one["recording"] for one in rest] == [str(gone[0])]
    kept_until = datetime.fromisoformat(rest[0]["backups_until"]) - datetime.fromisoformat(rest[0]["deleted_at"])
    assert kept_until == timedelta(days=30)
    assert client.get("/api/v1/deletions", headers=OWNER).status_code == 403


def test_an_administrator_says_how_long_the_platform_keeps_recordings(
    client: TestClient, engine: sa.Engine, recording: UUID
) -> None:
    address = "/api/v1/admin/retention"
    assert client.get(address, headers=OWNER).status_code == 403
    assert client.put(address, json={"days": 90}, headers=AUDITOR).status_code == 403
    for days in (0, 36501, "soon"):
        assert client.put(address, json={"days": days}, headers=ADMINISTRATOR).status_code == 422
    told = client.put(address, json={"days": 90}, headers=ADMINISTRATOR).json()
    assert (told["days"], told["settings_days"], told["changed_by"]) == (90, None, "administrator")
    assert client.get(address, headers=AUDITOR).json() == told
    kept = client.get(f"/api/v1/recordings/{recording}/retention", headers=READER).json()
    assert (kept["platform_days"], kept["because"]) == (90, "the platform's days")
    told = client.put(address, json={"days": None}, headers=ADMINISTRATOR).json()
    assert told == {"days": None, "settings_days": None, "changed_at": None, "changed_by": None}


def test_one_sees_what_fewer_days_would_delete(client: TestClient, engine: sa.Engine, recording: UUID) -> None:
    add_recording(engine, datetime.now(UTC) - timedelta(days=10))
    address = "/api/v1/admin/retention/overdue"
    for days, expected in ((5, 1), (20, 0)):
        told = client.get(address, params={"days": days}, headers=ADMINISTRATOR).json()
        assert told == {"recordings": expected}
    assert client.get(address, headers=ADMINISTRATOR).json() == {"recordings": 0}
