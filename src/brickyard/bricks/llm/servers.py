"""Which servers there are, as a setting says it.

    http://gpu1:11434, openai+http://llama:8000, openai+https://:TOKEN@vllm:8000

Ollama speaks its own API and OpenAI's; with `openai+` before the address the server has only the latter. What stands
before an @ is the key that the server wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from brickyard.kit.errors import BadInput

OPENAI = "openai+"


class Kind(StrEnum):
    OLLAMA = "ollama"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Server:
    """`shares_card`: its models are in the memory of this host's first card, so they are loaded under leases."""

    name: str
    kind: Kind
    url: str
    token: str = ""
    shares_card: bool = False


def servers(backends: str, ollama_url: str | None = None) -> list[Server]:
    """Those that the settings name, the one that shares the card first. Raises BadInput where an address is none."""
    found = [] if not ollama_url else [_server(ollama_url.strip(), shares_card=True)]
    for text in (text.strip() for text in backends.split(",")):
        if text and (server := _server(text)).url not in {other.url for other in found}:
            found.append(server)
    return found


def _server(text: str, *, shares_card: bool = False) -> Server:
    kind = Kind.OPENAI if text.startswith(OPENAI) else Kind.OLLAMA
    try:
        parts = urlsplit(text.removeprefix(OPENAI))
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _no_address(text, str(error)) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise _no_address(text, "it has no http:// or no host")
    if shares_card and kind is not Kind.OLLAMA:
        raise _no_address(text, "only an Ollama can share the card; name other servers in BRICKYARD_LLM_BACKENDS")
    name = f"{host}:{port}" if port else host
    return Server(name, kind, _base(parts, host, port), unquote(parts.password or parts.username or ""), shares_card)


def _base(parts: SplitResult, host: str, port: int | None) -> str:
    """Without the token, and without the /v1 that people copy along."""
    address = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{address}{f':{port}' if port else ''}{path}"


def _no_address(text: str, why: str) -> BadInput:
    hidden = text.rpartition("@")[2]
    return BadInput(
        f"{hidden!r} is no address of an LLM server: {why}. "
        "Write http://host:11434 for an Ollama, openai+http://host:8000 for others, with commas between them."
    )
