"""`/api/v1/recordings`"""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.audit import entry_of
from brickyard.access.policy import Action
from brickyard.echo.identity import Guard, needs
from brickyard.echo.recordings import everybody, form
from brickyard.echo.recordings.media import media_response
from brickyard.echo.recordings.schemas import (
    Additions,
    NewName,
    Recording,
    Redo,
    Submitted,
    TranscribeOptions,
    UploadFields,
)
from brickyard.echo.recordings.service import Recordings
from brickyard.kit.errors import BadInput
from brickyard.media.media_types import MEDIA_TYPES

FORM_OVERHEAD_BYTES = 1 << 20
"""What a form may have beside its file."""
FILE_FIELD = {
    "type": "string",
    "format": "binary",
    "description": "audio or video, up to the limits in /api/v1/info; last, so that wrong options are told of at once",
}


def _form_schema() -> dict[str, Any]:
    """Of the upload, which is read by hand and therefore described by hand."""
    schema = UploadFields.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema["properties"] |= {form.FILE: FILE_FIELD}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema | {"required": ["file"]}}},
        }
    }


def _fields(values: dict[str, str]) -> UploadFields:
    """Raises BadInput. An empty field is one that was not filled in."""
    try:
        fields = UploadFields.model_validate({name: value for name, value in values.items() if value != ""})
        _ = fields.options
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "options"
        raise BadInput(f"{where}: {first['msg']}.") from error
    return fields


def file_name(found: Recording) -> str:
    """A name that was given later says nothing of the kind of file; what opens it goes by that."""
    is_said = PurePath(found.name).suffix.removeprefix(".").lower() in MEDIA_TYPES
    return found.name if is_said else f"{found.name}.{found.container}"


def router(recordings: Recordings, upload_bytes: int) -> APIRouter:
    """`upload_bytes`: what a form with a file may have at most."""
    api = APIRouter(tags=["recordings"])

    @api.post("/recordings", status_code=201, openapi_extra=_form_schema(), max_body_size=upload_bytes)
    async def upload(request: Request, actor: Annotated[Actor, needs(Action.RECORDING_ADD)]) -> Submitted:
        """Upload a recording; its transcript is made by the job whose id is returned."""
        await run_in_threadpool(recordings.check_jobs_of, actor)
        announced = request.headers.get("content-length", "")
        size_bytes = max(0, int(announced) - FORM_OVERHEAD_BYTES) if announced.isdecimal() else 0
        await run_in_threadpool(recordings.check_limits, actor, size_bytes)

        def check(values: dict[str, str]) -> None:
            recordings.check_wishes(_fields(values), actor)

        sent = await form.receive(request, recordings.receiver(), check)
        guard: Guard = request.app.state.guard
        submitted = await recordings.add(sent.name, sent.arrived, _fields(sent.fields), actor)
        found = submitted.recording
        guard.meter(actor, "recordings", requests=1, bytes=found.size_bytes, audio_s=found.duration_s)
        return submitted

    @api.get("/recordings")
    def newest(actor: Annotated[Actor, needs(Action.RECORDING_LIST)]) -> list[Recording]:
        """The recordings that you may see, newest first."""
        return recordings.newest(actor)

    @api.get("/admin/recordings", tags=["administration"])
    def everybodys(
        wanted: Annotated[everybody.Wanted, Query()], actor: Annotated[Actor, needs(Action.RECORDING_LIST_ALL)]
    ) -> everybody.EverybodysPage:
        """Everybody's recordings, filtered and sorted, page by page: that they are there, not what is in them."""
        return everybody.page(recordings.engine, wanted, actor.id)

    @api.get("/recordings/{recording}")
    def get(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_SEE)]) -> Recording:
        return recordings.get(recording, actor)

    @api.patch("/recordings/{recording}")
    def rename(recording: UUID, new: NewName, actor: Annotated[Actor, needs(Action.RECORDING_RENAME)]) -> Recording:
        """Give it another name; what is exported of it is called so, too."""
        return recordings.rename(recording, new.name, actor)

    @api.head("/recordings/{recording}/media", include_in_schema=False)
    @api.get("/recordings/{recording}/media", response_class=Response)
    def media(request: Request, recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_CONTENT)]) -> Response:
        """What was uploaded, in whole or by range, for a player."""
        found = recordings.get(recording, actor)
        media_type = MEDIA_TYPES.get(found.container, "application/octet-stream")
        stored, etag = recordings.media(recording)
        return media_response(request, stored, media_type, file_name(found), etag)

    @api.post("/recordings/{recording}/jobs", status_code=201)
    def transcribe_again(
        recording: UUID, options: TranscribeOptions, actor: Annotated[Actor, needs(Action.RECORDING_TRANSCRIBE)]
    ) -> Submitted:
        """Transcribe a recording anew, with other options; what is made of it replaces what there was."""
        return recordings.transcribe_again(recording, options, actor)

    @api.post("/recordings/{recording}/additions", status_code=201)
    def add_to(
        recording: UUID, wanted: Additions, actor: Annotated[Actor, needs(Action.RECORDING_TRANSCRIBE)]
    ) -> Submitted:
        """Translate, summarize or read the screen, from the transcript as it is now. Nothing is transcribed again, and
        what people changed in the transcript stays; translations and summaries of other kinds stay too."""
        return recordings.add_to(recording, wanted, actor)

    @api.post("/recordings/{recording}/coverage/redo", status_code=201, tags=["transcripts"])
    def redo(
        request: Request, recording: UUID, stretch: Redo, actor: Annotated[Actor, needs(Action.RECORDING_EDIT)]
    ) -> Submitted:
        """Have one stretch heard again, of five minutes at most. What is better than before becomes a new revision;
        what people changed stays. The job's result says whether it was `kept`, and in which `revision`."""
        submitted = recordings.redo(recording, stretch, actor)
        guard: Guard = request.app.state.guard
        details = {"heard_again": [stretch.start, stretch.end], "job": str(submitted.job)}
        told = entry_of(actor, Action.RECORDING_EDIT, object_kind="recording", object_id=recording, details=details)
        guard.audit.append(told)
        return submitted

    @api.delete("/recordings/{recording}", status_code=204)
    def delete(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_DELETE)]) -> None:
        """Delete a recording: its key, its files, and all that was made of it."""
        recordings.erase(recording, actor, "asked for")

    return api
