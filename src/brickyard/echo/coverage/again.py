"""Hearing a stretch a second time, in the careful way."""

from __future__ import annotations

from collections.abc import Sequence

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.asr.contract import TranscribeReply, TranscribeRequest, pairs
from brickyard.engines.base import Span
from brickyard.engines.catalog import MOONSHINE
from brickyard.jobs.context import StepContext
from brickyard.kit.sealed import Stored

LEAST_CONFIDENCE = 0.5
"""Of one segment of moonshine: none of 66 of real English were below, of the same played backwards 63 % of 19."""
LEAST_CONFIDENCE_OF_WHISPER = 0.3


async def heard_again(
    asr: Asr, context: StepContext, sound: Stored, channel: int, speech: Sequence[Span], language: str | None
) -> TranscribeReply:
    """`speech`: at least one span; together they are a chunk."""
    request = TranscribeRequest(
        audio=str(sound.path),
        key=sound.key_text,
        channel=channel,
        start=speech[0].start,
        end=speech[-1].end,
        spans=pairs(speech),
        language=language,
        careful=True,
        priority=context.job.priority.name.lower(),
        tenant=context.job.owner,
    )
    return await asr.transcribe(request)


def least_confidence(engine: str) -> float:
    """Below it, a segment is doubtful: each engine counts on a scale of its own."""
    return LEAST_CONFIDENCE if engine == MOONSHINE else LEAST_CONFIDENCE_OF_WHISPER
