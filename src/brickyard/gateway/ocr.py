"""`/v1/ocr`: the text of an image or a PDF, page by page. Errors have the shape of OpenAI's API."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool

from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.ocr.contract import EngineChoice, ImageText, ReadRequest
from brickyard.files.recordings import RecordingFiles
from brickyard.gateway.dialect import route_class
from brickyard.gateway.gate import Caller, Gate
from brickyard.gateway.openai_llm import render
from brickyard.gateway.presence import while_there
from brickyard.gateway.room import Room
from brickyard.kit.errors import BadInput
from brickyard.media.pages import Page, draw_pages

SCOPE = "ocr"
SERVICE = "ocr"
PAGES_AT_ONCE = 4


@dataclass(frozen=True)
class OcrApi:
    gate: Gate
    room: Room
    files: RecordingFiles
    ocr: Ocr

    def router(self) -> APIRouter:
        routes = APIRouter(route_class=route_class(render, self.gate.recognise))

        @routes.post("/v1/ocr", include_in_schema=False, response_model=None)
        async def read(
            request: Request,
            file: Annotated[UploadFile, File()],
            languages: Annotated[str, Form()] = "",
            engine: Annotated[EngineChoice, Form()] = "auto",
        ) -> dict[str, Any]:
            caller = await self.gate.admit(request, SCOPE)
            expected = _codes(languages)
            pages, images = await while_there(request, self._read(caller, file, expected, engine))
            answer = told(pages, images)
            self.gate.meter(caller, SERVICE, answer["engine"], requests=1, pages=len(pages))
            return answer

        return routes

    async def _read(
        self, caller: Caller, file: UploadFile, languages: Sequence[str], engine: EngineChoice
    ) -> tuple[list[Page], list[ImageText]]:
        """Drawn in a confined child process, then read some pages at a time; nothing of it stays."""
        with self.room.place():
            return await self._read_here(caller, file, languages, engine)

    async def _read_here(
        self, caller: Caller, file: UploadFile, languages: Sequence[str], engine: EngineChoice
    ) -> tuple[list[Page], list[ImageText]]:
        arrived = await run_in_threadpool(self.files.receive, file.file, self.files.passing_key())
        folder = arrived.path.with_suffix(".pages")
        images: list[ImageText] = []
        try:
            pages = await draw_pages(arrived.stored, folder)
            for first in range(0, len(pages), PAGES_AT_ONCE):
                asked = ReadRequest(
                    images=[str(page.stored.path) for page in pages[first : first + PAGES_AT_ONCE]],
                    key=arrived.stored.key_text,
                    languages=list(languages),
                    engine=engine,
                    priority=caller.priority,
                    tenant=caller.owner,
                )
                images += (await self.ocr.read(asked)).images
        finally:
            self.files.drop(arrived)
            shutil.rmtree(folder, ignore_errors=True)
        return pages, images


def told(pages: Sequence[Page], images: Sequence[ImageText]) -> dict[str, Any]:
    """Boxes are left, top, right, bottom as parts of a page's width and height."""
    texts = ["\n".join(line.text for line in image.lines) for image in images]
    return {
        "object": "ocr",
        "engine": ", ".join(dict.fromkeys(image.engine for image in images)),
        "text": "\n\n".join(texts),
        "pages": [
            {
                "page": number,
                "width": page.width,
                "height": page.height,
                "text": text,
                "lines": [line.model_dump() for line in image.lines],
            }
            for number, (page, image, text) in enumerate(zip(pages, images, texts, strict=True), 1)
        ],
        "usage": {"type": "pages", "pages": len(pages)},
    }


def _codes(languages: str) -> list[str]:
    """`fr,ru` → [fr, ru]"""
    codes = [code.strip().lower() for code in languages.split(",") if code.strip()]
    wrong = [code for code in codes if not (code.isalpha() and len(code) in (2, 3))]
    if wrong:
        raise BadInput(f"languages: {wrong[0]!r} is no language code. Give ISO 639-1 codes, such as 'fr,ru'.")
    return codes
