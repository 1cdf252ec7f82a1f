"""The provider behind a real web server on this machine, with the door of the app; and what a browser does there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from brickyard.access.turnstile import Turnstile
from brickyard.echo.identity import COOKIE, CSRF_HEADER, Guard
from brickyard.echo.oauth.routes import admin_router, router
from brickyard.kit.clock import utc_now
from brickyard.kit.errors import BrickyardError
from tests.unit.access.oauth.scene import Scene, Time


@dataclass
class Site:
    """`url`: how browsers and apps reach it."""

    url: str
    scene: Scene
    guard: Guard

    def browser(self, user: str | None = None) -> httpx.Client:
        """Signed in as `user`. It does not follow redirects: the tests look at each."""
        client = httpx.Client(base_url=self.url, headers={"user-agent": "browser"})
        if user is not None:
            opened = self.scene.sessions.open(user, "password", "127.0.0.1", "browser")
            client.cookies.set(COOKIE, opened.token)
            client.headers[CSRF_HEADER] = self.guard.csrf_of(opened.session)
        return client


@contextmanager
def site(engine: sa.Engine, public_url: str | None = None) -> Iterator[Site]:
    """`public_url`: the address that it believes to have; its own, where none is given."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    scene = Scene(engine, public_url or url, Time(utc_now()))
    guard = Guard(engine, scene.people, scene.sessions, Turnstile(engine), scene.audit, bytes(32))
    guard.bearer_of = scene.provider.actor_of
    server = uvicorn.Server(uvicorn.Config(application(scene, guard), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield Site(url, scene, guard)
    finally:
        server.should_exit = True
        thread.join()


def application(scene: Scene, guard: Guard) -> FastAPI:
    app = FastAPI()
    app.state.guard = guard
    app.include_router(router(scene.provider, guard.someone, guard.csrf_of))
    app.include_router(admin_router(scene.engine), prefix="/api/v1")

    @app.exception_handler(BrickyardError)
    def ours(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse({"error": {"code": error.code, "message": error.message}}, error.status)

    return app


def told(response: httpx.Response) -> dict[str, str]:
    """The parameters of the address that a browser is sent to."""
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))
