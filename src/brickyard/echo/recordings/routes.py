"""`/api/v1/recordings`"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import FileResponse
from pydantic import ValidationError

from brickyard.echo.identity import Owner
from brickyard.echo.recordings.schemas import PriorityName, Recording, Submitted, TranscribeOptions, Webhook
from brickyard.echo.recordings.service import Recordings
from brickyard.kit.errors import BadInput
from brickyard.text.prompts import Template

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


def _codes(languages: str) -> list[str]:
    return [code.strip().lower() for code in languages.split(",") if code.strip()]


def _options(**values: Any) -> TranscribeOptions:
    """Raises BadInput: forms are checked field by field only."""
    try:
        return TranscribeOptions(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "options"
        raise BadInput(f"{where}: {first['msg']}.") from error


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
        translate_into: Annotated[str, Form(description="languages, with commas between them", examples=["fr"])] = "",
        summary: Annotated[Template | None, Form(description="a summary by this template")] = None,
        summary_instruction: Annotated[str | None, Form(description="what to write, for the template `free`")] = None,
        summary_language: Annotated[str | None, Form(description="without it, that of the recording")] = None,
        ocr: Annotated[bool, Form(description="whether to read what is on screen")] = False,
        ocr_languages: Annotated[str, Form(description="expected on screen, with commas between them")] = "",
        priority: Annotated[PriorityName, Form()] = PriorityName.standard,
        webhook_url: Annotated[str | None, Form(description="told when the job ends")] = None,
        webhook_secret: Annotated[str | None, Form(description="signs that message")] = None,
    ) -> Submitted:
        """Upload a recording; its transcript is made by the job whose id is returned."""
        options = _options(
            language=language,
            speakers=speakers,
            diarize=diarize,
            translate_into=_codes(translate_into),
            summary=summary,
            summary_instruction=summary_instruction,
            summary_language=summary_language,
            ocr=ocr,
            ocr_languages=_codes(ocr_languages),
            priority=priority,
        )
        webhook = Webhook(url=webhook_url, secret=webhook_secret) if webhook_url else None
        return await recordings.add(file.filename or "", file.file, options, owner, webhook)

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
        """Transcribe a recording anew, with other options; what is made of it replaces what there was."""
        return recordings.transcribe_again(recording, options, owner)

    @api.delete("/{recording}", status_code=204)
    def delete(recording: UUID, owner: Owner) -> None:
        """Delete a recording with its files and transcript."""
        recordings.delete(recording, owner)

    return api
