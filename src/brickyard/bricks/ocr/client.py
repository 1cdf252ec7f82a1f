"""Calls the `ocr` brick."""

from __future__ import annotations

from pathlib import Path

from brickyard.bricks.client import PATIENCE_S, Brick
from brickyard.bricks.ocr.contract import ReadReply, ReadRequest


class Ocr(Brick):
    def __init__(self, socket: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("ocr", socket, patience_s)

    async def read(self, request: ReadRequest) -> ReadReply:
        """Raises Unsupported where no reader has the script, NotFound where an image is gone."""
        return await self.ask("POST", "/read", request, ReadReply)
