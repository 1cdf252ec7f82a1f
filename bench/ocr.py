"""Character error rate of reading pages and a video, and what reading a video costs in its own length, on 2 cores.

Everything goes the way it goes in the platform: pictures made by the confined child, then the brick, in this process,
with no hint of languages; then the merging over time. Cost is the time of all of it by the clock over the length of
the video. Errors are edits (Levenshtein) over the letters that were drawn; of a video, text that was never shown counts
as edits too. Spaces and line ends count as one space.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import form
import httpx
import ocr_scenes
from ocr_scenes import Shown

from brickyard.bricks.compute import Compute
from brickyard.bricks.models import Offer
from brickyard.bricks.ocr.brick import OcrBrick, Reader
from brickyard.bricks.ocr.contract import ReadReply, ReadRequest
from brickyard.bricks.ocr.routing import ReaderCard
from brickyard.engines import rapid_ocr, tesseract
from brickyard.engines.rapid_ocr import RapidOcr
from brickyard.engines.scripts import scripts_of
from brickyard.engines.tesseract import Tesseract
from brickyard.kit import logs
from brickyard.kit.sealed import Stored
from brickyard.media.frames import extract_frames
from brickyard.media.limits import Limits
from brickyard.media.pages import draw_pages
from brickyard.text.screen import Reading, ReadLine, TextSpan, spans_of

CORES = 2
VIDEO_S, QUICK_VIDEO_S = 240, 60
GROUP = 8
"""Frames in a request, as in the platform."""


class Score:
    """Edits and letters, by part."""

    def __init__(self) -> None:
        self.rows: dict[str, list[int]] = {}

    def add(self, part: str, edits: int, letters: int) -> None:
        row = self.rows.setdefault(part, [0, 0])
        row[0] += edits
        row[1] += letters

    def cer(self, prefix: str = "") -> float | None:
        rows = [row for part, row in self.rows.items() if part.startswith(prefix)]
        letters = sum(row[1] for row in rows)
        return sum(row[0] for row in rows) / letters if letters else None


def brick() -> OcrBrick:
    readers = [
        Reader(
            ReaderCard(rapid_ocr.NAME, rapid_ocr.SCRIPTS, unread=rapid_ocr.UNREAD),
            Offer(rapid_ocr.NAME, "cpu", RapidOcr, 300, lambda batch: 300),
        )
    ]
    found = tesseract.installed()
    if found is not None:
        card = ReaderCard(tesseract.NAME, found.scripts, found.languages)
        readers.append(Reader(card, Offer(tesseract.NAME, "cpu", Tesseract, 0, lambda batch: 200)))
    return OcrBrick(readers, Compute("ocr", calls=CORES))


async def read(client: httpx.AsyncClient, paths: Sequence[Path]) -> ReadReply:
    request = ReadRequest(images=[str(path) for path in paths])
    answer = await client.post("/read", content=request.model_dump_json(), headers={"content-type": "application/json"})
    answer.raise_for_status()
    return ReadReply.model_validate_json(answer.content)


async def measure_pages(client: httpx.AsyncClient, folder: Path, quick: bool, score: Score) -> None:
    found = tesseract.installed()
    languages = found.languages if found else frozenset()
    for number, page in enumerate(ocr_scenes.pages(quick)):
        if scripts_of([page.language]) != {"Latn"} and page.language not in languages:
            form.note(f"left out, since tesseract has no data for it: {page.name}")
            continue
        source = folder / f"{number}.image"
        source.write_bytes(page.picture)
        [drawn] = await draw_pages(Stored(source), folder / f"{number}")
        reply = await read(client, [drawn.stored.path])
        said = " ".join(line.text for line in reply.images[0].lines)
        score.add(f"pages {page.language}", edits(normal(page.text), normal(said)), len(normal(page.text)))


async def measure_video(
    client: httpx.AsyncClient, video: Path, folder: Path
) -> tuple[list[TextSpan], dict[str, float]]:
    """What was read in it, and seconds by part."""
    began = time.perf_counter()
    found = await extract_frames(Stored(video), folder, Limits())
    extracted = time.perf_counter()
    groups = [found.frames[first : first + GROUP] for first in range(0, len(found.frames), GROUP)]
    side_by_side = asyncio.Semaphore(CORES)

    async def read_group(paths: list[Path]) -> ReadReply:
        async with side_by_side:
            return await read(client, paths)

    replies = await asyncio.gather(*(read_group([folder / frame.file for frame in group]) for group in groups))
    were_read = time.perf_counter()
    images = [image for reply in replies for image in reply.images]
    readings = [
        Reading(
            frame.time, frame.until, [ReadLine(line.text, line.confidence or 0.0, line.box) for line in image.lines]
        )
        for frame, image in zip(found.frames, images, strict=True)
    ]
    spans = spans_of(readings)
    ended = time.perf_counter()
    form.note(f"{found.looked} looks, {len(found.frames)} frames read")
    seconds = {"extract": extracted - began, "read": were_read - extracted, "merge": ended - were_read}
    return spans, {**seconds, "all": ended - began}


def score_video(truth: Sequence[Shown], spans: Sequence[TextSpan], score: Score) -> int:
    """How many texts were found without an error. Each span counts for one text; those left over were never shown."""
    left = list(spans)
    right = 0
    for shown in truth:
        then = [span for span in left if span.start < shown.end and span.end > shown.start]
        best = min(then, key=lambda span: edits(shown.text, span.text), default=None)
        wrong = len(shown.text) if best is None else edits(shown.text, best.text)
        if best is not None and wrong < len(shown.text) / 2:
            left.remove(best)
        score.add("video", min(wrong, len(shown.text)), len(shown.text))
        right += wrong == 0
    for span in left:
        form.note(f"never shown: {span.start:.0f}–{span.end:.0f} s {span.text!r}")
    score.add("video", sum(len(span.text) for span in left), 0)
    return right


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def normal(text: str) -> str:
    return " ".join(text.split())


def serving(service: OcrBrick) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service.app())
    return httpx.AsyncClient(transport=transport, base_url="http://brick", timeout=600)


async def measure(quick: bool, folder: Path) -> tuple[Score, dict[str, float], float]:
    score = Score()
    length_s = QUICK_VIDEO_S if quick else VIDEO_S
    video = folder / "video.mp4"
    truth = ocr_scenes.write_video(video, length_s)
    async with serving(brick()) as client:
        await measure_pages(client, folder, quick, score)
        spans, seconds = await measure_video(client, video, folder / "frames")
    right = score_video(truth, spans, score)
    form.note(f"{right} of {len(truth)} texts of the video are right to the letter, in {len(spans)} spans")
    return score, seconds, length_s


def main() -> None:
    options = form.arguments(__doc__ or "")
    logs.configure("bench", "WARNING")
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))
    with tempfile.TemporaryDirectory() as name:
        score, seconds, length_s = asyncio.run(measure(options.quick, Path(name)))
    rows: list[tuple[object, ...]] = [(part, row[1], row[0], row[0] / row[1]) for part, row in score.rows.items()]
    form.table(("part", "letters", "edits", "cer"), rows)
    print()
    form.table(("of the video's length", *seconds), [(f"{length_s} s", *(s / length_s for s in seconds.values()))])
    form.close(
        "ocr",
        {
            "cer": score.cer(),
            "cer_pages": score.cer("pages"),
            "cer_video": score.cer("video"),
            "cost_x_realtime": seconds["all"] / length_s,
        },
    )


if __name__ == "__main__":
    main()
