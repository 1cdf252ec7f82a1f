"""The `asr` brick: where somebody speaks, and what was said there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from brickyard.bricks.contract import (
    Health,
    SpeechReply,
    SpeechRequest,
    TranscribeReply,
    TranscribeRequest,
    pairs,
    segment_model,
    spans,
)
from brickyard.bricks.server import Compute, application
from brickyard.engines.base import SpeechRecognizer
from brickyard.engines.catalog import ModelCard, recognizer_for
from brickyard.engines.silero import SileroVad
from brickyard.gpu.client import BrokerClient
from brickyard.kit.logs import get
from brickyard.media import pcm

RESIDENT_MIB = 256
WORKING_MIB = 256
VAD_BLOCK_S = 30.0

log = get(__name__)

LoadRecognizer = Callable[[ModelCard], SpeechRecognizer]


class AsrBrick:
    """Loads the recognizer that a language needs when it is first asked for, and keeps it."""

    def __init__(self, cards: list[ModelCard], load: LoadRecognizer, broker: BrokerClient | None) -> None:
        self._cards = cards
        self._load = load
        self._loaded: dict[str, SpeechRecognizer] = {}
        self._compute = Compute("asr", broker, RESIDENT_MIB, WORKING_MIB)

    def app(self) -> FastAPI:
        app = application("asr", self._compute, self._health, lambda: self._recognizer(None))

        @app.post("/speech")
        async def speech(request: SpeechRequest) -> SpeechReply:
            return await run_in_threadpool(find_speech, request)

        @app.post("/transcribe")
        async def transcribe(request: Request, body: TranscribeRequest) -> TranscribeReply:
            return await self._compute.run_chunk(request, body.priority, body.tenant, lambda: self._transcribe(body))

        return app

    def _transcribe(self, body: TranscribeRequest) -> TranscribeReply:
        recognizer = self._recognizer(body.language)
        audio = pcm.read(Path(body.audio), body.start, body.end, body.channel)
        found = recognizer.transcribe(audio, spans(body.spans, body.start), body.language)
        log.info("chunk transcribed", audio=body.audio, channel=body.channel, start=body.start, end=body.end)
        segments = [segment_model(segment, body.start) for segment in found]
        return TranscribeReply(segments=segments, engine=recognizer.name)

    def _recognizer(self, language: str | None) -> SpeechRecognizer:
        card = recognizer_for(language, self._cards)
        if card.name not in self._loaded:
            self._loaded[card.name] = self._load(card)
        return self._loaded[card.name]

    def _health(self) -> Health:
        return Health(brick="asr", engine=", ".join(sorted(self._loaded)))


def find_speech(request: SpeechRequest) -> SpeechReply:
    """One pass over the recording in constant memory; its model is tiny, so each request has its own."""
    blocks = pcm.blocks(Path(request.audio), VAD_BLOCK_S, request.channel)
    return SpeechReply(spans=pairs(SileroVad().speech_spans(blocks)))
