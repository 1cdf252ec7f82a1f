"""The web application: the API under /api/v1, metrics, and the page."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brickyard import __version__
from brickyard.access.policy import Action
from brickyard.echo import pages
from brickyard.echo.coverage import routes as coverage_routes
from brickyard.echo.identity import Guard, needs, open_to_all, session_cookie
from brickyard.echo.limits import Name
from brickyard.echo.metrics import render
from brickyard.echo.queue import routes as queue_routes
from brickyard.echo.queue.schemas import Problem
from brickyard.echo.queue.service import Queue
from brickyard.echo.recordings import routes as recording_routes
from brickyard.echo.recordings import sharing as sharing_routes
from brickyard.echo.recordings.routes import FORM_OVERHEAD_BYTES
from brickyard.echo.recordings.service import Recordings
from brickyard.echo.screen import routes as screen_routes
from brickyard.echo.search import routes as search_routes
from brickyard.echo.summaries import routes as summary_routes
from brickyard.echo.summaries.schemas import LanguageModel
from brickyard.echo.transcripts import routes as transcript_routes
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.translations import routes as translation_routes
from brickyard.files.recordings import RecordingFiles
from brickyard.kit.db import is_outage
from brickyard.kit.errors import (
    BadInput,
    BrickyardError,
    Busy,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from brickyard.kit.metrics import CONTENT_TYPE

API = "/api/v1"
BODY_BYTES = 4 << 20
"""Of any request but an upload."""

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}
"""HSTS is the edge's to send: it knows whether there is TLS."""


class LanguageView(BaseModel):
    """A language that can be asked for, and the models that have it."""

    code: Annotated[str, Field(examples=["en"])]
    models: list[str]


class Info(BaseModel):
    """What this installation can do. `translations`: into which languages, by the language translated from.

    `limits`: of uploads and of what one person may have, by name; what is not in it has none.
    """

    version: str
    languages: list[LanguageView]
    translations: dict[str, list[str]]
    max_duration_s: float
    max_upload_bytes: int
    limits: dict[Name, float]


class Failure(BaseModel):
    """The shape of every error."""

    error: Problem


TranslationsOf = Callable[[], Awaitable[dict[str, list[str]]]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Surroundings:
    """What the web application has beside the database. `collectors` add to the metrics; `api` are further routes under
    /api/v1, `before` those that come before all others; `shared` are those of the shared APIs and of the OpenID
    provider, `lifespan` their life; `hosts` are the names by which the platform may be called; `is_secure`: browsers
    reach it by TLS; `translations` tells which languages can be translated into which."""

    guard: Guard
    llm: LanguageModel
    collectors: Sequence[Collector] = ()
    before: Sequence[APIRouter] = ()
    api: Sequence[APIRouter] = ()
    shared: Sequence[APIRouter] = ()
    lifespan: Lifespan | None = None
    hosts: Sequence[str] = ("*",)
    is_secure: bool = False
    translations: TranslationsOf | None = None


def create_app(recordings: Recordings, queue: Queue, languages: list[LanguageView], around: Surroundings) -> FastAPI:
    app = FastAPI(
        title="Brickyard",
        version=__version__,
        description="Recordings in, transcripts with speakers out. Nothing leaves the building.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": Failure, "description": "What was wrong, what is allowed and what to do"}},
        lifespan=around.lifespan,
    )
    app.state.guard = around.guard
    _translate_errors(app)
    app.add_middleware(TooLargeRefused, files=recordings.files)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(around.hosts), www_redirect=False)
    app.add_middleware(Safety, is_secure=around.is_secure)
    engine = recordings.engine
    for router in (
        *around.before,
        recording_routes.router(recordings, recordings.limits.max_size_bytes + FORM_OVERHEAD_BYTES),
        sharing_routes.router(engine, around.guard.audit),
        transcript_routes.router(engine),
        coverage_routes.router(engine),
        screen_routes.router(engine),
        translation_routes.router(engine),
        summary_routes.router(engine, around.llm, partial(transcripts.get, engine)),
        search_routes.router(engine),
        queue_routes.router(queue),
        *around.api,
    ):
        app.include_router(router, prefix=API, max_body_size=BODY_BYTES)

    @app.get(f"{API}/info", tags=["platform"], dependencies=[needs(Action.PLATFORM_INFO)])
    async def info() -> Info:
        """Version, languages and limits."""
        now = await run_in_threadpool(recordings.limits_now)
        return Info(
            version=__version__,
            languages=languages,
            translations=await around.translations() if around.translations else {},
            max_duration_s=now.max_duration_s,
            max_upload_bytes=now.max_size_bytes,
            limits=await run_in_threadpool(recordings.people.values) if recordings.people else {},
        )

    @app.get("/health", tags=["platform"], dependencies=[open_to_all()])
    def health() -> dict[str, str]:
        """Whether the web process and the database answer."""
        queue.jobs.count_by_state()
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False, dependencies=[needs(Action.METRICS)])
    def metrics() -> Response:
        return Response(render(queue, around.collectors), media_type=CONTENT_TYPE)

    for router in (pages.router(), *around.shared):
        app.include_router(router)
    return app


def _translate_errors(app: FastAPI) -> None:
    """Every error has one shape: {"error": {"code", "message"}}."""

    def reply(code: str, message: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)

    @app.exception_handler(BrickyardError)
    def ours(_: Request, error: BrickyardError) -> JSONResponse:
        headers = {}
        if isinstance(error, (TooManyRequests, Busy)):
            headers["Retry-After"] = str(math.ceil(error.retry_after_s))
        if isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = "Bearer"
        return reply(error.code, error.message, error.status, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
        return reply(BadInput.code, f"{where or 'The request'}: {first['msg']}.", BadInput.status)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        code = {kind.status: kind.code for kind in (NotFound, TooLarge)}.get(error.status_code, BadInput.code)
        message = f"{request.method} {request.url.path}: {error.detail}."
        return reply(code, message, error.status_code, error.headers)

    @app.exception_handler(Exception)
    def unforeseen(_: Request, error: Exception) -> JSONResponse:
        if is_outage(error):
            return reply(Unavailable.code, "The database does not answer. Try again in a moment.", Unavailable.status)
        message = "Something went wrong that was not foreseen. The log of the web process says what."
        return reply(BrickyardError.code, message, BrickyardError.status)


class TooLargeRefused:
    """An upload that says it is over the limit is refused before a byte of it is read."""

    def __init__(self, app: ASGIApp, files: RecordingFiles) -> None:
        self._app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            announced = Headers(scope=scope).get("content-length", "")
            try:
                if announced.isdecimal():
                    self._files.check_size(int(announced) - FORM_OVERHEAD_BYTES)
            except TooLarge as error:
                body = {"error": {"code": error.code, "message": error.message}}
                await JSONResponse(body, status_code=error.status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Safety:
    """What every answer says to browsers, and the session's new token where it was rotated.

    `is_secure`: browsers reach the platform by TLS, though something before it may do that.
    """

    def __init__(self, app: ASGIApp, is_secure: bool) -> None:
        self._app = app
        self._is_secure = is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(API):
                    headers.setdefault("Cache-Control", "no-store")
                token = scope.get("state", {}).get("new_token")
                if token and "set-cookie" not in headers:
                    is_secure = self._is_secure or scope["scheme"] == "https"
                    headers.append("set-cookie", session_cookie(token, is_secure=is_secure))
            await send(message)

        await self._app(scope, receive, told)
