"""A recording from sound to words and turns, chunk by chunk, for somebody who waits: without the queue, nothing kept.

Jobs go another way, through checkpoints; both ask the same bricks in the same pieces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import SpeechRequest, TranscribeRequest, pairs, spans
from brickyard.bricks.chunks import SPEECH_WINDOW_S, Chunk, chunks_of_speech, settled, turns_of_channels, windows_of
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.diarize.contract import LinkRequest, ObserveRequest
from brickyard.bricks.runner import AHEAD, retry_in_s
from brickyard.engines.base import Segment, Turn
from brickyard.kit.errors import LeaseLost, OutOfMemory
from brickyard.kit.sealed import Stored

T = TypeVar("T")
R = TypeVar("R")

TRIES = 5
"""Of a chunk that finds no memory; then whoever waits is told."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded: 16 kHz WAV. `channels` is 2 where each holds one speaker."""

    wav: Stored
    duration_s: float
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom, and how. `speakers`: their number, where it is known."""

    language: str | None = None
    model: str | None = None
    speakers: int | None = None
    priority: str = "standard"
    tenant: str = "local"


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one chunk of a channel, by which engine."""

    channel: int
    segments: tuple[Segment, ...]
    engine: str


class Listening:
    def __init__(self, asr: Asr, diarize: Diarize) -> None:
        self._asr = asr
        self._diarize = diarize

    async def words(self, sound: Sound, asked: Asked) -> AsyncIterator[Heard]:
        """Chunk after chunk of one channel, then of the next, each as soon as it is there."""

        async def transcribe(place: tuple[int, float, Chunk]) -> Heard:
            channel, _, chunk = place
            request = TranscribeRequest(
                audio=str(sound.wav.path),
                key=sound.wav.key_text,
                channel=channel,
                start=chunk.start,
                end=chunk.end,
                spans=pairs(chunk.spans),
                language=asked.language,
                model=asked.model,
                priority=asked.priority,
                tenant=asked.tenant,
            )
            reply = await _patiently(lambda: self._asr.transcribe(request))
            return Heard(channel, tuple(segment.value() for segment in reply.segments), reply.engine)

        chunks = chunks_of_speech(self._speech(sound), sound.duration_s)
        async for heard in _ahead(chunks, transcribe):
            yield heard

    async def turns(self, sound: Sound, asked: Asked) -> list[Turn]:
        """Who speaks when. Where each channel is one speaker, that is when their channel speaks."""
        if sound.channels > 1:
            return turns_of_channels([window async for window in self._speech(sound)])
        health = await self._diarize.health()

        async def observe(window: tuple[float, float]) -> list[dict[str, object]]:
            request = ObserveRequest(
                audio=str(sound.wav.path),
                key=sound.wav.key_text,
                start=window[0],
                end=window[1],
                priority=asked.priority,
                tenant=asked.tenant,
            )
            return (await _patiently(lambda: self._diarize.observe(request))).observations

        async def windows_in_order() -> AsyncIterator[tuple[float, float]]:
            for window in windows_of(sound.duration_s, health.window_s or 60.0, health.overlap_s or 0.0):
                yield window

        seen = [one async for window in _ahead(windows_in_order(), observe) for one in window]
        linked = await self._diarize.link(LinkRequest(observations=seen, speakers=asked.speakers))
        return [turn.value() for turn in linked.turns]

    async def _speech(self, sound: Sound) -> AsyncIterator[Any]:
        for channel in range(sound.channels):
            start_s = 0.0
            while start_s < sound.duration_s:
                end_s = min(sound.duration_s, start_s + SPEECH_WINDOW_S)
                request = SpeechRequest(
                    audio=str(sound.wav.path), key=sound.wav.key_text, channel=channel, start=start_s, end=end_s
                )
                found = spans((await self._asr.speech(request)).spans)
                kept, start_s = settled(found, start_s, end_s, is_last=end_s >= sound.duration_s)
                yield {"channel": channel, "spans": pairs(kept)}


async def _ahead(items: AsyncIterator[T], work: Callable[[T], Awaitable[R]]) -> AsyncIterator[R]:
    """Results in order, a few under way at a time, so that the device never waits for whoever reads them."""
    under_way: deque[asyncio.Task[R]] = deque()
    try:
        async for item in items:
            under_way.append(asyncio.ensure_future(work(item)))
            if len(under_way) >= AHEAD:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _patiently(ask: Callable[[], Awaitable[R]]) -> R:
    """Raises OutOfMemory or LeaseLost when there is still no room after a few tries."""
    for tries in range(1, TRIES):
        try:
            return await ask()
        except (OutOfMemory, LeaseLost) as error:
            await asyncio.sleep(retry_in_s(error, tries))
    return await ask()
