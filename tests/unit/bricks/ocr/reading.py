"""A stand-in for text readers: each picture says by its colour what is written in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image as Pictures

from brickyard.bricks.compute import Compute
from brickyard.bricks.models import Offer
from brickyard.bricks.ocr.brick import Reader
from brickyard.bricks.ocr.routing import ReaderCard
from brickyard.engines.base import Image, MemoryUse, TextLine
from brickyard.kit.errors import OutOfMemory

Colour = tuple[int, int, int]
WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)
TOP: tuple[float, float, float, float] = (0.1, 0.1, 0.9, 0.2)


class FakeReader:
    """`says`: what it reads in a picture of a colour, with a confidence."""

    parallel = True
    batches: tuple[int, ...] = (1,)
    frees_memory = True

    def __init__(self, name: str, scripts: frozenset[str], says: Mapping[Colour, tuple[str, float]]) -> None:
        self.name = name
        self.scripts = scripts
        self.asked: list[tuple[int, tuple[str, ...]]] = []
        self._says = says

    def read(self, images: Sequence[Image], languages: Sequence[str], batch: int) -> list[list[TextLine]]:
        self.asked.append((len(images), tuple(languages)))
        return [self._lines(image) for image in images]

    def _lines(self, image: Image) -> list[TextLine]:
        red, green, blue = (int(value) for value in image[0, 0])
        if (red, green, blue) == (1, 2, 3):
            raise OutOfMemory("there is no room for this picture")
        text, confidence = self._says.get((red, green, blue), ("", 0.0))
        return [TextLine(text, confidence, TOP)] if confidence else []

    def drop_caches(self) -> None: ...

    def memory(self) -> MemoryUse | None:
        return None

    def close(self) -> None: ...


def on_offer(
    reader: FakeReader, languages: frozenset[str] | None = None, unread: frozenset[str] = frozenset()
) -> Reader:
    offer: Offer[Any] = Offer(reader.name, "cpu", lambda: reader, 1, lambda batch: 1)
    return Reader(ReaderCard(reader.name, reader.scripts, languages, unread), offer)


def compute() -> Compute:
    """Of a process that holds little, whatever other tests have left in this one."""
    return Compute("ocr", resident_mib=lambda: 100)


def paint(folder: Path, *colours: Colour) -> list[str]:
    """A picture of each colour."""
    paths = [folder / f"{number}.png" for number, _ in enumerate(colours)]
    for path, colour in zip(paths, colours, strict=True):
        Pictures.new("RGB", (64, 32), colour).save(path)
    return [str(path) for path in paths]
