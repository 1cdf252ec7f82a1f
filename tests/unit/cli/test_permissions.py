"""Every route, as every role, on own, shared and foreign recordings: the answers are those of docs/permissions.md."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.access.policy import Action, Role
from brickyard.cli import permissions
from brickyard.echo.identity import CSRF_HEADER
from tests.unit.cli.world import World

DOCUMENT = Path(__file__).parents[3] / "docs" / "permissions.md"
RELATIONS = ("own", "edit", "comment", "view", "team", "foreign")
SEES_ALL = {Role.ADMINISTRATOR, Role.AUDITOR}


def rows(title: str) -> list[list[str]]:
    """The cells of a table in the document."""
    text = DOCUMENT.read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def table() -> dict[str, dict[Role, str]]:
    return {cells[0]: dict(zip(Role, cells[1:5], strict=True)) for cells in rows("Actions")}


def routes(world: World) -> list[tuple[str, str, Action]]:
    """Without HEAD, which is answered as GET is, but without words to tell one refusal from another."""
    return [
        (method, path, action)
        for method, path, action, _ in permissions.routes(world.app)
        if action and method != "HEAD"
    ]


def expected(cell: str, role: Role, relation: str | None) -> str:
    if cell == permissions.EVERY:
        return "allowed"
    if relation is None:
        return "refused"
    level = "edit" if relation == "team" else relation
    if level in cell.split(", "):
        return "allowed"
    return "hidden" if relation == "foreign" and role not in SEES_ALL else "refused"


def test_the_document_is_what_the_command_prints(world: World) -> None:
    assert DOCUMENT.read_text() == permissions.tables(world.app)


def test_every_route_says_who_may_ask(world: World) -> None:
    for method, path, action, is_open in permissions.routes(world.app):
        if action is None and not is_open:
            assert path in FREE or world.ask(method, path, {}) == "anonymous", (method, path)
        assert not (action and is_open), path


FREE = {"/", "/health", "/languages", "/frontend/settings", "/suggest", "/download_file/{name}", "/api/version"}
"""What dialects tell everybody: that they are there, which languages; and a file to whoever knows its random name."""
FREE |= {"/translate", "/detect", "/translate_file"}
"""Those that read the body first, since the key may be in it; tests of that dialect ask them with one and without."""


def test_nobody_passes_without_signing_in(world: World) -> None:
    recording = world.recording("nobody", "foreign", world.user(Role.ANALYST))
    job = world.job(recording, "local")
    for method, path, _ in routes(world):
        assert world.ask(method, path, {}, recording=recording, job=job) == "anonymous", (method, path)


@pytest.mark.parametrize("role", Role)
def test_every_route_answers_each_role_as_the_document_says(world: World, role: Role) -> None:
    other, told = world.user(Role.ANALYST), table()
    wrong: list[Any] = []
    for method, path, action in routes(world):
        is_about_one = "{recording}" in path or "{job}" in path
        for relation in RELATIONS if is_about_one else (None,):
            user = world.user(role)
            ids = {}
            if relation is not None:
                recording = world.recording(user, relation, other)
                ids = {"recording": recording, "job": world.job(recording, user if relation == "own" else other)}
            seen = world.ask(method, path, world.session(user), **ids)
            if seen != expected(told[action][role], role, relation):
                wrong.append((method, path, action, relation, seen, told[action][role]))
    assert wrong == []


def test_a_key_opens_what_its_scopes_and_its_owner_may(world: World) -> None:
    user = world.user(*Role)
    scopes = {cells[0]: cells[5] for cells in rows("Actions")}
    for scope in Scope:
        secret, _ = keys.create(world.engine, NewKey("k", user, scopes=[scope]))
        recording = world.recording(user, "own", user)
        ids = {"recording": recording, "job": world.job(recording, user)}
        for method, path, action in routes(world):
            if method == "DELETE" and action is Action.RECORDING_DELETE:
                continue  # the one that the others are asked about
            seen = world.ask(method, path, {"authorization": f"Bearer {secret}"}, **ids)
            if scopes[action] != scope:
                assert seen == "refused", (scope, method, path, action)
            else:
                assert seen == "allowed", (scope, method, path, action)


def test_a_disabled_user_and_a_key_of_one_are_out(world: World) -> None:
    user = world.user(Role.ANALYST)
    headers = world.session(user)
    secret, _ = keys.create(world.engine, NewKey("k", user, scopes=[Scope.RECORDINGS]))
    assert world.ask("GET", "/api/v1/recordings", headers) == "allowed"
    with world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE users SET disabled_at = now() WHERE id = :id"), {"id": user})
    assert world.ask("GET", "/api/v1/recordings", headers) == "anonymous"
    assert world.ask("GET", "/api/v1/recordings", {"authorization": f"Bearer {secret}"}) == "anonymous"


@pytest.mark.parametrize(("method", "roles"), list(product(["POST", "PUT", "PATCH", "DELETE"], [tuple(Role)])))
def test_what_changes_something_needs_the_pages_own_token(world: World, method: str, roles: tuple[Role, ...]) -> None:
    user = world.user(*roles)
    for verb, path, _ in routes(world):
        if verb == method:
            headers = world.session(user)
            headers.pop(CSRF_HEADER)
            recording = world.recording(user, "own", user)
            assert world.ask(verb, path, headers, recording=recording, job=world.job(recording, user)) == "refused", (
                path
            )
