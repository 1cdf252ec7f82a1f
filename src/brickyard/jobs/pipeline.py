"""A pipeline: steps, and what each needs. A step runs as soon as all it needs is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brickyard.jobs.context import StepContext

Json = Any
StepFunction = Callable[["StepContext"], Awaitable[Json]]


def never(_: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """One durable step. What `run` returns is JSON, kept for later steps: small values, ids and paths, never data.

    For estimates: `at_once`, how many of its chunks are computed at a time at most; `skipped` says from a job's
    params whether the step, which runs all the same, will find nothing to do.
    """

    name: str
    run: StepFunction
    needs: tuple[str, ...] = ()
    at_once: int = 1
    skipped: Callable[[Mapping[str, Any]], bool] = never


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps stand after those they need; the last one's result is the job's."""

    name: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Raises ValueError where a step needs one that does not stand before it: so there are no circles."""
        if not self.steps:
            raise ValueError(f"pipeline {self.name}: there is no step, so it has no result")
        before: set[str] = set()
        for step in self.steps:
            if missing := set(step.needs) - before:
                raise ValueError(
                    f"pipeline {self.name}: {step.name} needs {', '.join(sorted(missing))}, not there before it"
                )
            if step.name in before:
                raise ValueError(f"pipeline {self.name}: two steps are called {step.name}")
            before.add(step.name)


Pipelines = Mapping[str, Pipeline]
