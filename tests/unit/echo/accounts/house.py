"""Accounts behind the real door: an app with their routes alone, and browsers that go there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from httpx import Response

from brickyard.access.policy import Role
from brickyard.access.turnstile import Turnstile
from brickyard.echo.accounts import routes
from brickyard.echo.accounts.service import Accounts, OpenIdProvider
from brickyard.echo.app import Safety
from brickyard.echo.identity import CSRF_HEADER, Guard
from brickyard.kit.errors import BrickyardError
from tests.unit.access.front_desk import MASTER, PASSWORD, Clock, Desk, Directory

API = "/api/v1"
ADDRESS = "https://echo.example.org"


class House(Desk):
    def __init__(self, engine: sa.Engine, oidc: Sequence[OpenIdProvider] = ()) -> None:
        self.staff = Directory("staff")
        super().__init__(engine, Clock(), [self.staff])
        accounts = Accounts(
            self.people, self.sessions, self.sign_in, MASTER, self.audit, ADDRESS, oidc, {"staff": "Staff"}, self.clock
        )
        self.app = FastAPI()
        self.app.add_middleware(Safety, is_secure=False)
        self.app.state.guard = Guard(
            engine, self.people, self.sessions, Turnstile(engine, self.clock), self.audit, bytes(32)
        )
        self.app.include_router(routes.router(accounts), prefix=API)
        self.app.exception_handler(BrickyardError)(_ours)
        self.app.exception_handler(RequestValidationError)(_invalid)

    def browser(self) -> Browser:
        """One that nobody has signed in with."""
        return Browser(TestClient(self.app, base_url=ADDRESS, follow_redirects=False))

    def with_(self, name: str, *roles: Role) -> Browser:
        """A browser of somebody who has just signed in."""
        self.user(name, *roles)
        browser = self.browser()
        signed_in = browser.sign_in(name)
        assert signed_in.status_code == 200, signed_in.text
        return browser


class Browser:
    """Sends the CSRF token back, as the page does."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.csrf = ""

    def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Response:
        return self._entered(self.post("/session", {"name": name, "password": password, **more}))

    def follow(self, token: str, **more: str) -> Response:
        return self._entered(self.post("/session/link", {"token": token, **more}))

    def get(self, path: str, **more: Any) -> Response:
        return self.client.get(API + path, **more)

    def post(self, path: str, body: Any = None) -> Response:
        return self._send("POST", path, body)

    def put(self, path: str, body: Any = None) -> Response:
        return self._send("PUT", path, body)

    def patch(self, path: str, body: Any = None) -> Response:
        return self._send("PATCH", path, body)

    def delete(self, path: str, body: Any = None) -> Response:
        return self._send("DELETE", path, body)

    def _send(self, method: str, path: str, body: Any) -> Response:
        headers = {CSRF_HEADER: self.csrf} if self.csrf else {}
        return self.client.request(method, API + path, json=body, headers=headers)

    def _entered(self, answer: Response) -> Response:
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer


def refused(answer: Response, status: int, message: str = "") -> str:
    """The code of an error in our shape, whose message holds this."""
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]["message"]
    code: str = answer.json()["error"]["code"]
    return code


def _ours(_: Request, error: BrickyardError) -> JSONResponse:
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, status_code=error.status)


def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse({"error": {"code": "bad_input", "message": str(error.errors()[0]["loc"])}}, status_code=400)
