"""Tags, which all who see a recording share, and folders, which everybody has for themselves."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

TagName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=PRINTABLE)]
FolderName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTABLE)]


class Tags(BaseModel):
    """All tags of a recording; case is kept, and tags that differ by it alone are one."""

    tags: Annotated[list[TagName], Field(max_length=30)]


class TagCount(BaseModel):
    tag: str
    recordings: int


class Folder(BaseModel):
    """`parent`: the folder that it lies in. `recordings`: those filed in it that you may still see."""

    id: UUID
    name: str
    parent: UUID | None
    recordings: int


class NewFolder(BaseModel):
    name: FolderName
    parent: UUID | None = None


class Place(BaseModel):
    """null takes the recording out of its folder."""

    folder: UUID | None


class Made(BaseModel):
    id: UUID
