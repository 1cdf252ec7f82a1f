"""Takes still pictures out of a video, about one a second, and keeps those that changed. Runs in the child only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from PIL import Image

from brickyard.kit.errors import BadMedia, TooLarge
from brickyard.kit.sealed import Stored, Told
from brickyard.media import container as media
from brickyard.media.gate import HEIGHT, WIDTH, Gate
from brickyard.media.limits import clock

READ_ERRORS_IN_A_ROW = 20
JPEG_QUALITY = 90
MOST_PIXELS = 8192 * 8192


def extract(
    report: Callable[[dict[str, Any]], None],
    source: Told,
    folder: str,
    every_s: float,
    longest_px: int,
    max_duration_s: float,
    threads: int,
) -> dict[str, Any]:
    """Writes JPEG files, sealed as the source is, and reports {time, file} of each.

    The result says has_video, looked, and end_s.
    """
    looked, end_s = 0, 0.0
    recording = Stored.of(**source)
    with media.opened(recording) as opened:
        video = media.pictures_of(opened)
        if video is None or video.codec_context is None:
            return {"has_video": False, "looked": 0, "end_s": 0.0}
        start_s = media.start_s(opened) or 0.0
        _hurry(opened, video, threads)
        gate = Gate()
        for time_s, frame in looks(_frames(opened, video), start_s, every_s):
            if time_s > max_duration_s + every_s:
                raise TooLarge(
                    f"This video lasts longer than {clock(max_duration_s)}, which is the limit. "
                    "Split it into shorter parts."
                )
            looked, end_s = looked + 1, time_s + every_s
            gray = frame.reformat(width=WIDTH, height=HEIGHT, format="gray").to_ndarray()
            if gate.keeps(gray, time_s):
                name = f"{round(time_s * 1000):010}.jpg"
                with recording.at(Path(folder) / name).open("wb") as file:
                    _picture(frame, longest_px).save(file, format="JPEG", quality=JPEG_QUALITY)
                report({"time": round(time_s, 3), "file": name})
    if not looked:
        raise BadMedia("No picture could be decoded from this video: it is damaged. Convert it to MP4.")
    return {"has_video": True, "looked": looked, "end_s": round(end_s, 3)}


def looks(frames: Iterator[Any], start_s: float, every_s: float) -> Iterator[tuple[float, Any]]:
    """The first frame of each stretch of `every_s`, with seconds from the recording's start."""
    latest = -1
    for frame in frames:
        if frame.time is None:
            continue
        time_s = frame.time - start_s
        stretch = int(time_s // every_s)
        if stretch > latest:
            latest = stretch
            yield time_s, frame


def _hurry(opened: Any, video: Any, threads: int) -> None:
    """Frames that no other one refers to need not be decoded: enough are left for one look a second."""
    context = video.codec_context
    if context.width * context.height > MOST_PIXELS:
        raise TooLarge(
            f"The pictures of this video have {context.width} × {context.height} pixels; at most "
            f"{MOST_PIXELS:,} are read. Convert it to a smaller size."
        )
    media.only(opened, video)
    context.thread_type = "AUTO"
    context.thread_count = threads
    context.skip_frame = "NONREF"


def _frames(opened: Any, video: Any) -> Iterator[Any]:
    """Every frame that can be decoded, past those that cannot."""
    failures = 0
    while failures < READ_ERRORS_IN_A_ROW:
        try:
            for packet in opened.demux(video):
                failures = 0
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    continue
            return
        except MemoryError:
            raise
        except av.FFmpegError:
            failures += 1


def _picture(frame: Any, longest_px: int) -> Image.Image:
    """Upright, with square pixels as they are stored, and not larger than asked for."""
    scale = min(1.0, longest_px / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture = Image.fromarray(frame.reformat(width=width, height=height, format="rgb24").to_ndarray())
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
