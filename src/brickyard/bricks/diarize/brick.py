"""The `diarize` brick: who speaks when, window by window, then linked over the whole recording."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request

from brickyard.bricks.compute import Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.diarize.contract import LinkReply, LinkRequest, ObserveReply, ObserveRequest, TurnModel
from brickyard.bricks.models import Offer
from brickyard.bricks.server import application
from brickyard.engines.base import Diarizer, Observation, Turn
from brickyard.engines.linking import from_json, to_json
from brickyard.kit.logs import get
from brickyard.media import pcm

log = get(__name__)


class DiarizeBrick:
    """`kind`: the engine's class, which says how it wants long audio cut and links what was seen, without weights."""

    def __init__(self, kind: type[Diarizer], offer: Offer[Diarizer], compute: Compute) -> None:
        self._kind = kind
        self._offer = offer
        self._compute = compute

    def app(self) -> FastAPI:
        app = application(self._compute, self._health, [self._offer])

        @app.post("/observe")
        async def observe(request: Request, body: ObserveRequest) -> ObserveReply:
            computed = await self._compute.run_chunk(
                request, self._offer, body.priority, body.tenant, partial(observed, body)
            )
            observations = [to_json(observation) for observation in computed.result]
            return ObserveReply(observations=observations, computed_s=computed.computed_s)

        @app.post("/link")
        async def link(body: LinkRequest) -> LinkReply:
            computed = await self._compute.run_beside(partial(self._link, body))
            turns = [
                TurnModel(start=round(t.start, 3), end=round(t.end, 3), speaker=t.speaker) for t in computed.result
            ]
            return LinkReply(turns=turns, computed_s=computed.computed_s)

        return app

    def _link(self, body: LinkRequest) -> list[Turn]:
        return self._kind.link([from_json(value) for value in body.observations], body.speakers)

    def _health(self) -> Health:
        kind = self._kind
        return Health(brick="diarize", engine=kind.name, window_s=kind.window_s, overlap_s=kind.overlap_s)


def observed(body: ObserveRequest, diarizer: Diarizer, batch: int) -> list[Observation]:
    audio = pcm.read(body.sound, body.start, body.end, body.channel)
    observations = diarizer.observe(audio, body.start, batch)
    log.info("chunk observed", audio=body.audio, channel=body.channel, start=body.start, end=body.end, batch=batch)
    return observations
