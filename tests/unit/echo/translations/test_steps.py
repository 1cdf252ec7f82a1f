"""The step over a stand-in for the brick's client, which is no translator: it writes in capitals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa

from brickyard.bricks.translate.contract import TranslateReply, TranslateRequest, TranslationModel
from brickyard.echo import derived
from brickyard.echo.recordings import store as recordings
from brickyard.echo.translations.schemas import Translation
from brickyard.echo.translations.steps import SEGMENTS_AT_ONCE, TranslationSteps, without_translation
from brickyard.jobs.checkpoints import Checkpoints
from brickyard.jobs.context import StepContext, Stopped
from brickyard.jobs.states import Wanted
from brickyard.kit.errors import BrickyardError, NotFound, Unavailable, Unsupported
from brickyard.text.spoken import Segment, Word
from tests.unit.jobs.jobs import Memory, job

RECORDING = UUID(int=7)


@dataclass
class Capitals:
    """`failing`: what it raises for a language. Texts with "seven" in them are said to have lost a number."""

    failing: dict[str, BrickyardError] = field(default_factory=dict)
    asked: list[TranslateRequest] = field(default_factory=list)

    async def translate(self, request: TranslateRequest) -> TranslateReply:
        self.asked.append(request)
        if request.target in self.failing:
            raise self.failing[request.target]
        source = request.source or "en"
        return TranslateReply(
            translations=[
                TranslationModel(
                    text=f"{request.target}: {text.upper()}",
                    source=source,
                    numbers_differ="seven" in text,
                )
                for text in request.texts
            ],
            draft=request.target == "fr",
            engines=["capitals"],
            route=[source, request.target],
            computed_s=0.5,
        )


@dataclass
class Transcript:
    segments: list[Segment]
    language: str = "en"
    duration: float = 600.0


def transcript(*texts: str) -> Transcript:
    word = Word(start=0.0, end=0.1, text="x")
    return Transcript(
        [
            Segment(start=4.0 * i, end=4.0 * i + 3.5, speaker=f"Speaker {i % 2 + 1}", text=text, words=[word])
            for i, text in enumerate(texts)
        ]
    )


class Run:
    """One job over one transcript, whose recording is in the database."""

    def __init__(self, engine: sa.Engine, said: Transcript, *languages: str, attempts: int = 1) -> None:
        recording = {"id": RECORDING, "owner": "ada", "name": "talk", "sha256": "", "size_bytes": 1}
        with engine.begin() as connection:
            recordings.insert(connection, recording | {"container": "wav", "duration_s": 600.0, "has_video": False})
        self.engine = engine
        self.said = said
        self.memory = Memory()
        self.capitals = Capitals()
        self.job = job(params={"recording": str(RECORDING), "translate_into": list(languages)}, attempts=attempts)

    def result(self) -> Any:
        context = StepContext(self.job, "translate", {}, cast(Checkpoints, self.memory))

        def transcript_of(asked: StepContext) -> Transcript:
            assert asked is context
            return self.said

        return asyncio.run(TranslationSteps(self.engine, self.capitals, transcript_of).translate(context))

    def document(self, language: str) -> Translation:
        return derived.get(self.engine, RECORDING, "translation", language, Translation)


LONG = [f"line {number}" for number in range(SEGMENTS_AT_ONCE * 2 + 5)]


def test_each_language_gets_a_document_with_the_same_times_and_speakers(engine: sa.Engine) -> None:
    run = Run(engine, transcript(*LONG[:-1], "seven"), "fr", "es")
    assert run.result() == {"languages": ["fr", "es"], "warnings": []}
    for language in ("fr", "es"):
        found = run.document(language)
        assert [s.text for s in found.segments] == [f"{language}: {s.text.upper()}" for s in run.said.segments]
        assert [(s.start, s.end, s.speaker) for s in found.segments] == [
            (s.start, s.end, s.speaker) for s in run.said.segments
        ]
        assert not any(segment.words for segment in found.segments)
        assert (found.source_language, found.engines, found.route) == ("en", ["capitals"], ["en", language])
        assert (found.draft, found.doubts) == (language == "fr", [len(LONG) - 1])
        assert (found.recording, found.job) == (RECORDING, run.job.id)


def test_all_chunks_together_are_the_recording(engine: sa.Engine) -> None:
    run = Run(engine, transcript(*LONG), "fr", "es")
    run.result()
    chunks, seconds = run.memory.begun["translate"]
    assert chunks == len(run.capitals.asked) == 6
    assert seconds == pytest.approx(600.0)
    assert run.memory.work_s["translate"] == pytest.approx(600.0)
    assert run.memory.device_s["translate"] == 0.5 * 6
    assert [len(request.texts) for request in run.capitals.asked[:3]] == [40, 40, 5]
    assert {(r.source, r.tenant, r.priority) for r in run.capitals.asked} == {("en", "ada", "standard")}


def test_nothing_said_is_an_empty_translation(engine: sa.Engine) -> None:
    run = Run(engine, transcript(), "fr")
    assert run.result()["languages"] == ["fr"]
    assert run.document("fr").segments == []
    assert run.memory.begun["translate"][1] == 600.0


def test_silent_segments_are_not_asked_for(engine: sa.Engine) -> None:
    run = Run(engine, transcript("", "seven", " "), "fr")
    run.result()
    assert [request.texts for request in run.capitals.asked] == [["seven"]]
    assert [segment.text for segment in run.document("fr").segments] == ["", "fr: SEVEN", ""]
    assert run.document("fr").doubts == [1]


def test_a_language_that_is_not_there_is_a_warning(engine: sa.Engine) -> None:
    run = Run(engine, transcript(*LONG), "tlh", "es", "en", "es")
    run.capitals.failing["tlh"] = Unsupported("No model leads from en to tlh.")
    assert run.result() == {
        "languages": ["es"],
        "warnings": [
            "It is in en already, so it was not translated.",
            "It was not translated into tlh: No model leads from en to tlh.",
        ],
    }
    assert derived.variants(engine, RECORDING, "translation") == ["es"]
    with pytest.raises(NotFound):
        run.document("tlh")


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_brick_that_is_away_is_waited_for_but_not_for_ever(engine: sa.Engine, attempts: int) -> None:
    run = Run(engine, transcript("one"), "fr", attempts=attempts)
    run.capitals.failing["fr"] = Unavailable("It is away.")
    if attempts == 1:
        with pytest.raises(Unavailable, match="away"):
            run.result()
    else:
        assert "It is away." in run.result()["warnings"][0]


def test_what_is_done_is_not_asked_again(engine: sa.Engine) -> None:
    run = Run(engine, transcript(*LONG), "fr", "es")
    run.memory.asked = Wanted.PAUSE
    with pytest.raises(Stopped):
        run.result()
    run.memory.asked = None
    done = len(run.memory.kept["translate"])
    before = len(run.capitals.asked)
    run.result()
    assert len(run.capitals.asked) - before == 6 - done
    assert [segment.text for segment in run.document("es").segments] == [f"es: {text.upper()}" for text in LONG]


def test_without_a_language_nothing_is_done(engine: sa.Engine) -> None:
    run = Run(engine, transcript("one"))
    assert without_translation(run.job.params)
    assert without_translation({})
    assert not without_translation({"translate_into": ["fr"]})
    assert run.result() == {"languages": []}
    assert run.capitals.asked == []
