"""When a job will be done, from measured speeds alone: no number here is a guess, and where none is known, None is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brickyard.jobs.job import StepProgress
from brickyard.jobs.pipeline import Pipeline

ENOUGH_CHUNKS = 3
"""From so many chunks on, a step's own speed tells more than that of earlier jobs."""


def remaining_s(
    pipeline: Pipeline, work_s: float, progress: Sequence[StepProgress], rates: Mapping[str, float]
) -> float | None:
    """Seconds until the last step ends: the longest way through what remains.

    `work_s`: seconds of audio of the whole job, 0 where that is not known. None where a step that remains has never
    been measured, or nothing tells how much it has to do.
    """
    begun = {step.name: step for step in progress}
    ends: dict[str, float] = {}
    for step in pipeline.steps:
        own_s = _step_remaining_s(step.name, work_s, begun.get(step.name), rates)
        if own_s is None:
            return None
        ends[step.name] = own_s + max((ends[name] for name in step.needs), default=0.0)
    return max(ends.values())


def _step_remaining_s(name: str, work_s: float, step: StepProgress | None, rates: Mapping[str, float]) -> float | None:
    if step is not None and step.ended_at is not None:
        return 0.0
    own_total_s = step.work_total_s if step is not None else None
    total_s = work_s if own_total_s is None else own_total_s
    left_s = max(0.0, total_s - (step.work_done_s if step is not None else 0.0))
    if left_s == 0.0:
        return None if own_total_s is None else 0.0
    rate = rates.get(name)
    if step is not None and step.x_realtime is not None and (rate is None or step.chunks_done >= ENOUGH_CHUNKS):
        rate = step.x_realtime
    return left_s / rate if rate else None
