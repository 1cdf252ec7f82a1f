from __future__ import annotations

import pytest

from brickyard.jobs.context import StepContext
from brickyard.jobs.pipeline import Pipeline, Step


async def nothing(_: StepContext) -> None: ...


def test_a_step_is_worked_chunk_by_chunk_and_never_skipped_unless_it_says_so() -> None:
    step = Step("a", nothing)
    assert (step.at_once, step.skipped({"diarize": False})) == (1, False)


def test_steps_stand_after_what_they_need() -> None:
    steps = (Step("a", nothing), Step("b", nothing, needs=("a",)), Step("c", nothing, needs=("a", "b")))
    assert [step.name for step in Pipeline("fine", steps).steps] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((Step("a", nothing, needs=("b",)), Step("b", nothing)), "a needs b"),
        ((Step("a", nothing, needs=("a",)),), "a needs a"),
        ((Step("a", nothing, needs=("y", "x")),), "a needs x, y"),
        ((Step("a", nothing), Step("a", nothing)), "two steps are called a"),
        ((), "there is no step"),
    ],
)
def test_circles_gaps_and_namesakes_are_refused(steps: tuple[Step, ...], said: str) -> None:
    with pytest.raises(ValueError, match=f"pipeline broken: .*{said}"):
        Pipeline("broken", steps)
