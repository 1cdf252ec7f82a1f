"""The whole web application, without any other process, and people who ask it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from brickyard.access.policy import Role
from brickyard.access.sessions import Sessions
from brickyard.echo.identity import COOKIE, CSRF_HEADER, Guard
from brickyard.jobs.job import NewJob
from brickyard.jobs.store import submit

SHARED = {"edit": 3, "comment": 2, "view": 1}
SOMETHING = {"form": "srt", "template": "minutes", "language": "fr", "user": "nobody", "key": str(UUID(int=1))} | {
    name: str(UUID(int=1)) for name in ("session", "team", "comment", "folder")
}


@dataclass
class World:
    """The whole web application on a database of its own, and people in it."""

    app: FastAPI
    engine: sa.Engine
    client: TestClient

    def user(self, *roles: Role) -> str:
        identity = str(uuid4())
        query = sa.text("INSERT INTO users (id, name, roles) VALUES (:id, :id, :roles)")
        with self.engine.begin() as connection:
            connection.execute(query, {"id": identity, "roles": list(roles)})
        return identity

    def session(self, user: str) -> dict[str, str]:
        """Headers of somebody who is signed in."""
        opened = Sessions(self.engine).open(user, "password", "", "")
        guard: Guard = self.app.state.guard
        return {"cookie": f"{COOKIE}={opened.token}", CSRF_HEADER: guard.csrf_of(opened.session), "user-agent": ""}

    def recording(self, user: str, relation: str, other: str) -> UUID:
        identity, team = uuid4(), uuid4()
        values = {"id": identity, "user": user, "team": team, "level": SHARED.get(relation, 0)}
        owner = user if relation == "own" else other
        with self.engine.begin() as connection:
            add = sa.text("""
                INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
                VALUES (:id, :owner, 'a.wav', '', 1, 'wav', 1, false)""")
            connection.execute(add, {**values, "owner": owner})
            if relation == "team":
                connection.execute(sa.text("INSERT INTO teams (id, name) VALUES (:team, :team)"), values)
                connection.execute(sa.text("INSERT INTO members (team, user_id) VALUES (:team, :user)"), values)
                connection.execute(sa.text("UPDATE recordings SET team = :team WHERE id = :id"), values)
            if relation in SHARED:
                connection.execute(
                    sa.text(
                        "INSERT INTO shares (recording, user_id, level, created_by) VALUES (:id, :user, :level, '')"
                    ),
                    values,
                )
        return identity

    def job(self, recording: UUID, owner: str) -> UUID:
        """One that has failed, so that nothing waits for it."""
        with self.engine.begin() as connection:
            job = submit(connection, NewJob("transcribe", owner, {"recording": str(recording)}))
            connection.execute(
                sa.text("UPDATE jobs SET state = 'failed', ended_at = now() WHERE id = :id"), {"id": job}
            )
        return job

    def ask(self, method: str, path: str, headers: dict[str, str], **ids: object) -> str:
        """`allowed`, `refused`, `hidden` or `anonymous`. Without a body: who is allowed is told that it is missing."""
        for name in path.split("{")[1:]:
            key = name.split("}")[0]
            path = path.replace("{" + key + "}", str(ids.get(key.split(":")[0], SOMETHING.get(key, "nothing"))))
        self.client.cookies.clear()
        answer = self.client.request(method, path, headers=headers, follow_redirects=False)
        assert answer.status_code < 500 or answer.status_code == 503, (method, path, answer.text)
        if answer.status_code == 401:
            return "anonymous"
        if answer.status_code == 403:
            return "refused"
        if answer.status_code == 404 and "or it is not yours" in answer.text:
            return "hidden"
        return "allowed"
