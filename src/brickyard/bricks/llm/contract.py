"""What is said between the `llm` brick and its callers.

Parts of the platform use the typed half: a request in, text out. The dialects of the gateway pass the bodies of their
own API through, as they are, under `THROUGH`; who asks is said in headers then.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import TooLarge

THROUGH = "/through"
"""What follows it in a path is the path on the server: /through/v1/chat/completions."""
PRIORITY = "x-brickyard-priority"
TENANT = "x-brickyard-tenant"
ADMIN = "x-brickyard-admin"
MODEL = "x-brickyard-model"
"""Of an answer: the model's whole name, quoted."""
ERROR = "x-brickyard-error"
"""Of an answer: it is the brick's own, not a server's."""


class PromptTooLong(TooLarge):
    """Servers would cut such a prompt short without a word."""

    status = 400
    code = "context_length_exceeded"


class Message(BaseModel):
    """`images`: PNG or JPEG, in base64."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    images: list[str] = []


class CompletionRequest(BaseModel):
    """`model`: None for the default one. `context_tokens`: how much the caller would like to fit, in all; the servers'
    own setting is not changed for it, but a model that is known to have less is refused."""

    model: str | None = None
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    form: Literal["text", "json"] = "text"
    context_tokens: int | None = Field(default=None, ge=1)
    priority: PriorityClass = PriorityClass.STANDARD
    tenant: str = "local"


class Completion(BaseModel):
    """`truncated`: it ended because a limit was reached. `computed_s`: from the server's beginning to its end."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    truncated: bool
    computed_s: float = 0.0


class Piece(BaseModel):
    """A line of a streamed answer: some text, or what went wrong."""

    text: str = ""
    code: str | None = None
    message: str = ""


class LlmModel(BaseModel):
    """`context_tokens`: None where nobody knows. `completes`: it writes text, rather than only embedding it."""

    name: str
    backend: str
    context_tokens: int | None = None
    vision: bool = False
    completes: bool = True
    loaded: bool = False


class LlmModels(BaseModel):
    """`troubles`: of servers that are set and away, what is wrong with each."""

    models: list[LlmModel]
    default: str | None = None
    troubles: list[str] = []
