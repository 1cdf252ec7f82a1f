"""Which model writes, how much it takes at a time, and asking it patiently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from brickyard.bricks.llm.contract import Completion, CompletionRequest, Message
from brickyard.echo.summaries.schemas import LanguageModel
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import Busy, Unsupported
from brickyard.text.prompts import Prompt

UNKNOWN_CONTEXT_TOKENS = 4096
"""What servers give a model by default where they do not say."""
MOST_CONTEXT_TOKENS = 16_384
"""Models find less of what stands in longer prompts."""
LEAST_CONTEXT_TOKENS = 2048
BUSY_TRIES = 20
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Writer:
    """`context_tokens`: prompt and answer together."""

    model: str
    context_tokens: int


async def writer(llm: LanguageModel, priority: PriorityClass, tenant: str) -> Writer:
    """The default model. Raises Unsupported or NotFound where there is none, Unavailable where no server answers."""
    known = await llm.overview()
    name = known.default
    if name is None:
        # Only the brick knows whether no server is set, none answers or none has a model; its error says so.
        nothing = CompletionRequest(
            messages=[Message(role="user", content="ok")], max_tokens=1, priority=priority, tenant=tenant
        )
        name = (await llm.complete(nothing)).model
    figures = [model.context_tokens for model in known.models if model.name == name and model.context_tokens]
    context_tokens = min([MOST_CONTEXT_TOKENS, *figures]) if figures else UNKNOWN_CONTEXT_TOKENS
    if context_tokens < LEAST_CONTEXT_TOKENS:
        raise Unsupported(
            f"The model {name} takes {context_tokens:,} tokens of context; at least {LEAST_CONTEXT_TOKENS:,} are "
            "needed to read a transcript with it. Ask your administrator to give it more, or to connect another model."
        )
    return Writer(name, context_tokens)


async def complete(
    llm: LanguageModel,
    by: Writer,
    prompt: Prompt,
    max_tokens: int,
    *,
    priority: PriorityClass,
    tenant: str,
    between: Callable[[], Awaitable[None]],
) -> Completion:
    """JSON of at most so many tokens. Comes again while the queue is full; `between` is called before each time."""
    request = CompletionRequest(
        model=by.model,
        messages=[Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)],
        max_tokens=max_tokens,
        temperature=0.0,
        form="json",
        context_tokens=by.context_tokens,
        priority=priority,
        tenant=tenant,
    )
    for _ in range(BUSY_TRIES - 1):
        try:
            return await llm.complete(request)
        except Busy as error:
            await asyncio.sleep(min(LONGEST_PAUSE_S, max(0.0, error.retry_after_s)))
            await between()
    return await llm.complete(request)
