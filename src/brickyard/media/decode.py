"""The sound of a recording as WAV, 16 kHz, 16 bits; made in a child process, in constant memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brickyard.kit.sealed import Stored
from brickyard.media import child
from brickyard.media.limits import Limits
from brickyard.media.probe import checked_size

# A file is called cut off when this much is missing, and this share: encoders round at both ends.
MISSING_S = 1.0
MISSING_SHARE = 0.02
# Less silence than this in place of lost sound is not worth a warning.
WORTH_SAYING_S = 0.5

OnProgress = Callable[[float, float | None], None]
"""Called with the seconds decoded and the seconds expected, where known."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """`channels` is 2 where each holds one speaker, else 1. `expected_s` is what the file says, or None.

    `warnings` are for the person who uploaded the file. `peak_rss_mib` is the memory that decoding took.
    """

    duration_s: float
    channels: int
    expected_s: float | None
    warnings: tuple[str, ...]
    peak_rss_mib: float


async def decode(source: Stored, target: Stored, limits: Limits, on_progress: OnProgress | None = None) -> Decoded:
    """Writes `target` whole or not at all; after an error or cancelling nothing is left beside it.

    Raises BadMedia where nothing could be decoded, TooLarge over a limit.
    """
    checked_size(source, limits)
    part = target.path.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    arguments = {
        "source": source.told,
        "target": target.at(part).told,
        "max_duration_s": limits.max_duration_s,
    }

    def on_report(news: dict[str, Any]) -> None:
        if on_progress is not None:
            on_progress(news["done_s"], news["expected_s"])

    try:
        part.touch()  # so that the child may write to this file alone, not to what lies beside it
        facts = await child.run(
            "brickyard.media.extract:extract", arguments, limits.decode, on_report, reads=[source.path], writes=[part]
        )
        part.replace(target.path)
    finally:
        part.unlink(missing_ok=True)
    return Decoded(
        duration_s=facts["duration_s"],
        channels=facts["channels"],
        expected_s=facts["expected_s"],
        warnings=(*_cut_off(facts["duration_s"], facts["expected_s"]), *_damage(**facts["damage"])),
        peak_rss_mib=facts["peak_rss_mib"],
    )


def _cut_off(duration_s: float, expected_s: float | None) -> list[str]:
    if expected_s is None or expected_s - duration_s <= max(MISSING_S, MISSING_SHARE * expected_s):
        return []
    return [f"The file says {expected_s:.1f} s, but only {duration_s:.1f} s could be decoded: it may be cut off."]


def _damage(skipped_packets: int, silences: int, silence_s: float, unread: bool) -> list[str]:
    said = []
    if skipped_packets:
        said.append(f"{skipped_packets} damaged packet(s) of sound were skipped.")
    if silence_s > WORTH_SAYING_S:
        said.append(f"{silence_s:.1f} s of sound are missing in {silences} place(s); the result is silent there.")
    if unread:
        said.append("The end of the file cannot be read: it is damaged there.")
    return said
