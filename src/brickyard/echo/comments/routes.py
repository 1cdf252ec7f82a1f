"""`/api/v1/recordings/{recording}/comments`"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.comments.schemas import Comment, NewComment, NewText, Resolution
from brickyard.echo.comments.service import Comments
from brickyard.echo.identity import needs

Reader = Annotated[Actor, needs(Action.RECORDING_CONTENT)]
Commenter = Annotated[Actor, needs(Action.RECORDING_COMMENT)]


class Added(BaseModel):
    id: UUID


def router(comments: Comments) -> APIRouter:
    api = APIRouter(prefix="/recordings/{recording}/comments", tags=["comments"])

    @api.get("")
    def every(recording: UUID, actor: Reader) -> list[Comment]:
        """Comments with their answers, in the order of the moments that they are about."""
        return comments.every(recording, actor)

    @api.post("", status_code=201)
    def add(recording: UUID, new: NewComment, actor: Commenter) -> Added:
        """Comment on a moment, or answer a comment."""
        return Added(id=comments.add(recording, new, actor))

    @api.put("/{comment}", status_code=204)
    def edit(recording: UUID, comment: UUID, new: NewText, actor: Commenter) -> None:
        """Change what you wrote."""
        comments.edit(recording, comment, new.text, actor)

    @api.put("/{comment}/resolution", status_code=204)
    def resolve(recording: UUID, comment: UUID, wanted: Resolution, actor: Commenter) -> None:
        """Say that nothing is left to do about a comment, or that something is."""
        comments.resolve(recording, comment, wanted.resolved, actor)

    @api.delete("/{comment}", status_code=204)
    def delete(recording: UUID, comment: UUID, actor: Commenter) -> None:
        """Delete a comment with its answers: your own, or any on your own recording."""
        comments.delete(recording, comment, actor)

    return api
