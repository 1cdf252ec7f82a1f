"""Calls the `translate` brick."""

from __future__ import annotations

from pathlib import Path

from brickyard.bricks.client import PATIENCE_S, Brick
from brickyard.bricks.translate.contract import (
    DetectReply,
    DetectRequest,
    Languages,
    TranslateReply,
    TranslateRequest,
)


class Translate(Brick):
    def __init__(self, socket: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("translate", socket, patience_s)

    async def translate(self, request: TranslateRequest) -> TranslateReply:
        """Raises Unsupported where no route leads from a source to the target; it says which languages there are."""
        return await self.ask("POST", "/translate", request, TranslateReply)

    async def detect(self, request: DetectRequest) -> DetectReply:
        return await self.ask("POST", "/detect", request, DetectReply)

    async def languages(self) -> Languages:
        return await self.ask("GET", "/languages", None, Languages)
