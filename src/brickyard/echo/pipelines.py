"""The product on a page: what happens to a recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from brickyard.bricks.asr.client import Asr
from brickyard.bricks.diarize.client import Diarize
from brickyard.bricks.llm.client import Llm
from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.runner import AHEAD
from brickyard.bricks.translate.client import Translate
from brickyard.echo.coverage.steps import CoverageStep
from brickyard.echo.recordings.steps import decode_step
from brickyard.echo.screen.steps import ScreenSteps, without_screen
from brickyard.echo.search.steps import index_step
from brickyard.echo.summaries.steps import SummarySteps, without_summary
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.steps import TranscriptSteps, without_speakers
from brickyard.echo.translations.steps import TranslationSteps, without_translation
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.pipeline import Pipeline, Step
from brickyard.media.limits import Limits
from brickyard.text.spoken import Turn


@dataclass(frozen=True, slots=True)
class Bricks:
    """The shared services that the pipeline asks."""

    asr: Asr
    diarize: Diarize
    ocr: Ocr
    translate: Translate
    llm: Llm


def transcribe(engine: sa.Engine, files: RecordingFiles, limits: Limits, bricks: Bricks) -> Pipeline:
    """Sound, where there is speech, words; beside that who speaks when, and what is on screen; in the end who said
    what, when, in other words and other languages, all of it to be searched for."""
    transcript_of = partial(transcripts.get, engine)

    def turns_of(recording: UUID) -> list[Turn]:
        return transcripts.get(engine, recording).turns

    spoken = TranscriptSteps(engine, files, bricks.asr, bricks.diarize)
    coverage = CoverageStep(engine, files, bricks.asr)
    screen = ScreenSteps(engine, files, limits, bricks.ocr, turns_of)
    languages = TranslationSteps(engine, bricks.translate, transcript_of)
    summaries = SummarySteps(engine, bricks.llm, transcript_of)
    return Pipeline(
        "transcribe",
        (
            Step("decode", decode_step(engine, files, limits)),
            Step("speech", spoken.speech, needs=("decode",)),
            Step("asr", spoken.asr, needs=("decode",), at_once=AHEAD),
            Step("diarize", spoken.diarize, needs=("decode",), at_once=AHEAD, skipped=without_speakers),
            Step("speakers", spoken.speakers, needs=("decode", "speech", "diarize"), skipped=without_speakers),
            Step("coverage", coverage.run, needs=("decode", "speech", "asr"), at_once=AHEAD),
            Step("transcript", spoken.transcript, needs=("decode", "speech", "coverage", "speakers")),
            Step("frames", screen.frames, skipped=without_screen),
            Step("ocr", screen.ocr, needs=("frames",), at_once=AHEAD, skipped=without_screen),
            Step("screen", screen.screen, needs=("frames", "ocr", "transcript"), skipped=without_screen),
            Step("translate", languages.translate, needs=("transcript",), at_once=AHEAD, skipped=without_translation),
            Step("summarize", summaries.summarize, needs=("transcript",), at_once=AHEAD, skipped=without_summary),
            Step("index", index_step(engine), needs=("transcript", "screen", "translate", "summarize")),
        ),
    )
