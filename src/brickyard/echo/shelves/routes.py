"""`/api/v1/tags`, `/api/v1/folders`, and where a recording is kept."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import needs
from brickyard.echo.shelves.schemas import Folder, Made, NewFolder, Place, TagCount, Tags
from brickyard.echo.shelves.service import Shelves

Keeper = Annotated[Actor, needs(Action.FOLDERS)]


def router(shelves: Shelves) -> APIRouter:
    api = APIRouter(tags=["shelves"])

    @api.get("/tags")
    def tags(actor: Keeper) -> list[TagCount]:
        """The tags of all that you may see, and how many recordings have each."""
        return shelves.counted_tags(actor)

    @api.get("/recordings/{recording}/tags", dependencies=[needs(Action.RECORDING_SEE)])
    def tags_of(recording: UUID) -> Tags:
        return Tags(tags=shelves.tags_of(recording))

    @api.put("/recordings/{recording}/tags")
    def set_tags(recording: UUID, new: Tags, actor: Annotated[Actor, needs(Action.RECORDING_TAG)]) -> Tags:
        """These tags in place of those it had. All who see the recording see them."""
        return Tags(tags=shelves.set_tags(recording, new.tags, actor))

    @api.get("/folders")
    def folders(actor: Keeper) -> list[Folder]:
        """Your folders, by name; nobody else sees them."""
        return shelves.folders(actor)

    @api.post("/folders", status_code=201)
    def make(new: NewFolder, actor: Keeper) -> Made:
        return Made(id=shelves.make(new, actor))

    @api.put("/folders/{folder}", status_code=204)
    def change(folder: UUID, new: NewFolder, actor: Keeper) -> None:
        """Rename it, and move it into another folder, or to the top where `parent` is null."""
        shelves.change(folder, new, actor)

    @api.delete("/folders/{folder}", status_code=204)
    def delete(folder: UUID, actor: Keeper) -> None:
        """What lies in it moves to the folder around it; no recording is deleted."""
        shelves.delete(folder, actor)

    @api.get("/recordings/{recording}/folder")
    def place(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_SEE)]) -> Place:
        """In which of your folders it is."""
        return Place(folder=shelves.place_of(recording, actor))

    @api.put("/recordings/{recording}/folder", status_code=204)
    def file(recording: UUID, new: Place, actor: Annotated[Actor, needs(Action.RECORDING_FILE)]) -> None:
        """Put it into one of your folders; it is in one at a time."""
        shelves.file(recording, new.folder, actor)

    return api
