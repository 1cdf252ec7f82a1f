"""Which batch size to ask for: the best one, until the device had no room for it; then what is known to be safe.

A size that failed is not used again for ten minutes, nor is a larger one; for twice as long each time it fails again,
up to a day. Then chunks that go well at the limit raise it by one step. So a neighbour's peak costs little, and what
never fits is hardly tried. What was learned is kept in a file, so a process that starts again does not learn it anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from brickyard.kit.logs import get

log = get(__name__)

FIRST_S = 600.0
DAY_S = 24 * 3600.0
GROWS_AFTER = 20
"""So many chunks have to go well at the limit before the next larger size is tried."""
LEAST_GAIN = 1.03
"""A larger batch that is not faster by this is not worth its memory."""
UNKNOWN_SPEED = 8
"""The most that is asked for where nobody has measured what larger ones bring."""


@dataclass(frozen=True, slots=True)
class Limit:
    """No size above `most` until `until`, by the clock; `went_well` counts chunks at the limit since then, `failures`
    how often a size failed since all were allowed."""

    most: int
    until: float
    went_well: int = 0
    failures: int = 1


def best(batches: Sequence[int], x_realtime: Mapping[int, float]) -> int:
    """The size to use where there is room: from the smallest up, as long as each step brings speed."""
    known = sorted(size for size in x_realtime if size in batches)
    if not known:
        return max((size for size in batches if size <= UNKNOWN_SPEED), default=batches[0])
    chosen = known[0]
    for size in known[1:]:
        if x_realtime[size] < LEAST_GAIN * x_realtime[chosen]:
            break
        chosen = size
    return chosen


def size(limit: Limit | None, batches: Sequence[int], wanted: int) -> int:
    """The largest of `batches` up to `wanted` and the limit, or the smallest there is."""
    most = wanted if limit is None else min(wanted, limit.most)
    return max((each for each in batches if each <= most), default=batches[0])


def after_failure(limit: Limit | None, batches: Sequence[int], failed: int, now: float) -> Limit:
    """What is known once there was no room for a batch of `failed`. The smallest size stays: nothing is below it."""
    most = max((each for each in batches if each < failed), default=batches[0])
    failures = 1 if limit is None else limit.failures + (now >= limit.until)
    until = now + min(DAY_S, FIRST_S * 2.0 ** min(failures - 1, 30))
    return Limit(most if limit is None else min(limit.most, most), until, failures=failures)


def after_success(limit: Limit | None, batches: Sequence[int], worked: int, now: float) -> Limit | None:
    """What is known once a batch of `worked` went well; None where nothing is forbidden any more."""
    if limit is None or worked < limit.most or now < limit.until:
        return limit
    if limit.went_well + 1 < GROWS_AFTER:
        return replace(limit, went_well=limit.went_well + 1)
    larger = [each for each in batches if each > limit.most]
    if len(larger) <= 1:
        return None
    return replace(limit, most=larger[0], went_well=0)


@dataclass
class Learned:
    """The limits by model and device, in `file`, or in memory alone where there is none. Used by one thread."""

    file: Path | None = None
    clock: Callable[[], float] = time.time
    _limits: dict[str, Limit] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._limits = {} if self.file is None else _read(self.file, self.clock())

    def size(self, model: str, device: str, batches: Sequence[int], wanted: int) -> int:
        return size(self._limits.get(_key(model, device)), batches, wanted)

    def failed(self, model: str, device: str, batches: Sequence[int], batch: int) -> None:
        key = _key(model, device)
        self._set(key, after_failure(self._limits.get(key), batches, batch, self.clock()))

    def worked(self, model: str, device: str, batches: Sequence[int], batch: int) -> None:
        key = _key(model, device)
        self._set(key, after_success(self._limits.get(key), batches, batch, self.clock()))

    def _set(self, key: str, limit: Limit | None) -> None:
        if limit == self._limits.get(key):
            return
        if limit is None:
            del self._limits[key]
        else:
            self._limits[key] = limit
        if self.file is not None:
            _write(self.file, self._limits)


def _key(model: str, device: str) -> str:
    return f"{model} on {device}"


def _read(file: Path, now: float) -> dict[str, Limit]:
    """What the file holds. One that can't be read, or that something else wrote, counts as empty."""
    try:
        content = json.loads(file.read_text())
        return {str(key): _limit(value, now) for key, value in content["limits"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("learned batch sizes can't be read and are learned anew", file=str(file), reason=repr(error))
        return {}


def _limit(value: Any, now: float) -> Limit:
    most, until, went_well, failures = value["most"], float(value["until"]), value["went_well"], value["failures"]
    if not all(isinstance(each, int) for each in (most, went_well, failures)) or most < 1 or failures < 1:
        raise ValueError(f"{value} is no limit")
    # A clock that was wrong must not forbid a size for years.
    return Limit(most, min(until, now + DAY_S), went_well, failures)


def _write(file: Path, limits: Mapping[str, Limit]) -> None:
    """Whole or not at all. A disk that is full costs what was learned, not the chunk."""
    content = {"limits": {key: asdict(limit) for key, limit in sorted(limits.items())}}
    unfinished = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(content, indent=1))
        unfinished.replace(file)
    except OSError as error:
        log.warning("learned batch sizes can't be kept", file=str(file), reason=str(error))
