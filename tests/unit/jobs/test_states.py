from __future__ import annotations

import re

from brickyard.jobs import states
from brickyard.jobs.states import JobState, Priority
from brickyard.jobs.store import JobStore

MOVES = ("submit", "admit", "succeed", "fail", "retry", "lost", "pause", "resume", "cancel", "replay")


def test_every_state_is_either_alive_or_ended() -> None:
    ended = {state for state in JobState if state.has_ended}
    assert ended == {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


def test_the_more_urgent_class_sorts_first() -> None:
    assert sorted(Priority) == [Priority.INTERACTIVE, Priority.STANDARD, Priority.BATCH]


def test_the_drawing_names_every_state_and_each_move_is_a_function_of_the_store() -> None:
    drawing = states.__doc__ or ""
    named = set(re.findall(r"[a-z]+", drawing))
    assert {state.value for state in JobState} <= named
    assert set(MOVES) <= named
    assert all(callable(getattr(JobStore, move)) for move in MOVES)
