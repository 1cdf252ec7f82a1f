"""The step over a recognizer that drops speech the first time: what it says is made up, what is kept is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.bricks.asr.contract import SegmentModel, TranscribeReply, TranscribeRequest
from brickyard.echo import derived
from brickyard.echo.coverage.schemas import Coverage
from brickyard.echo.coverage.steps import CoverageStep, repaired, segments_by_channel
from brickyard.echo.recordings import store as recordings
from brickyard.files.recordings import RecordingFiles
from brickyard.jobs.context import StepContext
from tests.unit.jobs.jobs import Memory, job

RECORDING = UUID(int=7)
KEY = bytes(range(32))
GOOD = "what was said here is said in full and so it stays"


class SecondTime:
    """Says `text` in the spans it is asked for."""

    def __init__(self, text: str, confidence: float = 0.9) -> None:
        self._text = text
        self._confidence = confidence
        self.asked: list[TranscribeRequest] = []

    async def transcribe(self, request: TranscribeRequest) -> TranscribeReply:
        self.asked.append(request)
        segments = [
            SegmentModel(start=start, end=end, text=self._text, confidence=self._confidence, language="en")
            for start, end in request.spans
        ]
        return TranscribeReply(segments=segments, engine="fake", computed_s=0.5)


def segment(start: float, end: float, text: str = GOOD, **more: Any) -> dict[str, Any]:
    return SegmentModel(start=start, end=end, text=text, confidence=0.9, **more).model_dump(exclude_defaults=True)


class Run:
    """One job whose earlier steps have left what is given."""

    def __init__(self, engine: sa.Engine, folder: Path, asr: SecondTime, **params: Any) -> None:
        recording = {"id": RECORDING, "owner": "ada", "name": "talk", "sha256": "", "size_bytes": 1}
        with engine.begin() as connection:
            recordings.insert(connection, recording | {"container": "wav", "duration_s": 60.0, "has_video": False})
        self._engine = engine
        self._step = CoverageStep(engine, RecordingFiles(folder, 10**9, lambda _: KEY), asr)  # type: ignore[arg-type]
        self._memory = Memory()
        self._job = job(params={"recording": str(RECORDING), **params})

    def keep(self, step: str, *chunks: Any) -> None:
        self._memory.begin(step, len(chunks), None)
        for index, chunk in enumerate(chunks):
            self._memory.save(step, index, chunk, 1.0, 1.0)

    def run(self) -> Any:
        results = {"decode": {"duration_s": 60.0, "channels": 1}}
        return asyncio.run(self._step.run(StepContext(self._job, "coverage", results, self._memory)))

    def report(self) -> Coverage:
        return derived.get(self._engine, RECORDING, "coverage", "", Coverage)

    def kept(self) -> list[Any]:
        found = self._memory.chunks("coverage")
        return [found[index] for index in sorted(found)]


def test_what_was_dropped_is_decoded_again_and_kept(engine: sa.Engine, tmp_path: Path) -> None:
    asr = SecondTime("it was there all the time " * 3)
    run = Run(engine, tmp_path, asr, language="en")
    run.keep("speech", {"channel": 0, "spans": [[0.0, 10.0], [20.0, 30.0]], "next": 60.0})
    run.keep("asr", {"channel": 0, "engine": "fake", "segments": [segment(0.0, 10.0)]})
    result = run.run()
    [asked] = asr.asked
    assert (asked.careful, asked.spans, asked.language) == (True, [(20.0, 30.0)], "en")
    assert asked.key == KEY.hex()
    assert (result["repairs"], result["kept"], result["covered_s"]) == (1, 1, 20.0)
    assert run.report().faults == []
    chunks = [{"channel": 0, "segments": [segment(0.0, 10.0)]}]
    after = repaired(segments_by_channel(chunks), run.kept())
    assert [one.start for one in after[0]] == [0.0, 20.0]


def test_what_came_out_no_better_stays_as_it_was_and_is_told(engine: sa.Engine, tmp_path: Path) -> None:
    asr = SecondTime("no " * 40)
    run = Run(engine, tmp_path, asr)
    loop = segment(0.0, 10.0, "yes " * 40)
    run.keep("speech", {"channel": 0, "spans": [[0.0, 10.0]], "next": 60.0})
    run.keep("asr", {"channel": 0, "engine": "fake", "segments": [loop]})
    run.run()
    report = run.report()
    assert [fault.kind for fault in report.faults] == ["loop"]
    assert [(repair.kinds, repair.kept) for repair in report.repairs] == [(["loop"], False)]
    chunks = [{"channel": 0, "segments": [loop]}]
    assert repaired(segments_by_channel(chunks), run.kept()) == segments_by_channel(chunks)


def test_a_flip_is_decoded_in_the_main_language(engine: sa.Engine, tmp_path: Path) -> None:
    asr = SecondTime(GOOD)
    run = Run(engine, tmp_path, asr)
    said = [segment(k * 10.0, k * 10 + 10.0, language="en") for k in range(3)]
    run.keep("speech", {"channel": 0, "spans": [[0.0, 33.0]], "next": 60.0})
    run.keep(
        "asr",
        {"channel": 0, "engine": "fake", "segments": [*said, segment(30.0, 33.0, "la gare est là", language="fr")]},
    )
    run.run()
    assert [request.language for request in asr.asked] == ["en"]


def test_good_transcripts_are_left_alone(engine: sa.Engine, tmp_path: Path) -> None:
    asr = SecondTime(GOOD)
    run = Run(engine, tmp_path, asr)
    run.keep("speech", {"channel": 0, "spans": [[0.0, 10.0]], "next": 60.0})
    run.keep("asr", {"channel": 0, "engine": "fake", "segments": [segment(0.0, 10.0)]})
    assert run.run() == {"repairs": 0, "kept": 0, "speech_s": 10.0, "covered_s": 10.0}
    assert asr.asked == []


@pytest.mark.parametrize("channels", [[], [0]])
def test_silence_has_nothing_to_cover(engine: sa.Engine, tmp_path: Path, channels: list[int]) -> None:
    run = Run(engine, tmp_path, SecondTime(GOOD))
    run.keep("speech", *({"channel": channel, "spans": [], "next": 60.0} for channel in channels))
    run.keep("asr")
    assert run.run() == {"repairs": 0, "kept": 0, "speech_s": 0, "covered_s": 0}
