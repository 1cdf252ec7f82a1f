"""Pictures and videos with words in them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
needs_font = pytest.mark.skipif(not FONT.is_file(), reason="needs DejaVu Sans: apt-get install fonts-dejavu-core")


def picture(
    *lines: str, size: tuple[int, int] = (960, 540), height_px: int = 36, ink: str = "black", paper: str = "white"
) -> Image.Image:
    image = Image.new("RGB", size, paper)
    if not lines:
        return image
    face = ImageFont.truetype(str(FONT), height_px)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((60, 50 + row * height_px * 2), line, font=face, fill=ink)
    return image


def video(
    path: Path, shown: Sequence[tuple[Image.Image, float]], *, fps: int = 10, form: str = "mp4", codec: str = "libx264"
) -> Path:
    """Each picture for so many seconds."""
    with av.open(str(path), "w", format=form) as out:
        stream = out.add_stream(codec, rate=fps)
        stream.width, stream.height = shown[0][0].size
        stream.pix_fmt = "yuv420p"
        for image, seconds in shown:
            for _ in range(round(seconds * fps)):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        out.mux(stream.encode())
    return path
