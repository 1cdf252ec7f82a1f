"""`/api/v1/recordings`"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from brickyard.access.actor import Actor
from brickyard.access.policy import Action
from brickyard.echo.identity import Guard, needs
from brickyard.echo.recordings import form
from brickyard.echo.recordings.media import media_response
from brickyard.echo.recordings.schemas import Recording, Submitted, TranscribeOptions, UploadFields
from brickyard.echo.recordings.service import Recordings
from brickyard.kit.errors import BadInput

# By what the file is, never by its name: a name is the uploader's to choose.
MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wma": "audio/x-ms-wma",
    "wmv": "video/x-ms-wmv",
    "mp4": "video/mp4",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}
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
    def everybodys(actor: Annotated[Actor, needs(Action.RECORDING_LIST_ALL)]) -> list[Recording]:
        """Everybody's recordings, newest first: that they are there, not what is in them."""
        return recordings.newest(actor, of_everybody=True)

    @api.get("/recordings/{recording}")
    def get(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_SEE)]) -> Recording:
        return recordings.get(recording, actor)

    @api.head("/recordings/{recording}/media", include_in_schema=False)
    @api.get("/recordings/{recording}/media", response_class=Response)
    def media(request: Request, recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_CONTENT)]) -> Response:
        """What was uploaded, in whole or by range, for a player."""
        found = recordings.get(recording, actor)
        media_type = MEDIA_TYPES.get(found.container, "application/octet-stream")
        stored, etag = recordings.media(recording)
        return media_response(request, stored, media_type, found.name, etag)

    @api.post("/recordings/{recording}/jobs", status_code=201)
    def transcribe_again(
        recording: UUID, options: TranscribeOptions, actor: Annotated[Actor, needs(Action.RECORDING_TRANSCRIBE)]
    ) -> Submitted:
        """Transcribe a recording anew, with other options; what is made of it replaces what there was."""
        return recordings.transcribe_again(recording, options, actor)

    @api.delete("/recordings/{recording}", status_code=204)
    def delete(recording: UUID, actor: Annotated[Actor, needs(Action.RECORDING_DELETE)]) -> None:
        """Delete a recording: its key, its files, and all that was made of it."""
        recordings.erase(recording, actor, "asked for")

    return api
