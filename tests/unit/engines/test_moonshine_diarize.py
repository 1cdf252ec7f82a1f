import numpy as np
import pytest

from brickyard.engines.base import SAMPLE_RATE
from brickyard.engines.moonshine_diarize import MoonshineDiarizer
from tests.unit.engines.speech import from_wheel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def diarizer() -> MoonshineDiarizer:
    return MoonshineDiarizer()


def test_one_reader_keeps_one_label_over_two_windows(diarizer: MoonshineDiarizer) -> None:
    audio = from_wheel("two_cities.wav")
    half, shared = len(audio) // 2, 8 * SAMPLE_RATE
    seen = diarizer.observe(audio[:half], 0.0)
    seen += diarizer.observe(audio[half - shared :], (half - shared) / SAMPLE_RATE)
    turns = diarizer.link(seen, None)
    assert {turn.speaker for turn in turns} == {0}
    assert sum(turn.end - turn.start for turn in turns) > 25


@pytest.mark.parametrize("samples", [0, 100, 7000])
def test_a_moment_of_audio_has_no_turns(diarizer: MoonshineDiarizer, samples: int) -> None:
    (seen,) = diarizer.observe(np.zeros(samples, np.float32), 5.0)
    assert seen.turns == ()
    assert seen.voices == ()
