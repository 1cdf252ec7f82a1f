"""An app that takes uploads and nothing else, and the bytes of something that it takes."""

from __future__ import annotations

import sys
import wave
from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from brickyard.access.actor import Actor
from brickyard.access.master import MasterKey
from brickyard.access.policy import Role
from brickyard.echo.recordings.schemas import TranscribeOptions
from brickyard.echo.recordings.service import Recordings
from brickyard.echo.recordings.vault import Vault
from brickyard.echo.uploads import routes, tus
from brickyard.echo.uploads.service import Uploads
from brickyard.files.recordings import RecordingFiles
from brickyard.kit import db
from brickyard.kit.errors import BrickyardError, Unsupported
from brickyard.media.limits import Limits
from tests.unit.echo.welcoming import Welcoming

MASTER = MasterKey([bytes(32)])
ADA = Actor("ada", "ada", frozenset({Role.ANALYST}), "session", "s")
BEN = replace(ADA, id="ben", name="ben")
MOST_BYTES = 400_000_000
PLACE = "/api/v1/uploads"
VERSION = {"Tus-Resumable": tus.VERSION}
BODY = {**VERSION, "Content-Type": tus.BODY_TYPE}


def sound(duration_s: float = 2.0) -> bytes:
    """A WAV of low noise: 32,000 bytes a second, none like the other."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes((number * number >> 7) & 15 for number in range(int(duration_s * 32_000))))
    return out.getvalue()


def refuse_french(options: TranscribeOptions) -> None:
    if options.language == "fr":
        raise Unsupported("not fr")


def recordings(engine: sa.Engine, folder: Path, *, encrypt: bool = True) -> Recordings:
    vault = Vault(engine, MASTER, encrypt)
    files = RecordingFiles(folder, MOST_BYTES, vault.key_of)

    def erase(recording: UUID, actor: Actor, reason: str) -> None:
        raise AssertionError("nobody deletes here")

    limits = Limits(max_size_bytes=MOST_BYTES)
    return Recordings(engine, files, vault, limits, refuse_french, erase, keep_jobs_s=60.0)


def uploads(engine: sa.Engine, folder: Path, **others: Any) -> Uploads:
    taking = recordings(engine, folder, encrypt=others.pop("encrypt", True))
    return Uploads(taking, MASTER, folder / "uploads", **others)


def said(**values: str) -> str:
    """Upload-Metadata."""
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())


def app(taking: Uploads, guard: Welcoming | None = None) -> FastAPI:
    made = FastAPI()
    made.state.guard = guard or Welcoming(ADA)
    made.include_router(routes.router(taking), prefix="/api/v1", max_body_size=1 << 20)

    @made.exception_handler(BrickyardError)
    def ours(_: Request, error: BrickyardError) -> JSONResponse:
        return JSONResponse({"error": {"code": error.code, "message": error.message}}, status_code=error.status)

    return made


def main() -> None:
    """A server of its own: address of the database, folder and port."""
    address, folder, port = sys.argv[1:]
    engine = db.connect(address)
    uvicorn.run(app(uploads(engine, Path(folder))), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
