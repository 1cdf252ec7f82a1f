"""The `asr` brick: where somebody speaks, and what was said there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
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
from brickyard.engines.base import Span, SpeechRecognizer
from brickyard.engines.catalog import ModelCard, recognizer_for
from brickyard.engines.silero import SileroVad
from brickyard.gpu.client import BrokerClient
from brickyard.kit.logs import get
from brickyard.media import pcm

RESIDENT_MIB = 256
WORKING_MIB = 256

log = get(__name__)

LoadRecognizer = Callable[[ModelCard], SpeechRecognizer]


class AsrBrick:
    """Loads the recognizer that a language needs when it is first asked for, and keeps it."""

    def __init__(
        self, cards: list[ModelCard], load: LoadRecognizer, broker: BrokerClient | None, calls: int = 1
    ) -> None:
        self._cards = cards
        self._load = load
        self._loaded: dict[str, SpeechRecognizer] = {}
        self._one_at_a_time = threading.Lock()
        self._compute = Compute("asr", broker, RESIDENT_MIB, WORKING_MIB, calls)

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
        with nullcontext() if recognizer.parallel else self._one_at_a_time:
            found = recognizer.transcribe(audio, spans(body.spans, body.start), body.language)
        log.info("chunk transcribed", audio=body.audio, channel=body.channel, start=body.start, end=body.end)
        segments = [segment_model(segment, body.start) for segment in found]
        return TranscribeReply(segments=segments, engine=recognizer.name)

    def _recognizer(self, language: str | None) -> SpeechRecognizer:
        card = recognizer_for(language, self._cards)
        with self._one_at_a_time:
            if card.name not in self._loaded:
                self._loaded[card.name] = self._load(card)
            return self._loaded[card.name]

    def _health(self) -> Health:
        return Health(brick="asr", engine=", ".join(sorted(self._loaded)))


def find_speech(request: SpeechRequest) -> SpeechReply:
    """The model is tiny and its state belongs to one stretch, so each request has a model of its own."""
    audio = pcm.read(Path(request.audio), request.start, request.end, request.channel)
    found = SileroVad().speech_spans([audio])
    return SpeechReply(spans=pairs(Span(span.start + request.start, span.end + request.start) for span in found))
