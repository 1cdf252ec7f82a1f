"""Calls the `asr` brick."""

from __future__ import annotations

from pathlib import Path

from brickyard.bricks.asr.contract import SpeechReply, SpeechRequest, TranscribeReply, TranscribeRequest
from brickyard.bricks.client import PATIENCE_S, Brick


class Asr(Brick):
    def __init__(self, socket: Path, patience_s: float = PATIENCE_S) -> None:
        super().__init__("asr", socket, patience_s)

    async def speech(self, request: SpeechRequest) -> SpeechReply:
        return await self.ask("POST", "/speech", request, SpeechReply)

    async def transcribe(self, request: TranscribeRequest) -> TranscribeReply:
        return await self.ask("POST", "/transcribe", request, TranscribeReply)
