"""OpenAI's API for language models: chat, completions, embeddings, and the list of models."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from brickyard.bricks.llm.client import Llm, Passing
from brickyard.bricks.llm.terms import EMBEDS, letters_of
from brickyard.bricks.llm.work import parsed
from brickyard.gateway.dialect import route_class
from brickyard.gateway.gate import Caller, Gate
from brickyard.gateway.passing import Errand, Passed, body_of
from brickyard.kit.errors import BadInput, BrickyardError, NotFound

SCOPE = "llm"
WORK = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
SERVERS_FAULT = 500


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A line of /v1/models. `owner`: the server that has it, or the platform."""

    name: str
    owner: str = "brickyard"


ListModels = Callable[[], Awaitable[list[ModelEntry]]]


def language_models(llm: Llm) -> ListModels:
    """The brick's models, for /v1/models."""

    async def entries() -> list[ModelEntry]:
        return [ModelEntry(model.name, model.backend) for model in await llm.models()]

    return entries


def router(gate: Gate, passing: Passing, models: ListModels) -> APIRouter:
    routes = APIRouter(route_class=route_class(render))

    def work(path: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = await gate.admit(request, SCOPE)
            return Passed(passing, gate, errand(path, caller, await body_of(request)), render)

        return answer

    for path in WORK:
        routes.add_api_route(path, work(path), methods=["POST"], include_in_schema=False, response_model=None)

    @routes.get("/v1/models", include_in_schema=False)
    async def list_models(request: Request) -> JSONResponse:
        await gate.admit(request, None)
        return JSONResponse({"object": "list", "data": [_entry(model) for model in await models()]})

    @routes.get("/v1/models/{name:path}", include_in_schema=False)
    async def one_model(name: str, request: Request) -> JSONResponse:
        await gate.admit(request, None)
        for model in await models():
            if model.name == name:
                return JSONResponse(_entry(model))
        raise NotFound(f"The model '{name}' is not found; /v1/models lists what there is.")

    return routes


def errand(path: str, caller: Caller, raw: bytes) -> Errand:
    """A stream is asked for its usage in any case, for the meter. Raises BadInput."""
    body = parsed(raw)
    adds_usage = path not in EMBEDS and bool(body.get("stream")) and not _asks_for_usage(body)
    if adds_usage:
        options = body.get("stream_options") or {}
        raw = json.dumps({**body, "stream_options": {**options, "include_usage": True}}).encode()
    return Errand("POST", path, caller, raw, letters_of(body), without_usage=adds_usage)


def render(error: BrickyardError) -> Response:
    """{"error": {"message", "type", "param", "code"}}"""
    own = "server_error" if error.status >= SERVERS_FAULT else "invalid_request_error"
    told = {
        "message": error.message,
        "type": TYPES.get(error.status, own),
        "param": None,
        "code": CODES.get(error.status, error.code),
    }
    return JSONResponse({"error": told}, status_code=error.status)


def _asks_for_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadInput('stream_options: it has to be an object, such as {"include_usage": true}.')
    return bool(options and options.get("include_usage"))


def _entry(model: ModelEntry) -> dict[str, Any]:
    """No API of the servers says when a model was made, so none is 0 seconds old."""
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.owner}
