"""`/api/v1/recordings/{recording}/summaries` and `/api/v1/recordings/{recording}/chat`"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo import derived
from brickyard.echo.identity import needs
from brickyard.echo.summaries import chat
from brickyard.echo.summaries.chat import Question
from brickyard.echo.summaries.formats import SummaryFormat, render
from brickyard.echo.summaries.schemas import ChatRequest, LanguageModel, Summary, TranscriptOf
from brickyard.echo.summaries.steps import KIND
from brickyard.kit.errors import BrickyardError
from brickyard.text.prompts import Template


def router(engine: sa.Engine, llm: LanguageModel, transcript_of: TranscriptOf) -> APIRouter:
    api = APIRouter(prefix="/recordings/{recording}", tags=["summaries"])
    read = [needs(Action.RECORDING_CONTENT)]

    @api.get("/summaries", dependencies=read)
    def names(recording: UUID) -> list[Template]:
        """The templates of which there is a summary."""
        return [Template(name) for name in derived.variants(engine, recording, KIND)]

    @api.get(
        "/summaries/{template}.{form}",
        dependencies=read,
        response_class=Response,
        responses={200: {"content": {form.media_type: {} for form in SummaryFormat}}},
    )
    def as_text(recording: UUID, template: Template, form: SummaryFormat) -> Response:
        """The summary as plain text or Markdown, with the times at which each sentence was said."""
        text = render(derived.get(engine, recording, KIND, template, Summary), form)
        return Response(text, media_type=f"{form.media_type}; charset=utf-8")

    @api.get("/summaries/{template}", dependencies=read)
    def summary(recording: UUID, template: Template) -> Summary:
        """Sections of sentences, each with the segments that say it."""
        return derived.get(engine, recording, KIND, template, Summary)

    @api.post(
        "/chat",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def ask(
        recording: UUID, body: ChatRequest, actor: Annotated[Actor, needs(Action.RECORDING_ASK)]
    ) -> StreamingResponse:
        """Server-sent events: `delta` with text as the model writes it, unchecked; `end` with the whole answer, which
        takes its place, and the citations that hold; `error` where the model broke off."""
        spoken = await asyncio.to_thread(transcript_of, recording)
        question = await chat.ask(llm, spoken, body.messages, actor.id)
        stream = chat.deltas(llm, question)
        first = await anext(stream, "")
        return StreamingResponse(
            _events(question, first, stream),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return api


async def _events(question: Question, first: str, stream: AsyncIterator[str]) -> AsyncIterator[str]:
    """The first piece is asked for before the answer begins, so that errors until then have their own status."""
    said = [first]
    yield _event("delta", {"text": first})
    try:
        async for delta in stream:
            said.append(delta)
            yield _event("delta", {"text": delta})
    except BrickyardError as error:
        yield _event("error", {"code": error.code, "message": error.message})
        return
    answer = await asyncio.to_thread(chat.checked, question, "".join(said))
    yield _event("end", answer.model_dump())


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
