"""Ollama as a tenant of a device: what it holds there, and asking it to give that back.

It takes no leases. Its API says how much of each model is in device memory (`GET /api/ps`), and an empty prompt with
`keep_alive: 0` unloads a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from brickyard.gpu.devices import MIB
from brickyard.kit.errors import Unavailable

ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """`size_mib` is in all; `vram_mib` of that is in device memory. It will be unloaded at `expires_at` if nobody
    uses it before."""

    name: str
    vram_mib: int
    size_mib: int
    expires_at: datetime

    @property
    def in_ram_mib(self) -> int:
        """What did not fit on the device and is computed by the processor."""
        return max(0, self.size_mib - self.vram_mib)


class Ollama:
    """One server, of our own; proxies of the environment are not used for it. Close with `aclose` or as a context;
    an `http` that was given stays open. Raises Unavailable where the server does not do what is asked."""

    def __init__(self, base_url: str, http: httpx.AsyncClient | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http or httpx.AsyncClient(trust_env=False, timeout=ANSWERS_WITHIN_S)
        self._closes = http is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._closes:
            await self._http.aclose()

    async def version(self) -> str:
        answer = await self._ask("GET", "/api/version")
        try:
            return str(answer["version"])
        except (KeyError, TypeError):
            raise self._stranger("/api/version", answer) from None

    async def loaded(self) -> list[LoadedModel]:
        """Models that are in memory now."""
        answer = await self._ask("GET", "/api/ps")
        try:
            return [_model(entry) for entry in answer["models"] or []]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._stranger("/api/ps", answer) from None

    async def evict(self, name: str) -> None:
        """Asks for a model to be unloaded. A request that it is working on ends first, and the memory may come back
        a little later than the answer: look at `loaded`, and at the device."""
        await self._ask("POST", "/api/generate", {"model": name, "prompt": "", "keep_alive": 0, "stream": False})

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = await self._http.request(method, self._base_url + path, json=body)
            answer = response.json()
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"Ollama does not answer at {self._base_url} ({type(error).__name__}: {error}). "
                "Start it, or correct its address in the settings, or leave the address out to do without."
            ) from error
        except ValueError:
            raise self._stranger(path, response.text) from None
        if not response.is_success:
            raise Unavailable(
                f"Ollama at {self._base_url} refuses {method} {path} with status {response.status_code}: "
                f"{_reason(answer)}. `ollama ps` shows what it has loaded, its log says more."
            )
        return answer

    def _stranger(self, path: str, answer: object) -> Unavailable:
        return Unavailable(
            f"What answers at {self._base_url}{path} does not speak Ollama's API; it said {str(answer)[:200]!r}. "
            "Check the address in the settings, and Ollama's version."
        )


def used_since(before: Iterable[LoadedModel], now: Iterable[LoadedModel]) -> set[str]:
    """Names of models that were used between two looks: each use moves the time at which a model expires, and a
    model that was not loaded before was loaded to be used. A use that goes on shows when it has ended."""
    expired_at = {model.name: model.expires_at for model in before}
    return {model.name for model in now if expired_at.get(model.name) != model.expires_at}


def _model(entry: dict[str, Any]) -> LoadedModel:
    return LoadedModel(
        name=str(entry.get("name") or entry["model"]),
        vram_mib=_mib(entry["size_vram"]),
        size_mib=_mib(entry["size"]),
        # RFC 3339 with up to nine digits of a second, of which six are kept.
        expires_at=datetime.fromisoformat(entry["expires_at"]),
    )


def _mib(size: int) -> int:
    """Rounded up: what is held partly is not free."""
    return -(-size // MIB)


def _reason(answer: object) -> str:
    return str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)[:200]
