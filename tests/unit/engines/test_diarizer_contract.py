"""What every diarizer promises, asked of each that this installation has."""

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brickyard.engines import wheel_models
from brickyard.engines.base import SAMPLE_RATE, Audio, Diarizer, Observation, Turn
from brickyard.engines.linking import from_json, to_json
from brickyard.engines.moonshine_diarize import MoonshineDiarizer
from brickyard.engines.onnx_diarize import OnnxDiarizer, load_models
from brickyard.engines.pyannote import PyannoteDiarizer
from tests.unit.engines.speech import from_wheel

pytestmark = pytest.mark.slow


def onnx() -> Diarizer:
    if not wheel_models.available():
        pytest.skip("the diarization models are neither in a store nor in the installed moonshine-voice wheel")
    return OnnxDiarizer(load_models())


def pyannote() -> Diarizer:
    if importlib.util.find_spec("pyannote.audio") is None:
        pytest.skip("pyannote.audio is not installed: install brickyard[pyannote]")
    folder = os.environ.get("BRICKYARD_TEST_PYANNOTE")
    if folder is None:
        pytest.skip("BRICKYARD_TEST_PYANNOTE does not name a folder with speaker-diarization-community-1")
    return PyannoteDiarizer(Path(folder), "cpu")


@pytest.fixture(scope="module", params=[onnx, MoonshineDiarizer, pyannote], ids=["onnx", "moonshine", "pyannote"])
def diarizer(request: pytest.FixtureRequest) -> Diarizer:
    make: Callable[[], Diarizer] = request.param
    return make()


@pytest.fixture(scope="module")
def conversation() -> Audio:
    """Two speakers, 28 s."""
    return from_wheel("endgame_nagg_nell.wav")


@pytest.fixture(scope="module")
def seen(diarizer: Diarizer, conversation: Audio) -> list[Observation]:
    return diarizer.observe(conversation, 100.0)


def names(turns: list[Turn]) -> list[int]:
    return list(dict.fromkeys(turn.speaker for turn in turns))


def test_its_class_says_how_much_audio_it_takes_and_in_which_batches(diarizer: Diarizer) -> None:
    kind = type(diarizer)
    assert kind.name
    assert kind.window_s > kind.overlap_s >= 0
    assert kind.batches == tuple(sorted(set(kind.batches)))
    assert kind.batches[0] >= 1
    assert kind.link([], None) == []


def test_caches_can_be_dropped_between_two_calls(
    diarizer: Diarizer, conversation: Audio, seen: list[Observation]
) -> None:
    diarizer.drop_caches()
    again = diarizer.observe(conversation, 100.0, diarizer.batches[-1])
    assert [observation.turns for observation in again] == [observation.turns for observation in seen]


def test_turns_lie_within_the_audio_in_order_of_time(
    diarizer: Diarizer, conversation: Audio, seen: list[Observation]
) -> None:
    turns = diarizer.link(seen, None)
    assert turns
    assert turns == sorted(turns, key=lambda turn: (turn.start, turn.end))
    end_s = 100.0 + len(conversation) / SAMPLE_RATE
    assert all(100.0 <= turn.start < turn.end <= end_s + 0.01 for turn in turns)
    assert sum(turn.end - turn.start for turn in turns) > 0.3 * len(conversation) / SAMPLE_RATE


def test_speakers_count_from_0_as_they_appear(diarizer: Diarizer, seen: list[Observation]) -> None:
    found = names(diarizer.link(seen, None))
    assert found == list(range(len(found)))


def test_the_number_of_speakers_is_not_passed(diarizer: Diarizer, seen: list[Observation]) -> None:
    assert names(diarizer.link(seen, 1)) == [0]
    assert len(names(diarizer.link(seen, 2))) <= 2


def test_observations_survive_json(diarizer: Diarizer, seen: list[Observation]) -> None:
    again = [from_json(json.loads(json.dumps(to_json(observation)))) for observation in seen]
    before, after = diarizer.link(seen, 2), diarizer.link(again, 2)
    assert [turn.speaker for turn in before] == [turn.speaker for turn in after]
    assert [turn.start for turn in after] == pytest.approx([turn.start for turn in before], abs=0.002)


def test_silence_has_no_turns(diarizer: Diarizer) -> None:
    observations = diarizer.observe(np.zeros(15 * SAMPLE_RATE, np.float32), 0.0)
    assert diarizer.link(observations, None) == []
    assert diarizer.link(observations, 2) == []


def test_nothing_seen_has_no_turns(diarizer: Diarizer) -> None:
    assert diarizer.link([], None) == []
