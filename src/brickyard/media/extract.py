"""Decodes the sound of a file to WAV, 16 kHz, 16 bits, in constant memory. Runs in the child only.

    packets ─► frames ─► on the clock ─► 16 kHz blocks ─► file, counts ─► one channel or two

Damaged packets are skipped. What is missing, there or before the sound begins, is filled with silence, so
that a time in the result is a time in the video.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from brickyard.kit.errors import BadMedia, TooLarge
from brickyard.kit.sealed import Stored, Told
from brickyard.media import container as media
from brickyard.media import pcm
from brickyard.media.channels import ChannelCounts, Mix, fold
from brickyard.media.limits import clock
from brickyard.media.timeline import Damage, on_the_clock

Block = NDArray[np.int16]
"""Shape (samples, channels), at 16 kHz."""

READ_ERRORS_IN_A_ROW = 20
BLOCK_FRAMES = pcm.SAMPLE_RATE
LAYOUTS = {1: "mono", 2: "stereo"}
REPORT_EVERY_S = 0.25


def extract(
    report: Callable[[dict[str, Any]], None], source: Told, target: Told, max_duration_s: float
) -> dict[str, Any]:
    """Writes `target`; the result says duration_s, channels, mix, expected_s, peak_rss_mib and damage."""
    damage = Damage()
    recording, decoded = Stored.of(**source), Stored.of(**target)
    with media.opened(recording) as opened:
        sound = media.sound_of(opened)
        expected_s = media.promised_s(opened, sound, recording)
        start_s = media.start_s(opened)
        media.only(opened, sound)
        frames = on_the_clock(_frames(opened, sound, damage), start_s, expected_s, damage)
        tell = _teller(report, expected_s)
        written, counts = _write(_blocks(frames), decoded, max_duration_s, tell)
    mix = counts.decide() if counts else None
    if mix not in (None, Mix.KEEP):
        fold(decoded, mix)
    decoded.sync()
    return {
        "duration_s": written / pcm.SAMPLE_RATE,
        "channels": 2 if mix is Mix.KEEP else 1,
        "mix": mix.name if mix else None,
        "expected_s": expected_s,
        "peak_rss_mib": _peak_rss_mib(),
        "damage": asdict(damage),
    }


def _frames(opened: Any, sound: Any, damage: Damage) -> Iterator[Any]:
    """Every frame that can be decoded, past those that cannot."""
    failures = 0
    while failures < READ_ERRORS_IN_A_ROW:
        try:
            for packet in opened.demux(sound):
                failures = 0
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    damage.skipped_packets += 1
            return
        except MemoryError:
            raise
        except av.FFmpegError:
            failures += 1
    damage.unread = True


def _blocks(frames: Iterator[tuple[float, Any]]) -> Iterator[Block]:
    """Sound at 16 kHz, about a second at a time: one channel where the source has one, otherwise two."""
    resampler: Any = None
    source = None
    channels = 0
    for gap_s, frame in frames:
        channels = channels or min(2, frame.layout.nb_channels)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != source or gap_s:
            yield from _drained(resampler)
            yield from _silence(gap_s, channels)
            source = shape
            resampler = av.AudioResampler("s16", LAYOUTS[channels], pcm.SAMPLE_RATE, BLOCK_FRAMES)
        # The clock was seen to above; the resampler shall count samples and nothing else.
        frame.pts = None
        yield from (_array(piece) for piece in resampler.resample(frame))
    yield from _drained(resampler)


def _drained(resampler: Any | None) -> Iterator[Block]:
    if resampler is not None:
        yield from (_array(piece) for piece in resampler.resample(None))


def _array(frame: Any) -> Block:
    block: Block = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return block


def _silence(duration_s: float, channels: int) -> Iterator[Block]:
    remaining = round(duration_s * pcm.SAMPLE_RATE)
    while remaining > 0:
        count = min(remaining, BLOCK_FRAMES)
        yield np.zeros((count, channels), dtype=np.int16)
        remaining -= count


def _write(
    blocks: Iterator[Block],
    target: Stored,
    max_duration_s: float,
    tell: Callable[[float], None],
) -> tuple[int, ChannelCounts | None]:
    """Number of samples written a channel, and what was counted where there are two."""
    written, channels = 0, 1
    counts: ChannelCounts | None = None
    with target.open("wb") as file:
        file.write(pcm.header(1, 0))
        for block in blocks:
            channels = block.shape[1]
            if channels == 2:
                counts = counts or ChannelCounts()
                counts.add(block)
            file.write(np.ascontiguousarray(block).data)
            written += len(block)
            if written > (max_duration_s + 1) * pcm.SAMPLE_RATE:
                raise TooLarge(
                    f"This recording lasts longer than {clock(max_duration_s)}, which is the limit. "
                    "Split it into shorter parts."
                )
            tell(written / pcm.SAMPLE_RATE)
        file.seek(0)
        file.write(pcm.header(channels, written))
    if not written:
        raise BadMedia("No sound could be decoded from this file: it is empty or damaged. Convert it to WAV or FLAC.")
    return written, counts


def _teller(report: Callable[[dict[str, Any]], None], expected_s: float | None) -> Callable[[float], None]:
    """Reports a few times a second, however fast the sound is decoded."""
    due = time.monotonic()

    def tell(done_s: float) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + REPORT_EVERY_S
        report({"done_s": done_s, "expected_s": expected_s})

    return tell


def _peak_rss_mib() -> float:
    """getrusage would count the parent's memory too: it is shared until the child's program is loaded."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
