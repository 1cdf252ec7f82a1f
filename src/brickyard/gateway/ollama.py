"""Ollama's API. Everybody with a key may use models and look at them; administrators change what there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from brickyard.bricks.llm.client import Passing
from brickyard.bricks.llm.terms import letters_of
from brickyard.bricks.llm.through import BLOBS, CHANGES, SHOW
from brickyard.bricks.llm.work import parsed
from brickyard.gateway.dialect import route_class
from brickyard.gateway.gate import Caller, Gate
from brickyard.gateway.passing import Errand, Passed, body_of
from brickyard.kit.errors import BrickyardError, Forbidden

SCOPE = "llm"
WORK = ("/api/generate", "/api/chat", "/api/embed", "/api/embeddings")
LOOK = ("/", "/api/version", "/api/tags", "/api/ps")

Endpoint = Callable[[Request], Awaitable[Response]]


def router(gate: Gate, passing: Passing) -> APIRouter:
    """GET / is among its routes: where a page has that path, that comes first."""
    routes = APIRouter(route_class=route_class(render))

    def add(path: str, methods: list[str], endpoint: Callable[..., Awaitable[Response]]) -> None:
        routes.add_api_route(path, endpoint, methods=methods, include_in_schema=False, response_model=None)

    def work(path: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            caller = await gate.admit(request, SCOPE)
            return Passed(passing, gate, errand(path, caller, await body_of(request)), render)

        return answer

    def look(path: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            caller = await gate.admit(request, SCOPE)
            return Passed(passing, gate, Errand("GET", path, caller), render)

        return answer

    async def show(request: Request) -> Response:
        caller = await gate.admit(request, SCOPE)
        return Passed(passing, gate, Errand("POST", SHOW, caller, await body_of(request)), render)

    def change(path: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            caller = _administrator(await gate.admit(request, SCOPE), request)
            return Passed(passing, gate, Errand(request.method, path, caller, await body_of(request)), render)

        return answer

    async def blobs(digest: str, request: Request) -> Response:
        caller = _administrator(await gate.admit(request, SCOPE), request)
        body = b"" if request.method == "HEAD" else request.stream()
        return Passed(passing, gate, Errand(request.method, BLOBS + digest, caller, body), render)

    for path in WORK:
        add(path, ["POST"], work(path))
    for path in LOOK:
        add(path, ["GET", "HEAD"], look(path))
    for path in sorted(CHANGES):
        add(path, ["DELETE" if path == "/api/delete" else "POST"], change(path))
    add(SHOW, ["POST"], show)
    routes.add_api_route(
        BLOBS + "{digest}", blobs, methods=["HEAD", "POST"], include_in_schema=False, response_model=None
    )
    return routes


def errand(path: str, caller: Caller, raw: bytes) -> Errand:
    """Raises BadInput."""
    return Errand("POST", path, caller, raw, letters_of(parsed(raw)))


def render(error: BrickyardError) -> Response:
    """{"error": "…"}"""
    return JSONResponse({"error": error.message}, status_code=error.status)


def _administrator(caller: Caller, request: Request) -> Caller:
    if not caller.is_admin:
        raise Forbidden(
            f"{request.method} {request.url.path} changes what models there are; that takes a key of an administrator. "
            "Ask one for the model that you need."
        )
    return caller
