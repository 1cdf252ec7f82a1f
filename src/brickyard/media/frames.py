"""The pictures of a video that are worth reading, about one a second, made in a child process."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from brickyard.kit.sealed import Stored
from brickyard.media import child
from brickyard.media.limits import ChildLimits, Limits
from brickyard.media.probe import absolute, checked_name, checked_size

EVERY_S = 1.0
LONGEST_PX = 1280
THREADS = 2
CHILD = ChildLimits(memory_mib=4096, cpu_s=4 * 3600, wall_s=4 * 3600.0, written_mib=64)
INDEX = "index.json"


class Frame(BaseModel):
    """A picture that shows what was to be seen from `time` to `until`, in seconds of the recording."""

    time: float
    until: float
    file: str


class Frames(BaseModel):
    """`looked`: how many pictures were compared to find those that changed. Without video there are none."""

    has_video: bool
    looked: int
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class Progress:
    kept: int
    time_s: float


async def extract_frames(
    source: Stored,
    folder: Path,
    limits: Limits,
    *,
    every_s: float = EVERY_S,
    on_progress: Callable[[Progress], None] | None = None,
) -> Frames:
    """Fills `folder`, in place of what it held, with JPEG files, sealed as the source is, and an index, which
    tells times alone; whole or not at all.

    The same video always gives the same frames. Raises BadMedia where no picture can be decoded, TooLarge over a limit.
    """
    checked_size(source, limits)
    part = _part_of(folder)
    kept: list[dict[str, Any]] = []

    def on_report(news: dict[str, Any]) -> None:
        kept.append({"time": news["time"], "file": checked_name(news["file"])})
        if on_progress is not None:
            on_progress(Progress(len(kept), news["time"]))

    arguments = {
        "source": source.told,
        "folder": absolute(part),
        "every_s": every_s,
        "longest_px": LONGEST_PX,
        "max_duration_s": limits.max_duration_s,
        "threads": THREADS,
    }
    try:
        facts = await child.run(
            "brickyard.media.stills:extract", arguments, CHILD, on_report, reads=[source.path], writes=[part]
        )
        found = Frames(has_video=facts["has_video"], looked=facts["looked"], frames=_lasting(kept, facts["end_s"]))
        (part / INDEX).write_text(found.model_dump_json())
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def extracted(folder: Path) -> Frames | None:
    """What `extract_frames` has put there; None where it has not, or not to the end."""
    try:
        return Frames.model_validate_json((folder / INDEX).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _part_of(folder: Path) -> Path:
    """A new folder beside it. What one who was killed has left there goes."""
    for left in folder.parent.glob(f".{folder.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
    part.mkdir(parents=True)
    return part


def _lasting(kept: list[dict[str, Any]], end_s: float) -> list[Frame]:
    """Each until the next one."""
    times = [*[one["time"] for one in kept], max(end_s, kept[-1]["time"] if kept else 0.0)]
    return [Frame(time=a, until=b, file=one["file"]) for (a, b), one in zip(pairwise(times), kept, strict=True)]
