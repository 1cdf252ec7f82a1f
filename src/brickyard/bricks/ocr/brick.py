"""The `ocr` brick: what is written in images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

from fastapi import FastAPI, Request

from brickyard.bricks.compute import Compute
from brickyard.bricks.contract import Health
from brickyard.bricks.models import Offer
from brickyard.bricks.ocr import routing
from brickyard.bricks.ocr.contract import ImageText, ReadReply, ReadRequest, line_model
from brickyard.bricks.ocr.routing import ReaderCard
from brickyard.bricks.ocr.vlm import NAME as VLM
from brickyard.bricks.ocr.vlm import VlmReader
from brickyard.bricks.server import application
from brickyard.engines.base import Image, TextLine, TextReader
from brickyard.kit.errors import Unsupported
from brickyard.kit.logs import get
from brickyard.kit.sealed import Stored
from brickyard.media import pictures

log = get(__name__)

LEAST_CONFIDENCE = 0.5
"""What is less sure than this is left out: it is texture more often than text."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An engine on offer, and what it reads."""

    card: ReaderCard
    offer: Offer[TextReader]


@dataclass(slots=True)
class _Reading:
    """What is known of the images of a request so far."""

    lines: list[list[TextLine]]
    engines: list[str]
    sizes: list[tuple[int, int]]
    computed_s: float


class OcrBrick:
    """`readers` stand in order of preference. `vlm`: None where no LLM brick is there to ask."""

    def __init__(self, readers: Sequence[Reader], compute: Compute, vlm: VlmReader | None = None) -> None:
        self._readers = {reader.card.name: reader for reader in readers}
        self._cards = [reader.card for reader in readers]
        self._compute = compute
        self._vlm = vlm

    def app(self) -> FastAPI:
        pinned = [reader.offer for reader in self._readers.values() if reader.offer.pinned]
        app = application(self._compute, self._health, pinned)

        @app.post("/read")
        async def read(request: Request, body: ReadRequest) -> ReadReply:
            if body.engine == VLM:
                return await self._by_vlm(body)
            return await self._read(request, body)

        return app

    async def _by_vlm(self, body: ReadRequest) -> ReadReply:
        if self._vlm is None:
            raise Unsupported("The engine vlm needs an LLM server with a vision model, and none is set here.")
        return await self._vlm.read(body)

    async def _read(self, request: Request, body: ReadRequest) -> ReadReply:
        card = routing.reader_for(body.languages, body.engine, self._cards)
        everything = range(len(body.images))
        lines, sizes, computed_s = await self._by(card, request, body, everything, body.languages)
        found = _Reading(lines, [card.name] * len(lines), sizes, computed_s)
        if body.engine == "auto" and not body.languages:
            await self._try_others(card, request, body, found)
        return _reply(found)

    async def _try_others(self, first: ReaderCard, request: Request, body: ReadRequest, found: _Reading) -> None:
        """The doubtful image with most text tells the script; the other doubtful ones are read in that script only."""
        doubtful = routing.doubtful(found.lines)
        if not doubtful:
            return
        best: tuple[ReaderCard, list[str], list[TextLine]] | None = None
        for card, languages in routing.others(first, self._cards):
            [tried], _, computed_s = await self._by(card, request, body, doubtful[:1], languages)
            found.computed_s += computed_s
            if routing.is_better(tried, best[2] if best else found.lines[doubtful[0]]):
                best = (card, languages, tried)
        if best is None:
            return
        card, languages, tried = best
        more, _, computed_s = await self._by(card, request, body, doubtful[1:], languages)
        found.computed_s += computed_s
        for index, lines in zip(doubtful, [tried, *more], strict=True):
            if routing.is_better(lines, found.lines[index]):
                found.lines[index], found.engines[index] = lines, card.name

    async def _by(
        self, card: ReaderCard, request: Request, body: ReadRequest, which: Sequence[int], languages: Sequence[str]
    ) -> tuple[list[list[TextLine]], list[tuple[int, int]], float]:
        if not which:
            return [], [], 0.0
        stored = body.pictures
        work = partial(read_images, [stored[index] for index in which], languages)
        offer = self._readers[card.name].offer
        computed = await self._compute.run_chunk(request, offer, body.priority, body.tenant, work)
        return *computed.result, computed.computed_s

    def _health(self) -> Health:
        names = [*self._readers, *([VLM] if self._vlm else [])]
        return Health(brick="ocr", engine=", ".join(names))


def read_images(
    stored: Sequence[Stored], languages: Sequence[str], reader: TextReader, batch: int
) -> tuple[list[list[TextLine]], list[tuple[int, int]]]:
    """The lines of each image, and their sizes, width first."""
    images = _Images(stored)
    found = reader.read(images, languages, batch)
    log.info("images read", engine=reader.name, images=len(images), lines=sum(map(len, found)), batch=batch)
    return found, [images.sizes[index] for index in range(len(images))]


class _Images(Sequence[Image]):
    """Each is read when its turn comes, so that a request for many pages takes the memory of one or two."""

    def __init__(self, stored: Sequence[Stored]) -> None:
        self._stored = stored
        self.sizes: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> Image: ...

    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...

    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        image = pictures.read(self._stored[index])
        self.sizes[index] = (image.shape[1], image.shape[0])
        return image


def _reply(found: _Reading) -> ReadReply:
    images = [
        ImageText(
            lines=[line_model(line) for line in lines if line.text and line.confidence >= LEAST_CONFIDENCE],
            engine=engine,
            width=width,
            height=height,
        )
        for lines, engine, (width, height) in zip(found.lines, found.engines, found.sizes, strict=True)
    ]
    return ReadReply(images=images, engine=", ".join(dict.fromkeys(found.engines)), computed_s=found.computed_s)
