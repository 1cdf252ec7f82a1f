"""Reads text with PP-OCR on ONNX Runtime: the engine `rapidocr`, whose weights lie in the wheel of that name.

Only the package's parts for finding and for recognising lines are used, with sessions and settings made here. Its own
way of making sessions, which would fetch what is missing, is never entered, and neither is its classifier of angles,
which turns upright lines over.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf
from rapidocr.ch_ppocr_det import TextDetector
from rapidocr.ch_ppocr_rec import TextRecInput, TextRecognizer
from rapidocr.inference_engine.onnxruntime.main import ONNXRuntimeError
from rapidocr.utils.process_img import get_rotate_crop_image
from rapidocr.utils.typings import EngineType, LangRec

from brickyard.engines import heap, onnx
from brickyard.engines.base import Image, MemoryUse, TextLine
from brickyard.engines.scripts import scripts_of
from brickyard.kit.errors import OutOfMemory, Unavailable, Unsupported

NAME = "rapidocr"
SCRIPTS = frozenset({"Latn", "Hans", "Hant", "Jpan"})
UNREAD = frozenset({"vi"})
"""Written in one of the scripts, but with letters that the recognizer does not know."""
FINDER = "PP-OCRv6_det_small.onnx"
RECOGNIZER = "PP-OCRv6_rec_small.onnx"
LONGEST_PX = 960
"""Lines are looked for in a copy of at most this size, where nearly all of the time goes: that of a video's frame."""
PAGE_PX = 1280
"""An image that is larger than this is a page with small letters,"""
LONGEST_PAGE_PX = 1536
"""and is looked through at this size."""
LEAST_PROBABILITY = 0.3
LEAST_BOX = 0.5
WIDEN = 1.6
"""By how much a found line is widened, since its core is what is found."""
LETTER_PX = 48
"""Height to which the recognizer wants lines scaled."""
CHANGED = 4.0
"""Mean difference, in gray levels, from which on a stretch of a line shows something else than before."""
SAME_PLACE_PX = 4

Colours = NDArray[np.uint8]
"""Height × width × 3, BGR, as the package wants it."""
Corners = NDArray[np.float32]
"""Shape (4, 2), in pixels, clockwise from the top left."""


class Read(NamedTuple):
    corners: Corners
    text: str
    confidence: float


class Seen(NamedTuple):
    """An image, and what was read in it."""

    image: Colours
    lines: list[Read]


def available() -> bool:
    """Whether the wheel is installed and holds the weights; looked up without importing it."""
    return all(path.is_file() for path in (_weights(FINDER), _weights(RECOGNIZER)))


class RapidOcr:
    """The `ocr` contract. Of images that follow each other, as those of a video do, only what changed is read anew.

    A line that it sees but cannot read, as one in a script it does not know, has no text and confidence 0.
    """

    name = NAME
    parallel = True
    batches: tuple[int, ...] = (1,)
    """Lines are recognised one by one: several of different lengths would only be padded."""
    scripts = SCRIPTS

    def __init__(self, threads: int = 1, device: str = "cpu") -> None:
        if not available():
            raise Unavailable("The weights of rapidocr are not installed: install rapidocr 3.10, which carries them.")
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        cv2.setNumThreads(threads)
        self.frees_memory = device == "cpu"
        self._device = device
        with onnx.room(self.name, device):
            finder = onnx.session(_weights(FINDER), threads, device)
            self._find = _finder(finder, LONGEST_PX)
            self._find_in_page = _finder(finder, LONGEST_PAGE_PX)
            self._recognize = _recognizer(onnx.session(_weights(RECOGNIZER), threads, device))

    def read(self, images: Sequence[Image], languages: Sequence[str], batch: int = 1) -> list[list[TextLine]]:
        if missing := sorted(scripts_of(languages) - SCRIPTS) or sorted(UNREAD.intersection(languages)):
            raise Unsupported(
                f"The engine {NAME} reads {', '.join(sorted(SCRIPTS))}, not {', '.join(missing)}: tesseract with the "
                "language's data would do."
            )
        found: list[list[TextLine]] = []
        before: Seen | None = None
        with onnx.room(self.name, self._device), _as_out_of_memory(self._device):
            for image in images:
                before = self._read(np.ascontiguousarray(image[:, :, ::-1]), before)
                found.append([_line(read, image) for read in in_reading_order(before.lines)])
        return found

    def drop_caches(self) -> None:
        heap.trim()

    def memory(self) -> MemoryUse | None:
        """ONNX Runtime does not tell."""
        return None

    def close(self) -> None:
        del self._find, self._find_in_page, self._recognize
        heap.trim()

    def _read(self, image: Colours, before: Seen | None) -> Seen:
        finder = self._find if max(image.shape[:2]) <= PAGE_PX else self._find_in_page
        boxes = finder(image).boxes
        corners = [] if boxes is None else [np.asarray(box, np.float32) for box in boxes]
        known = [unchanged(box, image, before) for box in corners]
        crops = [
            get_rotate_crop_image(image, box.copy()) for box, line in zip(corners, known, strict=True) if line is None
        ]
        new = iter(self._recognized(crops))
        lines = [line or Read(box, *next(new)) for box, line in zip(corners, known, strict=True)]
        return Seen(image, lines)

    def _recognized(self, crops: list[Any]) -> list[tuple[str, float]]:
        if not crops:
            return []
        result = self._recognize(TextRecInput(img=crops))
        pairs = [(text.strip(), float(score)) for text, score in zip(result.txts, result.scores, strict=True)]
        return [(text, score if text else 0.0) for text, score in pairs]


