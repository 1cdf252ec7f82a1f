"""The product on a page: what happens to a recording."""

from __future__ import annotations

import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.runner import AHEAD
from brickyard.echo.coverage.steps import CoverageStep
from brickyard.echo.recordings.steps import decode_step
from brickyard.echo.transcripts.steps import TranscriptSteps, without_speakers
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.media.limits import Limits


def transcribe(engine: sa.Engine, files: RecordingFiles, limits: Limits, asr: Asr, diarize: Diarize) -> Pipeline:
    """Sound, where there is speech, words; beside that, who speaks when; in the end, who said what, when."""
    steps = TranscriptSteps(engine, files, asr, diarize)
    coverage = CoverageStep(engine, files, asr)
    return Pipeline(
        "transcribe",
        (
            Step("decode", decode_step(engine, files, limits)),
            Step("speech", steps.speech, needs=("decode",)),
            Step("asr", steps.asr, needs=("decode",), at_once=AHEAD),
            Step("diarize", steps.diarize, needs=("decode",), at_once=AHEAD, skipped=without_speakers),
            Step("speakers", steps.speakers, needs=("decode", "speech", "diarize"), skipped=without_speakers),
            Step("coverage", coverage.run, needs=("decode", "speech", "asr"), at_once=AHEAD),
            Step("transcript", steps.transcript, needs=("decode", "speech", "coverage", "speakers")),
        ),
    )
