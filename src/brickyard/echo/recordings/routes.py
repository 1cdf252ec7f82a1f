"""`/api/v1/recordings`"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import FileResponse

from brickyard.echo.identity import Owner
from brickyard.echo.recordings.schemas import PriorityName, Recording, Submitted, TranscribeOptions
from brickyard.echo.recordings.service import Recordings

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


def router(recordings: Recordings) -> APIRouter:
    api = APIRouter(prefix="/recordings", tags=["recordings"])

    @api.post("", status_code=201)
    async def upload(
        *,
        owner: Owner,
        file: Annotated[UploadFile, File(description="audio or video, up to the limits in /api/v1/info")],
        language: Annotated[str | None, Form(description="ISO 639-1, e.g. `en`", examples=["en"])] = None,
        speakers: Annotated[int | None, Form(ge=1, le=50, description="their number, if known")] = None,
        diarize: Annotated[bool, Form(description="whether to tell speakers apart")] = True,
        priority: Annotated[PriorityName, Form()] = PriorityName.standard,
    ) -> Submitted:
        """Upload a recording; its transcript is made by the job whose id is returned."""
        options = TranscribeOptions(language=language, speakers=speakers, diarize=diarize, priority=priority)
        return await recordings.add(file.filename or "", file.file, options, owner)

    @api.get("")
    def newest(owner: Owner) -> list[Recording]:
        """Your recordings, newest first."""
        return recordings.newest(owner)

    @api.get("/{recording}")
    def get(recording: UUID, owner: Owner) -> Recording:
        return recordings.get(recording, owner)

    @api.get("/{recording}/media", response_class=FileResponse)
    def media(recording: UUID, owner: Owner) -> FileResponse:
        """What was uploaded, in whole or by range, for a player."""
        found = recordings.get(recording, owner)
        return FileResponse(
            recordings.files.source(recording),
            media_type=MEDIA_TYPES.get(found.container, "application/octet-stream"),
            filename=found.name,
            content_disposition_type="inline",
            headers={"X-Content-Type-Options": "nosniff"},
        )

    @api.post("/{recording}/jobs", status_code=201)
    def transcribe_again(recording: UUID, options: TranscribeOptions, owner: Owner) -> Submitted:
        """Transcribe a recording anew, with other options."""
        return recordings.transcribe_again(recording, options, owner)

    @api.delete("/{recording}", status_code=204)
    def delete(recording: UUID, owner: Owner) -> None:
        """Delete a recording with its files and transcript."""
        recordings.delete(recording, owner)

    return api
