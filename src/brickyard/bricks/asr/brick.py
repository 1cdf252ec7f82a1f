"""The `asr` brick: where somebody speaks, and what was said there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

from brickyard.bricks.asr.contract import (
    SpeechReply,
    SpeechRequest,
    TranscribeReply,
    TranscribeRequest,
    pairs,
    segment_model,
    spans,
)
from brickyard.bricks.compute import Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.models import Offer
from brickyard.bricks.server import application
from brickyard.engines.base import Segment, Span, SpeechRecognizer
from brickyard.engines.catalog import ModelCard, recognizer_for
from brickyard.engines.silero import SileroVad
from brickyard.kit.errors import Unsupported
from brickyard.kit.logs import get
from brickyard.media import pcm

log = get(__name__)

OfferOf = Callable[[ModelCard], Offer[SpeechRecognizer]]


class AsrBrick:
    """Loads the recognizer that a language needs when it is first asked for."""

    def __init__(self, cards: Sequence[ModelCard], offer_of: OfferOf, compute: Compute) -> None:
        self._cards = cards
        self._offers = {card.name: offer_of(card) for card in cards if card.brick == "asr"}
        self._compute = compute

    def app(self) -> FastAPI:
        app = application(self._compute, self._health, list(self._first()))

        @app.post("/speech")
        async def speech(request: SpeechRequest) -> SpeechReply:
            return await run_in_threadpool(find_speech, request)

        @app.post("/transcribe")
        async def transcribe(request: Request, body: TranscribeRequest) -> TranscribeReply:
            offer = self._offers[recognizer_for(body.language, self._cards, body.model).name]
            computed = await self._compute.run_chunk(
                request, offer, body.priority, body.tenant, partial(transcribed, body)
            )
            segments = [segment_model(segment, body.start) for segment in computed.result[1]]
            return TranscribeReply(segments=segments, engine=computed.result[0], computed_s=computed.computed_s)

        return app

    def _first(self) -> Iterator[Offer[SpeechRecognizer]]:
        """What is most likely asked for first, and what is to stay loaded always."""
        try:
            default = recognizer_for(None, self._cards).name
        except Unsupported as error:
            log.warning("no speech can be recognized", reason=error.message)
            return
        yield self._offers[default]
        yield from (offer for name, offer in self._offers.items() if offer.pinned and name != default)

    def _health(self) -> Health:
        return Health(brick="asr", engine=", ".join(sorted(self._offers)))


def transcribed(body: TranscribeRequest, recognizer: SpeechRecognizer, batch: int) -> tuple[str, list[Segment]]:
    """Who recognized it, and what was said in one chunk, in seconds from its start."""
    audio = pcm.read(body.sound, body.start, body.end, body.channel)
    found = recognizer.transcribe(audio, spans(body.spans, body.start), body.language, batch, careful=body.careful)
    log.info("chunk transcribed", audio=body.audio, channel=body.channel, start=body.start, end=body.end, batch=batch)
    return recognizer.name, found


def find_speech(request: SpeechRequest) -> SpeechReply:
    """The model is tiny and its state belongs to one stretch, so each request has a model of its own."""
    audio = pcm.read(request.sound, request.start, request.end, request.channel)
    found = SileroVad().speech_spans([audio])
    return SpeechReply(spans=pairs(Span(span.start + request.start, span.end + request.start) for span in found))
