"""Puts the shared APIs together: every dialect behind one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from brickyard.access.turnstile import Turnstile
from brickyard.bricks.listening import Listening
from brickyard.bricks.llm.client import Passing
from brickyard.echo.pipelines import Bricks
from brickyard.engines.catalog import ModelCard
from brickyard.files.recordings import RecordingFiles
from brickyard.gateway import ollama, openai_llm
from brickyard.gateway.gate import Gate
from brickyard.gateway.libretranslate import LibreTranslateApi
from brickyard.gateway.ocr import OcrApi
from brickyard.gateway.openai_audio import AudioApi
from brickyard.gateway.openai_llm import ModelEntry
from brickyard.gateway.room import Room
from brickyard.gateway.sound import Sounds
from brickyard.kit.errors import BrickyardError
from brickyard.kit.settings import Settings
from brickyard.media.limits import Limits


class Gateway:
    """`routers` go into the web application; `running` is its life beside it."""

    def __init__(
        self,
        settings: Settings,
        turnstile: Turnstile,
        files: RecordingFiles,
        limits: Limits,
        bricks: Bricks,
        cards: Sequence[ModelCard],
    ) -> None:
        self._gate = Gate(turnstile)
        self._passing = Passing(settings.brick_socket("llm"))
        self._bricks = bricks
        self._cards = cards
        room = Room(settings.gateway_waiting)
        audio = AudioApi(
            self._gate, room, Sounds(files, limits), Listening(bricks.asr, bricks.diarize), bricks.translate, cards
        )
        self.routers: list[APIRouter] = [
            audio.router(),
            OcrApi(self._gate, room, files, bricks.ocr).router(),
            openai_llm.router(self._gate, self._passing, self._models),
            ollama.router(self._gate, self._passing),
            LibreTranslateApi(self._gate, room, settings.files_dir / "translated", bricks.translate).router(),
        ]

    @asynccontextmanager
    async def running(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._gate.running():
            try:
                yield
            finally:
                await self._passing.close()

    async def _models(self) -> list[ModelEntry]:
        """Those that transcribe are listed even where no LLM server answers."""
        own = [ModelEntry(card.name) for card in self._cards if card.brick == "asr"]
        try:
            return [*own, *(await openai_llm.language_models(self._bricks.llm)())]
        except BrickyardError:
            return own
