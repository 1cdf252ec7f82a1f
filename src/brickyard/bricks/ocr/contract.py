"""What is said between the `ocr` brick and its callers.

Images are named, not sent: each is the path of a JPEG or PNG that both sides can read, made by media/frames.py or
media/pages.py; all are sealed with `key`, in hex digits, or plain where that is None. Boxes are left, top,
right, bottom as parts of the image's width and height, 0…1.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from brickyard.engines.base import TextLine
from brickyard.kit.sealed import Stored

MOST_IMAGES = 64

EngineChoice = Literal["auto", "rapidocr", "tesseract", "vlm"]
Box = tuple[float, float, float, float]


class ReadRequest(BaseModel):
    """What is written in these images? Those of a video in order of time, since what did not change is read once.

    `languages`: ISO 639-1 codes that are expected; none is no hint. `engine`: `auto` chooses by script and never
    takes `vlm`, the vision model of the LLM servers, which is for those who ask for it.
    """

    images: list[str] = Field(min_length=1, max_length=MOST_IMAGES)
    key: str | None = Field(default=None, repr=False)
    languages: list[str] = Field(default=[], max_length=10)
    engine: EngineChoice = "auto"
    priority: str = "standard"
    tenant: str = "local"

    @property
    def pictures(self) -> list[Stored]:
        return [Stored.of(image, self.key) for image in self.images]


class LineModel(BaseModel):
    """`confidence` and `box` are None where a vision model read it: it tells neither."""

    text: str
    confidence: float | None = None
    box: Box | None = None


class ImageText(BaseModel):
    """The lines of one image, in reading order, and which engine read them. Sizes in pixels."""

    lines: list[LineModel]
    engine: str
    width: int
    height: int


class ReadReply(BaseModel):
    """`computed_s`, seconds that devices computed this, without waiting for them."""

    images: list[ImageText]
    engine: str
    computed_s: float = 0.0


def line_model(line: TextLine) -> LineModel:
    left, top, right, bottom = (round(side, 4) for side in line.box)
    return LineModel(text=line.text, confidence=round(line.confidence, 3), box=(left, top, right, bottom))
