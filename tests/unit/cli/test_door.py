"""The door of the app: who passes, what is recorded, and what it does with a session's token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.audit import Audit, Entry, Filter
from brickyard.access.keys import NewKey, Scope
from brickyard.access.policy import Role
from brickyard.access.sessions import ROTATE_AFTER
from brickyard.echo.identity import COOKIE, CSRF_HEADER
from brickyard.kit.errors import Unavailable
from tests.unit.cli.world import World

API = "/api/v1"


def lines(world: World, **wanted: str) -> list[tuple[str, str, str]]:
    """Action, outcome and object of what was recorded, oldest first."""
    found = world.app.state.guard.audit.page(Filter(**wanted), 500)
    return [(line.action, line.outcome, line.object_id) for line in reversed(found)]


def test_what_is_done_and_what_is_refused_is_recorded_with_who_and_what(world: World) -> None:
    owner, stranger = world.user(Role.ANALYST), world.user(Role.ANALYST)
    recording = world.recording(owner, "own", owner)
    path = f"{API}/recordings/{recording}/transcript"
    world.client.get(path, headers=world.session(owner))
    world.client.get(path, headers=world.session(stranger))
    about = str(recording)
    assert lines(world, actor=owner) == [("recording.content", "allowed", about)]
    assert lines(world, actor=stranger) == [("recording.content", "refused", about)]


def test_lists_and_progress_are_not_recorded_and_a_player_is_so_once(world: World) -> None:
    owner = world.user(Role.ANALYST)
    recording = world.recording(owner, "own", owner)
    headers = world.session(owner)
    world.client.get(f"{API}/recordings", headers=headers)
    world.client.get(f"{API}/jobs", headers=headers)
    for _ in range(5):
        world.client.get(f"{API}/recordings/{recording}/media", headers=headers)
    assert lines(world, actor=owner) == [("recording.content", "allowed", str(recording))]
    world.client.get(f"{API}/recordings/{recording}/media", headers=world.session(owner))
    assert len(lines(world, actor=owner)) == 2, "another session is another access"


def test_what_cannot_be_recorded_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = world.user(Role.ANALYST)
    recording = world.recording(owner, "own", owner)

    def full(self: Audit, entry: Entry, connection: sa.Connection | None = None) -> int:
        raise Unavailable("The audit log can't be written.")

    monkeypatch.setattr(Audit, "append", full)
    answer = world.client.delete(f"{API}/recordings/{recording}", headers=world.session(owner))
    assert answer.status_code == 503
    monkeypatch.undo()
    assert world.client.get(f"{API}/recordings/{recording}", headers=world.session(owner)).status_code == 200


def move_back(world: World, column: str, by: timedelta) -> None:
    """As if sessions were older than they are."""
    with world.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE sessions SET {column} = {column} - :by"), {"by": by})


def ask(world: World, token: str) -> Any:
    return world.client.get(f"{API}/recordings", headers={"cookie": f"{COOKIE}={token}", "user-agent": ""})


def test_a_session_gets_a_new_token_now_and_then_and_an_old_one_shown_later_ends_it(world: World) -> None:
    user = world.user(Role.ANALYST)
    first = world.session(user)["cookie"].split("=", 1)[1]
    assert "set-cookie" not in ask(world, first).headers
    move_back(world, "rotated_at", ROTATE_AFTER)
    cookie = ask(world, first).headers["set-cookie"]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    second = cookie.split("=", 1)[1].split(";")[0]
    assert ask(world, second).status_code == 200
    assert ask(world, first).status_code == 200, "a request that was on its way"
    move_back(world, "rotated_at", timedelta(minutes=5))
    stolen = ask(world, first)
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (401, "session_stolen")
    assert ask(world, second).status_code == 401, "nobody can tell who is the thief"
    assert [line[:2] for line in lines(world, actor=user)] == [("session.stolen", "refused")]


def test_an_expired_session_and_one_nobody_used_for_long_are_void(world: World) -> None:
    for column in ("expires_at", "seen_at"):
        token = world.session(world.user(Role.ANALYST))["cookie"].split("=", 1)[1]
        assert ask(world, token).status_code == 200
        move_back(world, column, timedelta(hours=13))
        assert ask(world, token).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer by_unknown"},
        {"authorization": "Bearer something-else"},
        {"x-api-key": "by_"},
        {"cookie": f"{COOKIE}=made-up"},
    ],
)
def test_what_is_not_known_opens_nothing(world: World, headers: dict[str, str]) -> None:
    answer = world.client.get(f"{API}/recordings", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_token_of_one_session_is_no_good_for_another(world: World) -> None:
    user = world.user(Role.ANALYST)
    mine, other = world.session(user), world.session(user)
    answer = world.client.post(f"{API}/me/keys", headers={**mine, CSRF_HEADER: other[CSRF_HEADER]}, json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_a_key_without_an_account_opens_the_shared_apis_alone(world: World) -> None:
    secret, _ = keys.create(world.engine, NewKey("old", "somebody", scopes=list(Scope)))
    answer = world.client.get(f"{API}/recordings", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
    assert "no account" in answer.json()["error"]["message"]


def test_a_key_that_used_up_its_bytes_is_told_when_there_is_more(world: World) -> None:
    user = world.user(Role.ANALYST)
    secret, key = keys.create(world.engine, NewKey("k", user, scopes=[Scope.RECORDINGS], bytes_per_day=1000))
    headers = {"authorization": f"Bearer {secret}"}
    assert world.client.get(f"{API}/recordings", headers=headers).status_code == 200
    world.app.state.guard.turnstile.meter(key.id, "recordings", "", bytes=1000)
    answer = world.client.get(f"{API}/recordings", headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_every_answer_tells_browsers_to_be_careful(world: World) -> None:
    for path in ("/", f"{API}/recordings", "/nothing", "/health"):
        headers = world.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert world.client.get(f"{API}/recordings").headers["cache-control"] == "no-store"


def test_the_platform_answers_under_its_own_names_only(world: World) -> None:
    assert world.client.get("/health", headers={"host": "evil.example"}).status_code == 400


def test_no_request_but_an_upload_may_be_large(world: World) -> None:
    large = b"x" * (5 << 20)
    for path in (f"{API}/session", f"{API}/recordings/{uuid4()}/chat"):
        assert world.client.post(path, content=large).status_code == 413
