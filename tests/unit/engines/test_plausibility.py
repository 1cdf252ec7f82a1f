from __future__ import annotations

import numpy as np
import pytest

from brickyard.engines.base import Audio, Segment
from brickyard.engines.moonshine import Moonshine
from brickyard.engines.plausibility import LEAST_CONFIDENCE, doubts, mean_confidence
from brickyard.engines.silero import SileroVad
from tests.unit.engines.speech import from_wheel


@pytest.fixture(scope="module")
def engine() -> Moonshine:
    return Moonshine()


def transcribed(engine: Moonshine, audio: Audio) -> list[Segment]:
    return engine.transcribe(audio, SileroVad().speech_spans([audio]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two_cities.wav", "endgame_nagg_nell.wav"])
def test_real_english_raises_no_doubts_and_backwards_it_does(engine: Moonshine, name: str) -> None:
    audio = from_wheel(name)
    assert doubts(transcribed(engine, audio), "en") == []
    (doubt,) = doubts(transcribed(engine, np.ascontiguousarray(audio[::-1])), "en")
    assert "unsure" in doubt
    assert "'en'" in doubt


def said(text: str, duration_s: float = 10.0, confidence: float | None = 0.9) -> Segment:
    return Segment(0, duration_s, text, (), confidence, "en")


SENSIBLE = "this is about what a person would say in ten seconds when asked to say something sensible"


def test_confidence_counts_by_duration() -> None:
    segments = [said(SENSIBLE, 9, 0.9), said("oh", 1, 0.1), said("no figure", 5, None)]
    assert mean_confidence(segments) == pytest.approx(0.82)
    assert mean_confidence([said("x", 5, None)]) is None
    assert mean_confidence([]) is None


@pytest.mark.parametrize(("confidence", "count"), [(LEAST_CONFIDENCE - 0.01, 1), (LEAST_CONFIDENCE + 0.01, 0)])
def test_low_confidence_is_doubted(confidence: float, count: int) -> None:
    assert len(doubts([said(SENSIBLE, confidence=confidence)], "en")) == count


def test_an_engine_of_another_scale_is_judged_by_its_own() -> None:
    assert doubts([said(SENSIBLE, confidence=0.5)], "en", least_confidence=0.4) == []
    assert doubts([said(SENSIBLE, confidence=0.1)], "en", least_confidence=None) == []


def test_loops_are_doubted() -> None:
    (doubt,) = doubts([said("I think so too " * 6)], "en")
    assert "repeat" in doubt


@pytest.mark.parametrize("text", ["word", SENSIBLE * 5])
def test_an_impossible_pace_is_doubted_where_words_can_be_counted(text: str) -> None:
    assert any("words a second" in doubt for doubt in doubts([said(text)], "en"))
    assert doubts([said(text)], "ja") == []


def test_too_little_speech_says_nothing() -> None:
    assert doubts([said("mm", 2, 0.1)], "en") == []
    assert doubts([], "en") == []
