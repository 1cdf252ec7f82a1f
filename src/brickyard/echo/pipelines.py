"""The product on a page: what happens to a recording."""

from __future__ import annotations

from collections.abc import Callable
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
from brickyard.echo.coverage.redo import Parts, RedoStep
from brickyard.echo.coverage.steps import CoverageStep
from brickyard.echo.editing.service import Editing
from brickyard.echo.recordings.steps import decode_step
from brickyard.echo.screen.steps import ScreenSteps, without_screen
from brickyard.echo.search import store as search
from brickyard.echo.search.steps import index_step
from brickyard.echo.summaries.steps import SummarySteps, without_summary
from brickyard.echo.transcripts import store as transcripts
from brickyard.echo.transcripts.schemas import Transcript
from brickyard.echo.transcripts.steps import TranscriptSteps, reading_step, without_speakers
from brickyard.echo.translations.steps import TranslationSteps, without_translation
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
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

    def transcript_of(context: StepContext) -> Transcript:
        return transcripts.get(engine, UUID(context.job.params["recording"]))

    spoken = TranscriptSteps(engine, files, bricks.asr, bricks.diarize)
    coverage = CoverageStep(engine, files, bricks.asr)
    screen = ScreenSteps(engine, files, limits, bricks.ocr, _turns_of(engine))
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


def additions(engine: sa.Engine, files: RecordingFiles, limits: Limits, bricks: Bricks) -> Pipeline:
    """More of a transcript that is there, as people have edited it: nothing is listened to again."""

    def as_it_was_read(context: StepContext) -> Transcript:
        """Chunks that are done must fit those that follow, whatever is edited meanwhile."""
        recording = UUID(context.job.params["recording"])
        return transcripts.at(engine, recording, context.results["reading"]["revision"])

    screen = ScreenSteps(engine, files, limits, bricks.ocr, _turns_of(engine))
    languages = TranslationSteps(engine, bricks.translate, as_it_was_read)
    summaries = SummarySteps(engine, bricks.llm, as_it_was_read)
    return Pipeline(
        "additions",
        (
            Step("reading", reading_step(engine)),
            Step("frames", screen.frames, skipped=without_screen),
            Step("ocr", screen.ocr, needs=("frames",), at_once=AHEAD, skipped=without_screen),
            Step("screen", screen.screen, needs=("frames", "ocr", "reading"), skipped=without_screen),
            Step("translate", languages.translate, needs=("reading",), at_once=AHEAD, skipped=without_translation),
            Step("summarize", summaries.summarize, needs=("reading",), at_once=AHEAD, skipped=without_summary),
            Step("index", index_step(engine, "reading"), needs=("reading", "screen", "translate", "summarize")),
        ),
    )


def redo(engine: sa.Engine, files: RecordingFiles, limits: Limits, bricks: Bricks) -> Pipeline:
    """One stretch is heard again, of sound that may have to be decoded first."""
    parts = Parts(
        Editing(engine, None, partial(search.index, engine)),
        partial(transcripts.get, engine),
        partial(transcripts.at, engine, revision=None),
    )
    again = RedoStep(engine, files, bricks.asr, parts)
    return Pipeline(
        "redo",
        (
            Step("decode", decode_step(engine, files, limits)),
            Step("redo", again.run, needs=("decode",), at_once=AHEAD),
            Step("index", index_step(engine, "redo"), needs=("redo",)),
        ),
    )


def _turns_of(engine: sa.Engine) -> Callable[[UUID], list[Turn]]:
    return lambda recording: transcripts.get(engine, recording).turns
