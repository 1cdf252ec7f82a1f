"""Requests that the API's description allows, and some that it does not, as every role: nothing breaks, nothing leaks.

`make fuzz` tries many more.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from schemathesis.generation import GenerationMode

from brickyard.access.policy import Role
from brickyard.echo import derived
from brickyard.echo.search import store as search
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.kit.settings import Settings
from brickyard.text.spoken import Segment
from tests.unit.cli.world import World

SECRET = "xylophone"
INSIDES = ("Traceback", "sqlalchemy", "psycopg", "SELECT ", "$argon2", "/src/brickyard")

pytestmark = pytest.mark.slow


def a_secret(world: World, owner: str) -> UUID:
    """A recording with words that nobody but its owner may ever read."""
    recording = world.recording(owner, "own", owner)
    said = [Segment(start=0.0, end=1.0, speaker=SECRET, text=f"The {SECRET} is hidden.")]
    transcript = Transcript(
        recording=recording,
        job=uuid4(),
        duration=1,
        language="en",
        engines={},
        speakers=[SECRET],
        segments=said,
        turns=[],
    )
    transcripts.put(world.engine, transcript)
    derived.put(world.engine, recording, "summary", "minutes", uuid4(), transcript)
    search.index(world.engine, recording)
    with world.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recordings SET name = :name WHERE id = :id"), {"id": recording, "name": SECRET}
        )
    return recording


def operations(world: World) -> list[Any]:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", world.app, headers={"host": "127.0.0.1"})
    schema.config.generation.update(modes=list(GenerationMode))
    return [found.ok() for found in schema.get_all_operations()]


@dataclass
class Explorer:
    """Somebody who tries things. `seen` counts the statuses of the answers."""

    world: World
    role: Role | None
    recording: UUID
    seen: Counter[int]

    def explore(self, operation: Any, count: int) -> None:
        user = self.world.user(self.role) if self.role else None
        headers = self.world.session(user) if user else {}

        def ask(case: Any) -> None:
            self._ask(case, operation.label, headers)

        wanted = hypothesis.settings(
            max_examples=count,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        wanted(given(case=operation.as_strategy())(ask))()

    def _ask(self, case: Any, label: str, headers: dict[str, str]) -> None:
        if "recording" in case.path_parameters:
            case.path_parameters["recording"] = str(self.recording)
        answer = case.call(base_url=Settings().url, headers=headers, allow_redirects=False)
        self.seen[answer.status_code] += 1
        text = answer.content.decode(errors="replace")
        assert answer.status_code < 500 or _is_away(text), (label, answer.status_code, text[:500])
        assert not [inside for inside in INSIDES if inside in text], label
        assert f"The {SECRET}" not in text, label
        if self.role not in (Role.ADMINISTRATOR, Role.AUDITOR):
            assert SECRET not in text, label


@pytest.mark.parametrize("role", [None, *Role])
def test_no_request_breaks_the_app_or_shows_what_is_not_ones_own(
    world: World, role: Role | None, request: pytest.FixtureRequest
) -> None:
    secret = a_secret(world, world.user(Role.ANALYST))
    explorer = Explorer(world, role, secret, Counter())
    for operation in operations(world):
        explorer.explore(operation, request.config.getoption("--requests"))
    assert explorer.seen.total() > 100
    assert role is None or explorer.seen[200] > 0


def _is_away(text: str) -> bool:
    """Parts that don't run in this test."""
    return json.loads(text)["error"]["code"] in ("unavailable", "busy")


def test_the_secret_is_there_for_its_owner(world: World) -> None:
    owner = world.user(Role.ANALYST)
    recording = a_secret(world, owner)
    answer = world.client.get(f"/api/v1/recordings/{recording}/transcript", headers=world.session(owner))
    assert SECRET in answer.text
    assert SECRET in world.client.get(f"/api/v1/search?q={SECRET}", headers=world.session(owner)).text


def test_the_fuzzed_app_is_described_in_full(world: World) -> None:
    described = {operation.label for operation in operations(world)}
    assert {"POST /api/v1/session", "PUT /api/v1/recordings/{recording}/shares", "GET /api/v1/audit"} <= described