@contextmanager
def _as_out_of_memory(device: str) -> Iterator[None]:
    """The package wraps what ONNX Runtime raises into an error of its own, whose text is all that is left."""
    try:
        yield
    except ONNXRuntimeError as error:
        if not heap.says_no_room(error):
            raise
        raise OutOfMemory(f"{NAME}: the device {device} had no room for an image.") from error


def unchanged(corners: Corners, image: Colours, before: Seen | None) -> Read | None:
    """What was read at this place in the image before, where it still looks the same in every part."""
    if before is None or before.image.shape != image.shape:
        return None
    for line in before.lines:
        if np.abs(line.corners - corners).max() <= SAME_PLACE_PX and _looks_same(corners, image, before.image):
            return line
    return None


def in_reading_order(lines: Sequence[Read]) -> list[Read]:
    """Rows from top to bottom, each from left to right."""
    rows: list[list[Read]] = []
    for line in sorted(lines, key=_middle):
        if rows and abs(_middle(line) - _middle(rows[-1][0])) < min(_height(line), _height(rows[-1][0])) / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: float(line.corners[:, 0].min()))]


def _looks_same(corners: Corners, one: Colours, other: Colours) -> bool:
    """Judged by the green of squares as high as the line, since one letter changes little of a whole line."""
    left, top = np.maximum(corners.min(axis=0), 0).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
    a, b = (image[top:bottom, left:right, 1].astype(np.int16) for image in (one, other))
    columns = np.abs(a - b).mean(axis=0)
    step = max(4, (bottom - top) // 2)
    return bool(np.add.reduceat(columns, np.arange(0, len(columns), step)).max() / step <= CHANGED)


def _middle(line: Read) -> float:
    return float(line.corners[:, 1].mean())


def _height(line: Read) -> float:
    return float(line.corners[:, 1].max() - line.corners[:, 1].min())


def _line(read: Read, image: Image) -> TextLine:
    height, width = image.shape[:2]
    (left, top), (right, bottom) = read.corners.min(axis=0), read.corners.max(axis=0)
    box = (left / width, top / height, right / width, bottom / height)
    return TextLine(read.text, read.confidence, (*(min(1.0, max(0.0, float(side))) for side in box),))  # type: ignore[arg-type]


def _finder(session: Any, longest_px: int) -> TextDetector:
    return TextDetector(
        _settings(
            session=session,
            limit_side_len=longest_px,
            limit_type="max",
            mean=[0.5] * 3,
            std=[0.5] * 3,
            thresh=LEAST_PROBABILITY,
            box_thresh=LEAST_BOX,
            unclip_ratio=WIDEN,
            use_dilation=True,
        )
    )


def _recognizer(session: Any) -> TextRecognizer:
    """Raises Unavailable where the model does not name its letters: the package would try to fetch a list."""
    if "character" not in session.get_modelmeta().custom_metadata_map:
        raise Unavailable(f"{RECOGNIZER} does not name its letters; install rapidocr 3.10, whose weights do.")
    return TextRecognizer(_settings(session=session, rec_batch_num=1, rec_img_shape=[3, LETTER_PX, LETTER_PX]))


def _settings(**values: Any) -> Any:
    """As the package's parts want them; a session that is given is used, and none is made."""
    own = {"engine_type": EngineType.ONNXRUNTIME, "lang_type": LangRec.CH, "font_path": None}
    return OmegaConf.create({**own, **values}, flags={"allow_objects": True})


def _weights(name: str) -> Path:
    spec = importlib.util.find_spec("rapidocr")
    origin = Path(spec.origin) if spec is not None and spec.origin is not None else Path()
    return origin.parent / "models" / name
