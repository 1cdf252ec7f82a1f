"""What the API says of uploads."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from brickyard.echo.recordings.schemas import UploadFields
from brickyard.echo.uploads import tus
from brickyard.kit.errors import BadInput

IGNORED = frozenset({"filename", "name", "filetype", "type", "relativePath"})
"""What clients of tus say of every file by themselves; the first two are its name."""


class UploadState(StrEnum):
    arriving = "arriving"
    checking = "checking"
    done = "done"
    refused = "refused"


class UploadProblem(BaseModel):
    """Why the file was refused."""

    code: str
    message: str


class UploadView(BaseModel):
    """`arriving`: `offset` of `length` bytes are here. `checking`: all are, and the file is looked at. `done`: it is
    `recording`, whose transcript is made by `job`. `refused`: `error` says why. It is forgotten at `expires_at`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "5b0b5a3e-86a5-4c8f-a8ad-36ed1ab0b9d3",
                "name": "interview.m4a",
                "state": "arriving",
                "offset": 67108864,
                "length": 1873201123,
                "created_at": "2026-11-23T09:12:44Z",
                "expires_at": "2026-11-30T09:14:02Z",
                "recording": None,
                "job": None,
                "error": None,
            }
        }
    )

    id: UUID
    name: str
    state: UploadState
    offset: int
    length: int
    created_at: datetime
    expires_at: datetime
    recording: UUID | None = None
    job: UUID | None = None
    error: UploadProblem | None = None


def wishes(header: str) -> tuple[str, UploadFields]:
    """Name and fields out of Upload-Metadata. An empty value is one that was not filled in. Raises BadInput."""
    said = tus.metadata(header)
    values = {name: value for name, value in said.items() if value != "" and name not in IGNORED}
    try:
        fields = UploadFields.model_validate(values)
        _ = fields.options
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "options"
        raise BadInput(f"Upload-Metadata, {where}: {first['msg']}.") from error
    return said.get("filename") or said.get("name") or "", fields
