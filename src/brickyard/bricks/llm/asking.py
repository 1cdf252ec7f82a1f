"""What a server is asked besides the work: which models it has, which are loaded, and to let go of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from pydantic import BaseModel, ValidationError

from brickyard.bricks.llm.servers import Kind, Server
from brickyard.bricks.llm.talk import reason
from brickyard.kit.errors import Unavailable

MIB = 1 << 20
ANSWERS_WITHIN = aiohttp.ClientTimeout(total=10.0, connect=5.0)

Entry = dict[str, Any]
"""A model, in the words of the server's API."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """`context_tokens`: the most that the model was made for."""

    context_tokens: int | None = None
    vision: bool = False
    completes: bool = True


@dataclass(frozen=True, slots=True)
class Inventory:
    """Entries by the name of the model: what is there, and what of that is loaded."""

    there: Mapping[str, Entry] = field(default_factory=dict)
    loaded: Mapping[str, Entry] = field(default_factory=dict)


class _Loaded(BaseModel):
    size: int = 0
    size_vram: int = 0
    context_length: int | None = None
    expires_at: datetime | None = None


async def inventory(http: aiohttp.ClientSession, server: Server) -> Inventory:
    """Raises Unavailable where the server is away, or is none of its kind."""
    if server.kind is Kind.OPENAI:
        listed = await ask(http, server, "GET", "/v1/models")
        return Inventory(_by_name(server, listed, "data", "id"))
    there = _by_name(server, await ask(http, server, "GET", "/api/tags"), "models", "name")
    loaded = _by_name(server, await ask(http, server, "GET", "/api/ps"), "models", "name")
    return Inventory(there, loaded)


async def abilities(http: aiohttp.ClientSession, server: Server, entry: Entry) -> Abilities:
    if server.kind is Kind.OPENAI:
        figure = entry.get("max_model_len")
        capabilities = entry.get("capabilities") or []
        return Abilities(figure if isinstance(figure, int) else None, vision="multimodal" in capabilities)
    shown = await ask(http, server, "POST", "/api/show", {"model": entry["name"]})
    capabilities = shown.get("capabilities") or ["completion"]
    figures = (shown.get("model_info") or {}).items()
    context = [value for name, value in figures if str(name).endswith(".context_length") and isinstance(value, int)]
    return Abilities(min(context, default=None), "vision" in capabilities, "completion" in capabilities)


async def unload(http: aiohttp.ClientSession, server: Server, model: str) -> None:
    """A request that it works on ends first; the memory may come back a little later than the answer."""
    await _keep(http, server, model, 0)


async def keep_for_ever(http: aiohttp.ClientSession, server: Server, model: str, context: int | None) -> None:
    """`context`: what it runs with now, since another figure would load it anew."""
    await _keep(http, server, model, -1, {"num_ctx": context} if context else {})


async def ask(http: aiohttp.ClientSession, server: Server, method: str, path: str, body: Entry | None = None) -> Entry:
    try:
        async with http.request(
            method, server.url + path, json=body, headers=credentials(server), timeout=ANSWERS_WITHIN
        ) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise away(server, error) from error
    if answer.status >= 400:
        raise Unavailable(
            f"The LLM server at {server.url} refuses {method} {path} with status {answer.status}: {reason(content)}. "
            "Its log says more."
        )
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise stranger(server, path, content)
    return told


def credentials(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.token}"} if server.token else {}


def away(server: Server, error: Exception) -> Unavailable:
    return Unavailable(
        f"The LLM server at {server.url} does not answer ({type(error).__name__}: {error}). Start it, or correct its "
        "address in the settings."
    )


def stranger(server: Server, path: str, content: object) -> Unavailable:
    return Unavailable(
        f"What answers at {server.url}{path} does not speak the API of an {server.kind} server; it said "
        f"{str(content)[:200]!r}. Check the address in the settings."
    )


def vram_mib(entry: Entry) -> int:
    """Of the device's memory, rounded up: what is held partly is not free."""
    return -(-_Loaded.model_validate(entry).size_vram // MIB)


def size_mib(entry: Entry) -> int:
    return -(-_Loaded.model_validate(entry).size // MIB)


def context_of(entry: Entry) -> int | None:
    return _Loaded.model_validate(entry).context_length


def expires_at(entry: Entry) -> datetime | None:
    return _Loaded.model_validate(entry).expires_at


async def _keep(
    http: aiohttp.ClientSession, server: Server, model: str, keep_alive: int, options: Entry | None = None
) -> None:
    body = {"model": model, "prompt": "", "keep_alive": keep_alive, "stream": False, "options": options or {}}
    await ask(http, server, "POST", "/api/generate", body)


def _by_name(server: Server, answer: Entry, key: str, name: str) -> dict[str, Entry]:
    try:
        found = {str(entry[name]): entry for entry in answer[key] or []}
        for entry in found.values():
            _Loaded.model_validate(entry)
    except (KeyError, TypeError, ValidationError):
        raise stranger(server, "", answer) from None
    return found
