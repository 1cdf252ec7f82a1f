from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from brickyard.engines import heap
from brickyard.engines.base import SAMPLE_RATE, Audio, Turn
from brickyard.engines.onnx_diarize import (
    SEGMENT_HOP,
    WINDOW_SAMPLES,
    OnnxDiarizer,
    clearest,
    load_models,
    shares,
    window_starts,
)
from tests.unit.engines.speech import from_wheel, load


@pytest.fixture(scope="module")
def diarizer() -> OnnxDiarizer:
    return OnnxDiarizer(load_models())


def diarize(diarizer: OnnxDiarizer, audio: Audio, speakers: int | None = None) -> list[Turn]:
    step = round(diarizer.window_s * SAMPLE_RATE)
    seen = []
    for start in range(0, len(audio), step):
        seen += diarizer.observe(audio[start : start + step], start / SAMPLE_RATE)
    return diarizer.link(seen, speakers)


def annotation(turns: list[Turn]) -> Annotation:
    result = Annotation()
    for number, turn in enumerate(turns):
        result[Segment(turn.start, turn.end), number] = turn.speaker
    return result


def reference(path: Path) -> Annotation:
    result = Annotation()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        fields = line.split()
        result[Segment(float(fields[3]), float(fields[3]) + float(fields[4])), number] = fields[7]
    return result


@pytest.mark.slow
def test_one_reader_is_one_speaker_nearly_all_the_time(diarizer: OnnxDiarizer) -> None:
    turns = diarize(diarizer, from_wheel("two_cities.wav"))
    assert {turn.speaker for turn in turns} == {0}
    assert sum(turn.end - turn.start for turn in turns) > 30


@pytest.mark.slow
def test_two_actors_are_two_speakers(diarizer: OnnxDiarizer) -> None:
    assert {turn.speaker for turn in diarize(diarizer, from_wheel("endgame_nagg_nell.wav"))} == {0, 1}


@pytest.mark.slow
def test_labels_hold_over_windows_and_pauses(diarizer: OnnxDiarizer) -> None:
    """The reader, then the actors, then the reader again after a minute of them."""
    reader, actors = from_wheel("two_cities.wav"), from_wheel("endgame_nagg_nell.wav")
    turns = diarize(diarizer, np.concatenate([reader, actors, actors, reader]))
    assert {turn.speaker for turn in turns} == {0, 1, 2}
    first_s = len(reader) / SAMPLE_RATE
    last_s = first_s + 2 * len(actors) / SAMPLE_RATE
    assert {turn.speaker for turn in turns if turn.end < first_s} == {0}
    assert {turn.speaker for turn in turns if turn.start > last_s} == {0}


@pytest.mark.slow
def test_a_telephone_conversation(diarizer: OnnxDiarizer, shared_data: Path) -> None:
    turns = diarize(diarizer, load(shared_data / "sample.wav"))
    error = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    assert error(reference(shared_data / "sample.rttm"), annotation(turns), uem=Segment(0, 30)) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 9.99, 10.01])
def test_short_audio_and_noise_break_nothing(diarizer: OnnxDiarizer, seconds: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.001, round(seconds * SAMPLE_RATE)).astype(np.float32)
    assert diarizer.link(diarizer.observe(noise, 0.0), None) == []


@pytest.mark.slow
def test_broken_samples_are_taken_for_silence(diarizer: OnnxDiarizer) -> None:
    audio = from_wheel("beckett.wav")
    audio[1000:2000] = np.nan
    assert diarize(diarizer, audio)


@pytest.mark.slow
def test_closing_gives_the_memory_back() -> None:
    OnnxDiarizer(load_models()).close()
    before_mib = heap.resident_mib()
    diarizer = OnnxDiarizer(load_models())
    diarizer.observe(from_wheel("two_cities.wav"), 0.0)
    loaded_mib = heap.resident_mib() - before_mib
    diarizer.close()
    assert loaded_mib > 20
    assert heap.resident_mib() - before_mib < loaded_mib / 2
    assert diarizer.frees_memory


@given(st.integers(1, 2_000_000), st.floats(3.0, 10.0))
def test_windows_cover_the_audio_no_further_apart_than_asked(samples: int, hop_s: float) -> None:
    starts = window_starts(samples, hop_s)
    steps = np.diff(starts)
    assert starts[0] == 0
    assert samples - (starts[-1] + WINDOW_SAMPLES) < SEGMENT_HOP
    assert all(start % SEGMENT_HOP == 0 for start in starts)
    assert all(0 < step <= hop_s * SAMPLE_RATE + SEGMENT_HOP for step in steps)


@given(st.lists(st.floats(0, 30), max_size=30), st.floats(1, 30))
def test_the_budget_is_shared_evenly(available_s: list[float], budget_s: float) -> None:
    found = shares(available_s, budget_s, most_s=6.0, least_s=0.6)
    assert all(share <= min(available, 6.0) + 1e-9 for share, available in zip(found, available_s, strict=True))
    assert sum(found) <= max(budget_s, 0.6 * len(found)) + 1e-6
    short = [share for share, available in zip(found, available_s, strict=True) if share < available - 1e-9]
    assert len({round(share, 6) for share in short}) <= 1


def test_the_longest_stretches_of_speech_are_the_clearest() -> None:
    active = np.zeros(100, bool)
    active[10:14] = active[20:40] = active[60:90] = True
    assert clearest(active, 10).tolist() == list(range(70, 80))
    assert clearest(active, 40).tolist() == [*range(25, 35), *range(60, 90)]
    assert len(clearest(active, 1000)) == active.sum()
    assert len(clearest(np.zeros(10, bool), 5)) == 0
