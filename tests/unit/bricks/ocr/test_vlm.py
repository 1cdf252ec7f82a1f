from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from brickyard.bricks.llm.contract import Completion, CompletionRequest, LlmModel
from brickyard.bricks.ocr.brick import OcrBrick
from brickyard.bricks.ocr.contract import ReadRequest
from brickyard.bricks.ocr.vlm import VlmReader, lines_of
from brickyard.kit.errors import Busy, Unsupported
from brickyard.kit.sealed import Stored, new_key
from tests.unit.bricks.ocr.reading import BLUE, RED, compute, paint


class FakeLlm:
    """Reads every picture as the same two lines."""

    def __init__(self, *models: LlmModel, busy: bool = False) -> None:
        self.asked: list[CompletionRequest] = []
        self._models = list(models)
        self._busy = busy

    async def complete(self, request: CompletionRequest) -> Completion:
        if self._busy:
            raise Busy("The line is full.", retry_after_s=2.0)
        self.asked.append(request)
        text = "```text\nHarbour office\n\n  Room B-217\n```"
        model = request.model or "default"
        return Completion(
            text=text, model=model, prompt_tokens=9, completion_tokens=5, truncated=False, computed_s=0.25
        )

    async def models(self) -> list[LlmModel]:
        return self._models


TEXT = LlmModel(name="text", backend="one")
SEEING = LlmModel(name="seeing", backend="one", vision=True)


def test_a_vision_model_reads_each_image(tmp_path: Path) -> None:
    llm = FakeLlm(TEXT, SEEING)
    images = paint(tmp_path, RED, BLUE)
    request = ReadRequest(images=images, engine="vlm", languages=["en"], priority="batch", tenant="ada")
    reply = asyncio.run(VlmReader(llm).read(request))
    assert [[line.text for line in image.lines] for image in reply.images] == [["Harbour office", "Room B-217"]] * 2
    assert all(line.box is None and line.confidence is None for image in reply.images for line in image.lines)
    assert {(image.engine, image.width, image.height) for image in reply.images} == {("vlm seeing", 64, 32)}
    assert (reply.engine, reply.computed_s) == ("vlm", 0.5)
    asked = llm.asked[1]
    assert (asked.model, asked.priority, asked.tenant, asked.temperature) == ("seeing", "batch", "ada", 0.0)
    assert base64.b64decode(asked.messages[0].images[0]) == Path(images[1]).read_bytes()
    assert "Expected languages: en" in asked.messages[0].content


def test_a_sealed_image_is_shown_as_it_is(tmp_path: Path) -> None:
    llm = FakeLlm(SEEING)
    [plain] = paint(tmp_path, RED)
    sealed = Stored(tmp_path / "sealed.png", new_key())
    sealed.write_bytes(Path(plain).read_bytes())
    asyncio.run(VlmReader(llm).read(ReadRequest(images=[str(sealed.path)], key=sealed.key_text)))
    assert base64.b64decode(llm.asked[0].messages[0].images[0]) == Path(plain).read_bytes()


def test_a_model_that_is_named_is_taken(tmp_path: Path) -> None:
    llm = FakeLlm(TEXT)
    asyncio.run(VlmReader(llm, model="mine").read(ReadRequest(images=paint(tmp_path, RED))))
    assert llm.asked[0].model == "mine"


def test_where_no_model_sees_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="None of the 1 models"):
        asyncio.run(VlmReader(FakeLlm(TEXT)).read(ReadRequest(images=paint(tmp_path, RED))))


def test_it_is_asked_only_where_somebody_wants_it(tmp_path: Path) -> None:
    llm = FakeLlm(SEEING)
    with TestClient(OcrBrick([], compute(), VlmReader(llm)).app()) as client:
        images = paint(tmp_path, RED)
        assert client.post("/read", json={"images": images}).status_code == 422
        assert llm.asked == []
        reply = client.post("/read", json={"images": images, "engine": "vlm"}).json()
        assert [line["text"] for line in reply["images"][0]["lines"]] == ["Harbour office", "Room B-217"]
        assert client.get("/health").json()["engine"] == "vlm"


def test_what_the_llm_brick_refuses_is_passed_on(tmp_path: Path) -> None:
    with TestClient(OcrBrick([], compute(), VlmReader(FakeLlm(SEEING, busy=True))).app()) as client:
        answer = client.post("/read", json={"images": paint(tmp_path, RED), "engine": "vlm"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("  \n\n", []),
        ("one\ntwo", ["one", "two"]),
        ("```\none\n```", ["one"]),
    ],
)
def test_fences_and_empty_lines_are_no_text(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines
