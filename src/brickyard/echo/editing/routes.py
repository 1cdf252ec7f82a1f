"""`/api/v1/recordings/{recording}/document`, `/changes` and `/revisions`: editing a transcript."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic.main import IncEx

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.editing.schemas import (
    Batch,
    DifferenceView,
    DocumentView,
    News,
    Outcome,
    Restored,
    RevisionGroup,
    RevisionView,
)
from brickyard.echo.editing.service import Editing
from brickyard.echo.identity import needs

LOOK_EVERY_S = 1.0
LONGEST_WAIT_S = 20.0
JSON = "application/json"
LEAST_PACKED_BYTES = 4096

Editor = Annotated[Actor, needs(Action.RECORDING_EDIT)]
Words = Annotated[bool, Query(description="whether segments have their words")]


def router(editing: Editing) -> APIRouter:
    api = APIRouter(prefix="/recordings/{recording}", tags=["editing"])
    reader = [needs(Action.RECORDING_CONTENT)]

    @api.get("/document", response_model=DocumentView, dependencies=reader)
    def document(
        recording: UUID,
        words: Words = True,
        if_none_match: Annotated[str | None, Header()] = None,
        accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """The newest state of the transcript, edits included. Its ETag is the revision: ask with If-None-Match."""
        if if_none_match is not None:
            tag = _etag(editing.number(recording), words)
            if tag in [each.strip().removeprefix("W/") for each in if_none_match.split(",")]:
                return Response(status_code=304, headers={"ETag": tag})
        found = editing.document(recording)
        told = _json(found, words, {"ETag": _etag(found.revision, words), "Vary": "Accept-Encoding"})
        return _packed(told) if "gzip" in accept_encoding else told

    @api.post("/changes", response_model=Outcome)
    def change(recording: UUID, batch: Batch, actor: Editor) -> Response:
        """Save changes. Those of segments that nobody else changed since `base` always go through; where two changed
        the same text, both are merged word by word; what can't be merged comes back in `rejected`, and is kept."""
        return _json(editing.change(recording, actor, batch), True)

    @api.get("/changes", response_model=News, dependencies=reader)
    async def changes(
        recording: UUID,
        since: Annotated[int, Query(ge=1, description="the revision that the client has")],
        wait_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="for so long, if there is no news")] = 0.0,
    ) -> Response:
        """What differs from revision `since`, whoever changed it. With `wait_s` the answer comes when there is news."""
        give_up = time.monotonic() + wait_s
        while await asyncio.to_thread(editing.number, recording) <= since:
            left_s = give_up - time.monotonic()
            if left_s <= 0:
                break
            await asyncio.sleep(min(LOOK_EVERY_S, left_s))
        return _json(await asyncio.to_thread(editing.news, recording, since), True)

    @api.get("/revisions", dependencies=reader)
    def revisions(recording: UUID) -> list[RevisionGroup]:
        """Who changed the transcript and when, newest first. What one person saved within ten minutes is one entry."""
        return editing.revisions(recording)

    @api.get("/revisions/{number}", response_model=RevisionView, dependencies=reader)
    def revision(recording: UUID, number: int, words: Words = False) -> Response:
        """The transcript as it was then, what was changed in that revision, and drafts that could not be made."""
        return _json(editing.revision(recording, number), words)

    @api.get("/revisions/{number}/diff/{other}", dependencies=reader)
    def difference(recording: UUID, number: int, other: int) -> list[DifferenceView]:
        """What changed from one revision to the other, segment by segment and word by word."""
        return editing.difference(recording, number, other)

    @api.post("/revisions/{number}/restore")
    def restore(recording: UUID, number: int, actor: Editor) -> Restored:
        """Make the transcript as it was then. That is a new revision: nothing in between is lost."""
        return editing.restore(recording, actor, number)

    return api


def _json(found: BaseModel, words: bool, headers: dict[str, str] | None = None) -> Response:
    """Checked when it came and when it was made; to check hours of words once more takes longer than to write them."""
    exclude: IncEx | None = None if words else {"segments": {"__all__": {"words"}}}
    content = found.model_dump_json(exclude=exclude)
    return Response(content, media_type=JSON, headers=headers)


def _packed(answer: Response) -> Response:
    """Three hours are 3 MB, a fifth of that packed. No secret is in it that lengths could tell."""
    if len(answer.body) < LEAST_PACKED_BYTES:
        return answer
    headers = {"ETag": f"W/{answer.headers['etag']}", "Vary": answer.headers["vary"], "Content-Encoding": "gzip"}
    return Response(gzip.compress(answer.body, 1), media_type=JSON, headers=headers)


def _etag(revision: int, words: bool) -> str:
    return f'"{revision}"' if words else f'"{revision}-text"'
