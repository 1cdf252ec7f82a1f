"""Has a vision model of the LLM servers read an image. It says what is written, but not where nor how surely."""

from __future__ import annotations

import asyncio
import base64
from typing import Protocol

from brickyard.bricks.llm.contract import Completion, CompletionRequest, LlmModel, Message
from brickyard.bricks.ocr.contract import ImageText, LineModel, ReadReply, ReadRequest
from brickyard.gpu.lease import PriorityClass
from brickyard.kit.errors import Unsupported
from brickyard.media import pictures

NAME = "vlm"
MOST_TOKENS = 4096
INSTRUCTION = (
    "Write down all text in this image exactly as it stands there, line by line, from top to bottom. Do not translate, "
    "correct, explain or describe anything. If there is no text, answer with nothing at all."
)
FENCE = "```"


class Llm(Protocol):
    """The part of the LLM brick's client that is used here."""

    async def complete(self, request: CompletionRequest) -> Completion: ...

    async def models(self) -> list[LlmModel]: ...


class VlmReader:
    """`model`: its name on the servers; None takes the first that sees."""

    def __init__(self, llm: Llm, model: str | None = None) -> None:
        self._llm = llm
        self._model = model

    async def read(self, request: ReadRequest) -> ReadReply:
        """One image after the other. Raises Unsupported where no model sees, and what the LLM brick raises."""
        model = self._model or await self._first_that_sees()
        images: list[ImageText] = []
        computed_s = 0.0
        for stored in request.pictures:
            picture = await asyncio.to_thread(pictures.read, stored)
            data = base64.b64encode(await asyncio.to_thread(stored.read_bytes)).decode()
            done = await self._llm.complete(_asking(model, data, request))
            computed_s += done.computed_s
            lines = [LineModel(text=line) for line in lines_of(done.text)]
            height, width = picture.shape[:2]
            images.append(ImageText(lines=lines, engine=f"{NAME} {done.model}", width=width, height=height))
        return ReadReply(images=images, engine=NAME, computed_s=computed_s)

    async def _first_that_sees(self) -> str:
        models = await self._llm.models()
        for model in models:
            if model.vision:
                return model.name
        raise Unsupported(
            f"None of the {len(models)} models on the LLM servers reads images. Add a vision model there, or ask for "
            "the engine auto."
        )


def lines_of(text: str) -> list[str]:
    """Without the fence that models like to put around what they quote."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return [line for line in lines if line and not line.startswith(FENCE)]


def _asking(model: str, image: str, request: ReadRequest) -> CompletionRequest:
    expected = f" Expected languages: {', '.join(request.languages)}." if request.languages else ""
    return CompletionRequest(
        model=model,
        messages=[Message(role="user", content=INSTRUCTION + expected, images=[image])],
        max_tokens=MOST_TOKENS,
        temperature=0.0,
        priority=PriorityClass(request.priority),
        tenant=request.tenant,
    )
