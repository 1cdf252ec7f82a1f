"""The `diarize` brick: who speaks when, window by window, then linked over the whole recording."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from fastapi import FastAPI, Request

from brickyard.bricks.contract import (
    Health,
    LinkReply,
    LinkRequest,
    ObserveReply,
    ObserveRequest,
    TurnModel,
)
from brickyard.bricks.server import Compute, application
from brickyard.engines.base import Diarizer
from brickyard.engines.linking import from_json, to_json
from brickyard.gpu.client import BrokerClient
from brickyard.kit.logs import get
from brickyard.media import pcm

RESIDENT_MIB = 192
WORKING_MIB = 128

log = get(__name__)


class DiarizeBrick:
    def __init__(self, load: Callable[[], Diarizer], broker: BrokerClient | None, calls: int = 1) -> None:
        self._load = load
        self._diarizer: Diarizer | None = None
        self._one_at_a_time = threading.Lock()
        self._compute = Compute("diarize", broker, RESIDENT_MIB, WORKING_MIB, calls)

    def app(self) -> FastAPI:
        app = application("diarize", self._compute, self._health, self._engine)

        @app.post("/observe")
        async def observe(request: Request, body: ObserveRequest) -> ObserveReply:
            return await self._compute.run_chunk(request, body.priority, body.tenant, lambda: self._observe(body))

        @app.post("/link")
        async def link(body: LinkRequest) -> LinkReply:
            return await self._compute.run(self._link, body)

        return app

    def _observe(self, body: ObserveRequest) -> ObserveReply:
        audio = pcm.read(Path(body.audio), body.start, body.end, body.channel)
        diarizer = self._engine()
        with nullcontext() if diarizer.parallel else self._one_at_a_time:
            observations = diarizer.observe(audio, body.start)
        log.info("chunk observed", audio=body.audio, channel=body.channel, start=body.start, end=body.end)
        return ObserveReply(observations=[to_json(observation) for observation in observations])

    def _link(self, body: LinkRequest) -> LinkReply:
        turns = self._engine().link([from_json(value) for value in body.observations], body.speakers)
        return LinkReply(
            turns=[TurnModel(start=round(t.start, 3), end=round(t.end, 3), speaker=t.speaker) for t in turns]
        )

    def _engine(self) -> Diarizer:
        with self._one_at_a_time:
            if self._diarizer is None:
                self._diarizer = self._load()
            return self._diarizer

    def _health(self) -> Health:
        engine = self._engine()
        return Health(brick="diarize", engine=engine.name, window_s=engine.window_s, overlap_s=engine.overlap_s)
