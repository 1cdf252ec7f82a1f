"""LibreTranslate's API: texts, documents, detection and languages. Errors are {"error": "…"}.

A key may also come as `api_key` in the body. `/languages`, `/health`, `/frontend/settings` and finished documents,
whose names nobody can guess, need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from brickyard.bricks.translate.client import Translate
from brickyard.bricks.translate.languages import name_of
from brickyard.gateway.dialect import route_class
from brickyard.gateway.gate import Caller, Gate
from brickyard.gateway.libretranslate_bodies import Detecting, Translating, given
from brickyard.gateway.room import Room
from brickyard.gateway.shelf import Shelf
from brickyard.gateway.translating import Guessed, Offered, Translated, guessed, offered, translated
from brickyard.kit.errors import BrickyardError, Forbidden, TooLarge
from brickyard.text import documents
from brickyard.text.documents import Kind

SCOPE = "translate"
SERVICE = "translate"
AUTO = "auto"
BODY_BYTES = 64 << 20
MOST_LETTERS = 100_000
MOST_LETTERS_OF_A_FILE = 500_000
DETECTED_BY_LETTERS = 5000
CLIENT_WAITS_MS = 500

_UNPROCESSABLE = 422


@dataclass(frozen=True)
class LibreTranslateApi:
    """`folder`: where translated documents lie until they are fetched, for an hour at most."""

    gate: Gate
    room: Room
    folder: Path
    translate: Translate

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.folder)

    def router(self) -> APIRouter:
        # The official client sends its key within the form, so that has to be read first; it may not be large.
        routes = APIRouter(route_class=route_class(render), include_in_schema=False, max_body_size=BODY_BYTES)

        @routes.post("/translate", response_model=None)
        async def translate_texts(request: Request) -> dict[str, Any]:
            asked = await given(request, Translating)
            caller = await self.gate.admit(request, SCOPE, asked.api_key or None)
            return await self._answer(caller, asked)

        @routes.post("/detect", response_model=None)
        async def detect(request: Request) -> list[dict[str, Any]]:
            asked = await given(request, Detecting)
            caller = await self.gate.admit(request, SCOPE, asked.api_key or None)
            _check_letters(len(asked.q), MOST_LETTERS)
            self.gate.meter(caller, SERVICE, "detection", letters=len(asked.q), requests=1)
            return [_told(guess) for guess in await self._guesses(asked.q)]

        @routes.post("/translate_file", response_model=None)
        async def translate_file(
            request: Request,
            file: Annotated[UploadFile, File()],
            target: Annotated[str, Form()],
            source: Annotated[str, Form()] = AUTO,
            api_key: Annotated[str, Form()] = "",
        ) -> dict[str, str]:
            caller = await self.gate.admit(request, SCOPE, api_key or None)
            kind = documents.kind_of(file.filename or "")
            with self.room.place():
                name = await self._file(caller, kind, file.file, source, target)
            return {"translatedFileUrl": f"{request.base_url}download_file/{name}"}

        @routes.get("/download_file/{name}", response_model=None)
        def download_file(name: str) -> Response:
            """Always as an attachment, so that no page of somebody else's is shown as one of ours."""
            kind, content = self._shelf.fetch(name)
            headers = {
                "content-disposition": f'attachment; filename="translated.{kind}"',
                "x-content-type-options": "nosniff",
                "cache-control": "private, no-store",
            }
            return Response(content, media_type=kind.media_type, headers=headers)

        @routes.post("/suggest", response_model=None)
        def suggest() -> None:
            raise Forbidden("Suggestions of better translations are not collected here.")

        @routes.get("/languages", response_model=None)
        async def languages() -> list[dict[str, Any]]:
            found = await offered(self.translate)
            return [{"code": one.code, "name": name_of(one.code), "targets": list(one.targets)} for one in found]

        @routes.get("/health", response_model=None)
        def health() -> dict[str, str]:
            return {"status": "ok"}

        @routes.get("/frontend/settings", response_model=None)
        async def settings() -> dict[str, Any]:
            return settings_of(await offered(self.translate))

        return routes

    async def _answer(self, caller: Caller, asked: Translating) -> dict[str, Any]:
        """Texts of the same language go together; what is a list in the request is one in the answer."""
        texts = asked.q if isinstance(asked.q, list) else [asked.q]
        _check_letters(sum(map(len, texts)), MOST_LETTERS)
        is_html = asked.format == "html"
        pieces = [documents.html_texts(text) if is_html else [text] for text in texts]
        guesses = [await self._guess(own, asked.source) for own in pieces]
        done, engines = await self._translated(caller, pieces, [guess.language for guess in guesses], asked.target)
        if is_html:
            found = [documents.html_with(text, own) for text, own in zip(texts, done, strict=True)]
        else:
            found = [own[0] for own in done]
        answer: dict[str, Any] = {"translatedText": found}
        if asked.source == AUTO:
            answer["detectedLanguage"] = [_told(guess) for guess in guesses]
        if asked.alternatives:
            answer["alternatives"] = [[] for _ in texts]
        self.gate.meter(caller, SERVICE, engines, letters=sum(map(len, texts)), requests=1)
        return answer if isinstance(asked.q, list) else {name: value[0] for name, value in answer.items()}

    async def _translated(
        self, caller: Caller, pieces: Sequence[Sequence[str]], sources: Sequence[str], target: str
    ) -> tuple[list[list[str]], str]:
        """The pieces of each text, and the names of the engines."""
        done: list[list[str]] = [list(own) for own in pieces]
        engines: dict[str, None] = {}
        for source in dict.fromkeys(sources):
            numbers = [number for number, own in enumerate(sources) if own == source]
            together = [piece for number in numbers for piece in pieces[number]]
            reply: Translated = await translated(self.translate, together, source or None, target, caller)
            engines.update(dict.fromkeys(reply.engines))
            new = iter(reply.texts)
            for number in numbers:
                done[number] = [next(new) for _ in pieces[number]]
        return done, ", ".join(engines) or "none"

    async def _file(self, caller: Caller, kind: Kind, stream: BinaryIO, source: str, target: str) -> str:
        """The name of the translated document. Raises BadInput, TooLarge."""
        data = await run_in_threadpool(stream.read, (documents.LARGEST_MIB << 20) + 1)
        texts = await run_in_threadpool(documents.texts_of, kind, data)
        letters = sum(map(len, texts))
        _check_letters(letters, MOST_LETTERS_OF_A_FILE)
        guess = await self._guess(texts, source)
        done, engines = await self._translated(caller, [texts], [guess.language], target)
        self.gate.meter(caller, SERVICE, engines, letters=letters, requests=1)
        new = await run_in_threadpool(documents.with_texts, kind, data, done[0])
        return await run_in_threadpool(self._shelf.put, kind, new)

    async def _guess(self, texts: Sequence[str], source: str) -> Guessed:
        """The language of texts that belong together; "" where nothing tells, and the brick then looks at each."""
        if source != AUTO:
            return Guessed(language=source, confidence=1.0)
        guesses = await self._guesses(" ".join(texts))
        return guesses[0] if guesses else Guessed(language="", confidence=0.0)

    async def _guesses(self, text: str) -> list[Guessed]:
        return await guessed(self.translate, text[:DETECTED_BY_LETTERS])


def render(error: BrickyardError) -> Response:
    """{"error": "…"}; what no engine can do is a bad request in this dialect."""
    status = 400 if error.status == _UNPROCESSABLE else error.status
    return JSONResponse({"error": error.message}, status_code=status)


def settings_of(languages: Sequence[Offered]) -> dict[str, Any]:
    """What a page in front of this API asks for."""
    first = min(languages, key=lambda one: (one.code != "en", one.code), default=Offered("en", ()))
    return {
        "apiKeys": True,
        "keyRequired": True,
        "charLimit": MOST_LETTERS,
        "frontendTimeout": CLIENT_WAITS_MS,
        "suggestions": False,
        "filesTranslation": True,
        "supportedFilesFormat": list(documents.SUFFIXES),
        "language": {
            "source": {"code": AUTO, "name": "Auto Detect"},
            "target": {"code": first.code, "name": name_of(first.code)},
        },
    }


def _told(guess: Guessed) -> dict[str, Any]:
    """Per cent in this dialect."""
    return {"language": guess.language, "confidence": round(100 * guess.confidence, 1)}


def _check_letters(letters: int, most: int) -> None:
    if letters > most:
        raise TooLarge(f"The text has {letters:,} letters; at most {most:,} are translated at once. Divide it.")
