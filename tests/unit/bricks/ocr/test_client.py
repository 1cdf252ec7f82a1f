from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from brickyard.bricks.ocr.brick import OcrBrick
from brickyard.bricks.ocr.client import Ocr
from brickyard.bricks.ocr.contract import ReadReply, ReadRequest
from brickyard.kit.errors import Unsupported
from tests.unit.bricks.ocr.reading import RED, FakeReader, compute, on_offer, paint
from tests.unit.bricks.serving import served


def test_what_the_brick_reads_and_what_it_refuses_comes_through(tmp_path: Path) -> None:
    reader = FakeReader("rapidocr", frozenset({"Latn"}), {RED: ("Harbour office", 0.98)})
    socket = tmp_path / "ocr.sock"

    async def ask(**values: object) -> ReadReply:
        async with Ocr(socket) as ocr:
            return await ocr.read(ReadRequest(images=paint(tmp_path, RED), **values))  # type: ignore[arg-type]

    with served(OcrBrick([on_offer(reader)], compute()).app(), socket):
        assert asyncio.run(ask()).images[0].lines[0].text == "Harbour office"
        with pytest.raises(Unsupported, match="Latn"):
            asyncio.run(ask(languages=["ru"]))
