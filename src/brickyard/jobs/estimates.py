"""What a job still needs, from measured speeds alone: no number here is a guess, and where none is known, None is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brickyard.jobs.job import StepProgress
from brickyard.jobs.pipeline import Pipeline
from brickyard.jobs.policy import Demand

LEAST_DELAY, MOST_DELAY = 0.2, 10.0
LEAST_SHARE = 0.02
"""How much the latest job weighs in the learned delay of its class, once there are many."""
ENOUGH_CHUNKS = 3
"""From so many chunks on, a step's own speed tells more than that of earlier jobs."""


@dataclass(frozen=True, slots=True)
class Speed:
    """A step's, measured. `x_realtime`: seconds of audio per second by the clock, which counts for steps that use no
    device; `device_s_per_s`: seconds of the device for a second of audio, 0 where it uses none."""

    x_realtime: float
    device_s_per_s: float = 0.0


def later(known: float, samples: int, measured: float) -> float:
    """By how much longer jobs take than the policy played forward says: `known` from so many, and one more.

    What is played forward does not know who will come later, nor what else computes on the device; this does. The mean
    is that of the logarithms, so that twice as long and half as long cancel out.
    """
    bounded = min(max(measured, LEAST_DELAY), MOST_DELAY)
    share = max(LEAST_SHARE, 1 / (samples + 1))
    return math.exp((1 - share) * math.log(known) + share * math.log(bounded))


def demand(
    pipeline: Pipeline,
    work_s: float,
    progress: Sequence[StepProgress],
    speeds: Mapping[str, Speed],
    slots: float,
    *,
    params: Mapping[str, Any] | None = None,
) -> Demand | None:
    """What remains of a job on a device that computes `slots` chunks at full speed at a time.

    `work_s`: seconds of audio of the whole job, 0 where that is not known. None where a step that remains has never
    been measured, or nothing tells how much it has to do.
    """
    begun = {step.name: step for step in progress}
    known_s = work_s or max((step.work_total_s or 0.0 for step in progress), default=0.0)
    left: dict[str, Demand] = {}
    for step in pipeline.steps:
        if step.skipped(params or {}):
            left[step.name] = Demand(0.0, 0.0)
            continue
        own = _left_of_step(known_s, begun.get(step.name), speeds.get(step.name), min(slots, step.at_once))
        if own is None:
            return None
        left[step.name] = own
    return Demand(sum(own.device_s for own in left.values()), _alone_s(pipeline, left, slots))


def _left_of_step(work_s: float, step: StepProgress | None, speed: Speed | None, slots: float) -> Demand | None:
    if step is not None and step.ended_at is not None:
        return Demand(0.0, 0.0)
    own_total_s = step.work_total_s if step is not None else None
    total_s = work_s if own_total_s is None else own_total_s
    left_s = max(0.0, total_s - (step.work_done_s if step is not None else 0.0))
    if left_s == 0.0:
        return None if own_total_s is None else Demand(0.0, 0.0)
    if step is not None and step.x_realtime is not None and (speed is None or step.chunks_done >= ENOUGH_CHUNKS):
        speed = Speed(step.x_realtime, step.device_s / step.work_done_s)
    if speed is None:
        return None
    device_s = left_s * speed.device_s_per_s
    return Demand(device_s, device_s / slots if device_s > 0 else left_s / speed.x_realtime)


def _alone_s(pipeline: Pipeline, left: Mapping[str, Demand], slots: float) -> float:
    """The longest way through what remains, or what comes before, in and after the device's part, if that is longer.

    The device's part can't begin before the first step that uses it, nor the job end before what follows the last.
    """
    begins: dict[str, float] = {}
    after: dict[str, float] = dict.fromkeys(left, 0.0)
    for step in pipeline.steps:
        begins[step.name] = max((begins[name] + left[name].alone_s for name in step.needs), default=0.0)
    for step in reversed(pipeline.steps):
        for name in step.needs:
            after[name] = max(after[name], left[step.name].alone_s + after[step.name])
    longest_s = max(begins[name] + own.alone_s for name, own in left.items())
    users = [name for name, own in left.items() if own.device_s > 0]
    if not users:
        return longest_s
    device_s = sum(left[name].device_s for name in users) / slots
    return max(longest_s, min(begins[name] for name in users) + device_s + min(after[name] for name in users))
