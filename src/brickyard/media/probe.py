"""What a file is, found out in a child process before anything else is done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from brickyard.kit.errors import BadMedia, NotFound, TooLarge
from brickyard.kit.sealed import Stored
from brickyard.media import child
from brickyard.media.limits import Limits, clock

MADE = re.compile(r"[0-9]{5,12}\.(png|jpg)")


@dataclass(frozen=True, slots=True)
class Probe:
    """A file with sound, within the limits.

    `container` is one of wav mp3 m4a aac ogg opus flac wma wmv mp4 mkv webm mov avi, by content. `duration_s`
    is what the file says of itself, None where it says nothing; only decoding tells how much there is.
    """

    container: str
    duration_s: float | None
    audio_codec: str
    channels: int
    sample_rate: int
    has_video: bool
    width: int | None
    height: int | None
    size_bytes: int
    has_audio: bool = True


async def probe(source: Stored, limits: Limits) -> Probe:
    """Raises BadMedia where the file is no recording, has no sound or is damaged; TooLarge over a limit."""
    size_bytes = checked_size(source, limits)
    arguments = {"source": source.told}
    facts = await child.run("brickyard.media.container:inspect", arguments, limits.probe, reads=[source.path])
    result = Probe(**facts, size_bytes=size_bytes)
    check_duration(result.duration_s, limits)
    return result


def absolute(path: Path) -> str:
    """For the child, which runs in another folder."""
    return str(path.absolute())


def checked_name(name: str) -> str:
    """Of a file that a child says it made: one in its folder. What hostile media took over might name another."""
    if not MADE.fullmatch(name):
        raise BadMedia("Reading the file gave answers that make no sense: it is damaged, or made to do harm.")
    return name


def checked_size(source: Stored, limits: Limits) -> int:
    if not source.exists():
        raise NotFound(f"There is no file {source.name}.")
    size_bytes = source.size_bytes
    if size_bytes == 0:
        raise BadMedia("This file is empty: it holds 0 bytes. Upload it again.")
    if size_bytes > limits.max_size_bytes:
        raise TooLarge(
            f"This file has {_size(size_bytes)}; the limit is {_size(limits.max_size_bytes)}. "
            "Split it, or upload its sound alone."
        )
    return size_bytes


def check_duration(duration_s: float | None, limits: Limits) -> None:
    if duration_s is not None and duration_s > limits.max_duration_s:
        raise TooLarge(
            f"This recording lasts {clock(duration_s)}; the limit is {clock(limits.max_duration_s)}. "
            "Split it into shorter parts."
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count} bytes"
