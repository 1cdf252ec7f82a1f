"""The pages of a PDF, or of an image, as pictures to read; made in a child process."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brickyard.kit.errors import BadMedia, NotFound, TooLarge
from brickyard.kit.sealed import Stored
from brickyard.media import child
from brickyard.media.limits import ChildLimits
from brickyard.media.probe import absolute, checked_name

CHILD = ChildLimits(memory_mib=3072, cpu_s=600, wall_s=900.0, written_mib=64)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """`max_pixels`: of an image as it was sent. Pages are drawn at `dpi`, their longest side at most `longest_px`."""

    max_pages: int = 500
    max_bytes: int = 200 * 10**6
    max_pixels: int = 100 * 10**6
    longest_px: int = 2500
    dpi: int = 150
    child: ChildLimits = CHILD


@dataclass(frozen=True, slots=True)
class Page:
    """One picture, PNG, sealed as the document is; sizes in pixels."""

    stored: Stored
    width: int
    height: int


async def draw_pages(source: Stored, folder: Path, limits: PageLimits | None = None) -> list[Page]:
    """Makes `folder` and fills it, in order of the pages. After an error it is gone again.

    Raises BadMedia where the file is neither a PDF nor an image, or is damaged or locked; TooLarge over a limit.
    """
    limits = limits or PageLimits()
    _prepare(source, folder, limits)
    pages: list[Page] = []

    def on_report(news: dict[str, Any]) -> None:
        pages.append(Page(source.at(folder / checked_name(news["file"])), news["width"], news["height"]))

    arguments = {
        "source": source.told,
        "folder": absolute(folder),
        "max_pages": limits.max_pages,
        "max_pixels": limits.max_pixels,
        "longest_px": limits.longest_px,
        "dpi": limits.dpi,
    }
    try:
        await child.run(
            "brickyard.media.paper:draw",
            arguments,
            limits.child,
            on_report,
            reads=[source.path],
            writes=[folder],
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return pages


def _prepare(source: Stored, folder: Path, limits: PageLimits) -> None:
    if not source.exists():
        raise NotFound(f"There is no file {source.name}.")
    size_bytes = source.size_bytes
    if size_bytes == 0:
        raise BadMedia("This file is empty: it holds 0 bytes. Send it again.")
    if size_bytes > limits.max_bytes:
        raise TooLarge(f"This file has {size_bytes:,} bytes; the limit is {limits.max_bytes:,}. Split it.")
    folder.mkdir(parents=True)
