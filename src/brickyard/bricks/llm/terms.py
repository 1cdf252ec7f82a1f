"""On which terms requests are passed on: what of a body is set here rather than by whoever asks. Pure.

Ollama loads a model anew when a request brings other runner options than the one before, so these are pinned; and a
model that one user keeps loaded, or throws out, is everybody's. Administrators may do both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from brickyard.bricks.llm.contract import PromptTooLong
from brickyard.kit.errors import BadInput

GENERATES = frozenset({"/api/generate", "/api/chat", "/v1/chat/completions", "/v1/completions"})
EMBEDS = frozenset({"/api/embed", "/api/embeddings", "/v1/embeddings"})
RUNNER_OPTIONS = frozenset(
    {"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "numa", "low_vram", "f16_kv"}
)
FOR_EVER = -1
LETTERS_A_TOKEN_AT_MOST = 6
"""Of running text. A prompt that is too long even by this is too long."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """`keep_alive`: how long a model stays loaded after a request, as Ollama writes it. `context_tokens`: by model, and
    under "" for all others; without it the server's own."""

    keep_alive: str = "5m"
    pinned: frozenset[str] = frozenset()
    context_tokens: Mapping[str, int] = field(default_factory=dict)

    def context_of(self, model: str) -> int | None:
        return self.context_tokens.get(model, self.context_tokens.get(""))

    def stays(self, model: str) -> str | int:
        return FOR_EVER if model in self.pinned else self.keep_alive

    def applied(self, path: str, body: Body, model: str, *, is_admin: bool = False) -> Body:
        """The body as an Ollama gets it."""
        if not path.startswith("/api/") or path not in GENERATES | EMBEDS:
            return body
        options = dict(body.get("options") or {})
        if not is_admin:
            options = {name: value for name, value in options.items() if name not in RUNNER_OPTIONS}
        context_tokens = self.context_of(model)
        if context_tokens is not None:
            options.setdefault("num_ctx", context_tokens)
        changed = {**body, "options": options}
        if not (is_admin and "keep_alive" in body):
            changed["keep_alive"] = self.stays(model)
        if path in GENERATES:
            changed.setdefault("truncate", False)
        return changed


def context_tokens(text: str) -> dict[str, int]:
    """`8192, gemma3:27b=32768` as figures by model, that for all others under "". Raises BadInput."""
    found: dict[str, int] = {}
    for entry in (entry.strip() for entry in text.split(",")):
        model, _, figure = entry.rpartition("=")
        if not entry:
            continue
        if not figure.strip().isdigit() or int(figure) == 0:
            raise BadInput(f"{entry!r} is no number of tokens. Write 8192 for all models, or gemma3:27b=32768 for one.")
        found[model.strip()] = int(figure)
    return found


def check_length(model: str, letters: int, limit_tokens: int | None) -> None:
    """Raises PromptTooLong for a prompt that can't fit, whatever language it is in."""
    least_tokens = letters // LETTERS_A_TOKEN_AT_MOST
    if limit_tokens is not None and least_tokens > limit_tokens:
        raise PromptTooLong(
            f"The prompt has {letters:,} letters, which is {least_tokens:,} tokens at the very least; {model} takes "
            f"{limit_tokens:,} in all. Shorten the prompt, or ask for a model with a longer context."
        )


def letters_of(body: Body) -> int:
    """Of everything in a request that the model reads."""
    return sum(len(text) for text in _texts([body.get(name) for name in ("messages", "prompt", "input", "system")]))


def _texts(value: Any) -> Iterator[str]:
    """Images are in other fields, or in parts that have no `text`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name in ("content", "text"):
            yield from _texts(value.get(name))
