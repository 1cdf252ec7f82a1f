import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brickyard.engines.base import Observation, Turn
from brickyard.engines.linking import (
    BLIP_S,
    JOIN_GAP_S,
    agreements,
    cut,
    from_json,
    link_by_overlap,
    link_by_voice,
    tidy,
    to_json,
)

ANNA = (3.0, 0.0, 0.1)
BORIS = (0.1, 3.0, 0.0)

times = st.floats(0, 100, allow_nan=False)
turns = st.builds(lambda start, length, who: Turn(start, start + length, who), times, times, st.integers(0, 3))


def speakers(found: list[Turn]) -> list[int]:
    return [turn.speaker for turn in found]


def test_labels_follow_the_voice_and_not_the_window() -> None:
    windows = [
        Observation(0, 10, (Turn(1, 4, 0), Turn(5, 9, 1)), (ANNA, BORIS)),
        Observation(10, 20, (Turn(11, 14, 0), Turn(15, 19, 1)), (BORIS, ANNA)),
        Observation(20, 30, (Turn(21, 29, 2),), ((), (), ANNA)),
    ]
    found = link_by_voice(windows)
    assert speakers(found) == [0, 1, 1, 0, 0]
    assert found[-1] == Turn(21, 29, 0)


def test_the_order_of_observations_does_not_matter() -> None:
    windows = [
        Observation(0, 10, (Turn(1, 4, 0),), (BORIS,)),
        Observation(10, 20, (Turn(11, 14, 0),), (ANNA,)),
    ]
    assert link_by_voice(windows) == link_by_voice(windows[::-1]) == [Turn(1, 4, 0), Turn(11, 14, 1)]


def test_local_speakers_without_a_print_are_left_out() -> None:
    assert link_by_voice([Observation(0, 10, (Turn(1, 1.2, 0), Turn(3, 6, 1)), ((), ANNA))]) == [Turn(3, 6, 0)]
    assert link_by_voice([Observation(0, 10, (Turn(1, 1.2, 0),), ((),))]) == []
    assert link_by_voice([]) == []


def test_a_turn_over_the_border_of_two_windows_is_one_turn() -> None:
    windows = [
        Observation(0, 10, (Turn(6, 10, 0),), (ANNA,)),
        Observation(7, 17, (Turn(7, 12, 1),), ((), ANNA)),
    ]
    assert link_by_voice(windows) == [Turn(6, 12, 0)]


def test_overlapping_windows_are_cut_in_the_middle() -> None:
    windows = [
        Observation(0, 10, (Turn(2, 10, 0),)),
        Observation(6, 16, (Turn(6, 9, 0), Turn(7, 16, 1))),
        Observation(20, 30, (Turn(20, 30, 0),)),
    ]
    assert cut(windows) == [[Turn(2, 8, 0)], [Turn(8, 9, 0), Turn(8, 16, 1)], [Turn(20, 30, 0)]]


def test_speech_at_the_same_moments_speaks_for_one_person() -> None:
    before = Observation(0, 10, (Turn(0, 7, 0), Turn(7, 10, 1)))
    now = Observation(6, 16, (Turn(6, 7, 1), Turn(7, 10, 0), Turn(12, 15, 2)))
    assert agreements(before, now) == {(1, 0): 1.0, (0, 1): 1.0}
    assert agreements(before, Observation(10, 20, (Turn(10, 15, 0),))) == {}


def test_without_voices_the_overlap_links() -> None:
    windows = [
        Observation(0, 60, (Turn(0, 30, 0), Turn(30, 50, 1), Turn(50, 60, 0))),
        Observation(40, 100, (Turn(40, 50, 0), Turn(50, 70, 1), Turn(80, 90, 2))),
    ]
    assert link_by_overlap(windows) == [Turn(0, 30, 0), Turn(30, 50, 1), Turn(50, 70, 0), Turn(80, 90, 2)]
    assert set(speakers(link_by_overlap(windows, speakers=2))) == {0, 1}


@given(st.lists(turns, max_size=20))
def test_tidy_turns_are_sorted_apart_and_named_in_order(given_turns: list[Turn]) -> None:
    found = tidy(given_turns)
    assert found == sorted(found, key=lambda turn: (turn.start, turn.end))
    assert list(dict.fromkeys(speakers(found))) == list(range(len(set(speakers(found)))))
    for speaker in set(speakers(found)):
        mine = [turn for turn in found if turn.speaker == speaker]
        assert all(turn.end - turn.start >= BLIP_S for turn in mine)
        assert all(now.start - before.end > JOIN_GAP_S for before, now in pairwise(mine))


def test_an_observation_survives_json() -> None:
    voice = tuple(np.random.default_rng(0).normal(size=256).tolist())
    observation = Observation(60.0, 70.0, (Turn(61.25, 64.5, 1),), ((), voice))
    text = json.dumps(to_json(observation))
    back = from_json(json.loads(text))
    assert (back.start, back.end, back.turns) == (60.0, 70.0, observation.turns)
    assert back.voices[0] == ()
    assert back.voices[1] == pytest.approx(voice, abs=2e-3)
    assert len(text) < 1000
