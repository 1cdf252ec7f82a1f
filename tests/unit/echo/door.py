"""An app with some routes and a door that believes who somebody says to be: the roles are in a header."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from brickyard.access.actor import Actor
from brickyard.access.policy import Action, Decision, Level, Role, decide
from brickyard.kit.errors import BrickyardError, Forbidden, NotFound


class Believing:
    """In place of the guard: `X-Role` is the role, `X-Level` how far one gets with every recording."""

    async def check(self, request: Request, action: Action) -> Actor:
        role = Role(request.headers.get("x-role", Role.ANALYST))
        level = Level[request.headers.get("x-level", "NONE")]
        decision = decide(action, [role], level)
        if decision is Decision.HIDDEN:
            raise NotFound("hidden")
        if decision is Decision.REFUSED:
            raise Forbidden("refused")
        return Actor(id=str(role), name=str(role), roles=frozenset({role}), via="session", credential="s1")


def client_of(*routers: APIRouter) -> TestClient:
    app = FastAPI()
    app.state.guard = Believing()
    for router in routers:
        app.include_router(router, prefix="/api/v1")

    @app.exception_handler(BrickyardError)
    def ours(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse({"error": {"code": error.code, "message": error.message}}, status_code=error.status)

    return TestClient(app)


def as_(role: Role, level: Level = Level.NONE) -> dict[str, str]:
    return {"X-Role": str(role), "X-Level": level.name}
