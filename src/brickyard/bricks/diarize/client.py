"""Calls the `diarize` brick."""

from __future__ import annotations

from pathlib import Path

from brickyard.bricks.client import PATIENCE_S, Brick
from brickyard.bricks.diarize.contract import LinkReply, LinkRequest, ObserveReply, ObserveRequest


class Diarize(Brick):
    def __init__(self, socket: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("diarize", socket, patience_s)

    async def observe(self, request: ObserveRequest) -> ObserveReply:
        return await self.ask("POST", "/observe", request, ObserveReply)

    async def link(self, request: LinkRequest) -> LinkReply:
        return await self.ask("POST", "/link", request, LinkReply)
