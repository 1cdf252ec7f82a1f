from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from brickyard.access.audit import Audit
from brickyard.access.master import MasterKey
from brickyard.access.policy import Level, Role
from brickyard.echo.evidence.routes import router
from brickyard.echo.evidence.service import Evidence
from brickyard.echo.evidence.verify import verify
from tests.unit.echo.door import as_, client_of
from tests.unit.echo.evidence.packs import members_of
from tests.unit.echo.retention.archive import MARKER, add_job, add_people, add_recording, fill


@pytest.fixture
def evidence(engine: sa.Engine) -> Evidence:
    add_people(engine)
    return Evidence(engine, Audit(engine, b"k" * 32), MasterKey([b"m" * 32]))


@pytest.fixture
def client(evidence: Evidence) -> TestClient:
    return client_of(router(evidence))


@pytest.fixture
def recording(evidence: Evidence, engine: sa.Engine, tmp_path: Path) -> UUID:
    added = add_recording(engine)
    fill(engine, tmp_path, added, add_job(engine, added))
    return added


def test_the_owner_fetches_a_pack_that_verifies(client: TestClient, recording: UUID) -> None:
    answer = client.get(f"/api/v1/recordings/{recording}/evidence", headers=as_(Role.ANALYST, Level.OWN))
    assert answer.headers["content-type"] == "application/zip"
    assert f'filename="evidence-{recording}.zip"' in answer.headers["content-disposition"]
    published = client.get("/api/v1/evidence/key", headers=as_(Role.AUDITOR)).json()
    verdict = verify(answer.content, published["fingerprint"])
    assert verdict.is_good
    assert verdict.manifest.recording.id == recording
    parts = members_of(answer.content)
    assert MARKER in parts["transcript.json"].decode()
    assert json.loads(parts["models.json"])["models"]
    assert json.loads(parts["packages.json"])["packages"]


def test_who_does_not_see_the_recording_gets_no_pack(client: TestClient, recording: UUID) -> None:
    path = f"/api/v1/recordings/{recording}/evidence"
    assert client.get(path, headers=as_(Role.ANALYST)).status_code == 404
    assert client.get(path, headers=as_(Role.ANALYST, Level.EDIT)).status_code == 403
    assert client.get(path, headers=as_(Role.ADMINISTRATOR)).status_code == 403
    nothing = f"/api/v1/recordings/{uuid4()}/evidence"
    assert client.get(nothing, headers=as_(Role.ANALYST, Level.OWN)).status_code == 404


def test_the_key_stays_the_same(client: TestClient, engine: sa.Engine, evidence: Evidence) -> None:
    other_process = Evidence(engine, evidence.audit, evidence.master)
    assert client.get("/api/v1/evidence/key").json() == other_process.public_key().model_dump()
    with engine.connect() as connection:
        kept = bytes(connection.execute(sa.text("SELECT sealed FROM secrets")).scalar_one())
    assert bytes.fromhex(evidence.public_key().public_key) not in kept
